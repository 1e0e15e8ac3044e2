"""What the versions of the aggregate manager API have alike: names, options, documents, and who may do what."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from planetlab.calls import Call
from planetlab.credentials import print_time
from planetlab.errors import BadArgument, NotFound
from planetlab.filters import Compare, both
from planetlab.names import Hrn, Urn
from planetlab.records.slices import SLICE
from planetlab.refusals import BadCredential
from planetlab.registry.store import Row
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Document, Kind
from planetlab.rspecs.versions import GENI3, Version, asked
from slice_authority.sfa import aggregate as agg
from slice_authority.sfa import allowing, papers, things
from slice_authority.sfa.aggregate import Sliver
from slice_authority.sfa.allowing import Principal
from slice_authority.sfa.options import is_set
from slice_authority.sfa.slivers import SPOKEN, packed
from slice_authority.sfa.times import moment

MOST_REQUEST = 1 << 20  # octets of a request document
MOST_URNS = 2000  # in one call
OPERATIONS = {
    "ListResources": "listnodes",
    "Describe": "listnodes",
    "Allocate": "createsliver",
    "Provision": "createsliver",
    "CreateSliver": "createsliver",
    "PerformOperationalAction": "createsliver",
    "Status": "sliverstatus",
    "SliverStatus": "sliverstatus",
    "Renew": "renewsliver",
    "RenewSliver": "renewsliver",
    "Delete": "deletesliver",
    "DeleteSliver": "deletesliver",
    "Shutdown": "stopslice",
}


@frozen
class Addressed:
    """What a call is about: a slice as it stands here, all its slivers or those on ``nodes``, and who acts."""

    hrn: Hrn
    row: Row
    nodes: tuple[int, ...] | None
    principal: Principal

    @property
    def urn(self) -> str:
        """The slice's URN."""
        return str(Urn.of(self.hrn, "slice"))

    def slivers(self, call: Call) -> list[Sliver]:
        """The slivers that the call is about. Raises `NotFound` where there are none."""
        found = agg.slivers(call, self.row, self.nodes)
        if not found:
            raise NotFound(f"slice {self.hrn} has no slivers here")
        return found


def options_of(said: Any) -> dict[str, Any]:
    """The options of a call; some clients leave them out."""
    if said is None or said == "":
        return {}
    if not isinstance(said, dict):
        raise BadArgument(f"expected a struct, got {type(said).__name__}", "options")
    return said


def addressed(call: Call, urns: Any, credentials: Any, options: Mapping[str, Any]) -> Addressed:
    """The slice that one slice URN or several slivers' URNs are about, once the caller may do this call on it.

    Whoever may not hears the same of slivers that are there and of those that are not.
    """
    hrn, slivers = _named(call, urns)
    if slivers is None:
        assert hrn is not None  # a slice is named by itself
        named = may(call, credentials, options, hrn)
        return Addressed(hrn, agg.slice_of(call, hrn), None, named)
    try:
        principal = None if hrn is None else may(call, credentials, options, hrn)
    except BadCredential:
        principal = None
    if hrn is None or principal is None:
        may(call, credentials, options, None)
        raise NotFound(f"no sliver {slivers[0][:200]} is here, or not for you")
    row = agg.slice_of(call, hrn)
    return Addressed(hrn, row, tuple(agg.node_of(call, row, urn) for urn in slivers), principal)


def begun(call: Call, urn: Any, credentials: Any, options: Mapping[str, Any]) -> Addressed:
    """As `addressed`, for a slice that need not have anything here yet."""
    hrn, slivers = _named(call, urn)
    if slivers is not None or hrn is None:
        raise BadArgument("expected the URN of a slice, not of a sliver", "slice_urn")
    principal = may(call, credentials, options, hrn)
    return Addressed(hrn, agg.slice_for(call, principal), None, principal)


def may(call: Call, credentials: Any, options: Mapping[str, Any], hrn: Hrn | None) -> Principal:
    """Who acts, by a credential for this call on this slice; without a slice one on anything will do."""
    kind = "" if hrn is None else "slice"
    principal = allowing.allowed(call, credentials, OPERATIONS[call.method], hrn, kind, options)
    if hrn is not None:
        call.store.note(f"called by {principal.hrn}")  # so that the event of what is changed says who did it
    return principal


def _named(call: Call, said: Any) -> tuple[Hrn | None, list[str] | None]:
    """The slice, and the slivers if they are named; all must be of one slice. None for slivers of none that is here."""
    urns = [said] if isinstance(said, str) else said
    if not isinstance(urns, list) or not 0 < len(urns) <= MOST_URNS:
        raise BadArgument(f"expected one slice URN or 1 to {MOST_URNS} sliver URNs", "urns")
    if len(urns) == 1 and not _is_sliver(urns[0]):
        hrn, _ = things.xrn(urns[0], "slice", "urns")
        return hrn, None
    if not all(map(_is_sliver, urns)):
        raise BadArgument("expected one slice URN, or sliver URNs only", "urns")
    names = {_slice_of(call, urn) for urn in urns}
    if len(names) != 1:
        raise BadArgument("expected slivers of one slice", "urns")
    return names.pop(), list(dict.fromkeys(urns))


def _is_sliver(said: Any) -> bool:
    return isinstance(said, str) and "+sliver+" in said.lower()


def _slice_of(call: Call, urn: str) -> Hrn | None:
    said = Urn.parse(urn)
    number = said.name.partition("-")[0]
    if said.authority == call.store.plc.hrn.path and number.isascii() and number.isdigit() and len(number) < 10:
        row = call.store.row(SLICE, both(Compare("slice_id", "=", int(number)), call.store.live(SLICE)))
        if row is not None:
            return agg.name_of(call, row)
    return None


def advertisement(call: Call, options: Mapping[str, Any], default: Version | None = None) -> str:
    """What there is, as ``geni_rspec_version``, ``geni_available`` and ``geni_compressed`` want it."""
    version = asked(options, default)
    return packed(codec.write(papers.advertisement(call, is_set(options, "geni_available")), version), options)


def manifest(call: Call, on: Addressed, slivers: Sequence[Sliver], version: Version) -> str:
    """What a slice has."""
    return codec.write(papers.manifest(call, on.row, list(slivers)), version)


def request(call: Call, said: Any) -> tuple[Document, Version]:
    """The part of a request that is ours to serve, and its spelling. Raises `BadArgument`."""
    if isinstance(said, bytes):
        said = said.decode("utf-8", "replace")
    if not isinstance(said, str):
        raise BadArgument(f"expected a document as text, got {type(said).__name__}", "rspec")
    document = codec.read(said, Kind.REQUEST, MOST_REQUEST).of(call.store.plc.hrn)
    return document, codec.version_of(said)


def end_time(call: Call, options: Mapping[str, Any]) -> float | None:
    """When the slivers shall end, if the options say so."""
    said = options.get("geni_end_time")
    return None if said in (None, "") else moment(said, call.now, "options['geni_end_time']")


def told(sliver: Sliver, *names: str) -> dict[str, Any]:
    """A sliver as version 3 tells of it; with ``names`` only those of its fields."""
    whole = {
        "geni_sliver_urn": str(sliver.urn),
        "geni_expires": print_time(sliver.expires),
        "geni_allocation_status": sliver.allocation,
        "geni_operational_status": sliver.operational,
        "geni_error": sliver.error,
    }
    return {name: whole[name] for name in names} if names else whole


def version(call: Call, api: int) -> dict[str, Any]:
    """What GetVersion tells at the address of this version of the API, with what the SFA's clients look for beside."""
    place, own = call.store.plc.sfa_places, call.store.plc.hrn
    base = place.aggregate.rstrip("/")
    return {
        "geni_api": api,
        "geni_api_versions": {str(one): f"{base}/am/{one}.0" for one in (2, 3)},
        **SPOKEN,
        "geni_single_allocation": 0,
        "geni_allocate": "geni_disjoint",
        "interface": "aggregate",
        "testbed": str(own),
        "hrn": str(own),
        "urn": str(Urn(own.path, "authority", "am")),
        "sfa": 3,
        "hostname": place.host,
        "code_tag": "plfed",
    }


DEFAULT = GENI3  # the spelling where a version of the API lets its callers name none
