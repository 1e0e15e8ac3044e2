"""The aggregate manager API, version 3: slivers are allocated, provisioned, then operated, each step by its own call.

Each call does all of what it is asked or nothing, unless ``geni_best_effort`` is set: then it does what can be done and
tells of each other sliver why it was not. An allocated sliver is held for ten minutes. Credentials are structs of
geni_type, geni_version and geni_value, the last as text or, from clients in Python 3, as base64.
"""

from collections.abc import Callable
from typing import Annotated, Any

from planetlab.calls import Call
from planetlab.errors import BadArgument, PlanetLabError
from planetlab.methods import Api, Role
from planetlab.records.slices import SLICE
from planetlab.registry.store import Row
from planetlab.rspecs.versions import asked
from slice_authority.geni import am
from slice_authority.geni.am import addressed, begun, options_of, told
from slice_authority.sfa import aggregate as agg
from slice_authority.sfa import foreign, papers, reserving
from slice_authority.sfa.aggregate import Sliver
from slice_authority.sfa.options import is_set
from slice_authority.sfa.slivers import packed
from slice_authority.sfa.times import moment

api = Api(auth=None)
ANY = (Role.ANONYMOUS,)
Urns = Annotated[Any, "One slice URN, or sliver URNs of one slice."]
SliceUrn = Annotated[Any, "A slice's URN."]
Credentials = Annotated[Any, "An array of {geni_type, geni_version, geni_value}."]
Options = Annotated[Any, "A struct."]
Rspec = Annotated[Any, "An RSpec request: GENI 3, ProtoGENI 2 or SFA 1."]
Time = Annotated[Any, "RFC 3339; without a zone it is UTC."]
Slivers = list[Row]
NUMBER = 3


Nodes = tuple[int, ...] | list[int] | None


_NOTHING: Row = {}


def _done(
    call: Call,
    on: am.Addressed,
    options: Row,
    act: Callable[[Nodes], list[Sliver]],
    only: list[int] | None = None,
    then: Row = _NOTHING,
) -> Slivers:
    """What became of the slivers that a call is about, or of those on the nodes ``only``.

    ``then`` is said of each that was done. With ``geni_best_effort`` each is tried for itself, and the call fails only
    if all of them do.
    """
    if not is_set(options, "geni_best_effort"):
        return [{**told(each), **then} for each in act(on.nodes)]
    found: Slivers = []
    refusals: list[PlanetLabError] = []
    slivers = [each for each in on.slivers(call) if only is None or each.node_id in only]
    for each in slivers:
        try:
            with call.store.attempt():
                found += [{**told(done), **then} for done in act((each.node_id,))]
        except PlanetLabError as error:
            refusals.append(error)
            found.append({**told(each), "geni_error": str(error)})
    if refusals and len(refusals) == len(slivers):
        raise refusals[0]
    return found


@api.method(*ANY, reads=True)
def GetVersion(call: Call, options: Options = None) -> Row:
    """Say which versions of the API and of RSpecs are spoken here, at which addresses, with which credentials."""
    return am.version(call, NUMBER)


@api.method(*ANY, reads=True)
def ListResources(call: Call, credentials: Credentials, options: Options) -> str:
    """Give an advertisement in the spelling of ``geni_rspec_version``; geni_available, geni_compressed are heeded."""
    said = options_of(options)
    am.may(call, credentials, said, None)
    return am.advertisement(call, said)


@api.method(*ANY, reads=True)
def Describe(call: Call, urns: Urns, credentials: Credentials, options: Options) -> Row:
    """Give a manifest of slivers, and the state of each."""
    said = options_of(options)
    on = addressed(call, urns, credentials, said)
    found, version = on.slivers(call), asked(said)
    text = packed(am.manifest(call, on, found, version), said)
    return {"geni_rspec": text, "geni_urn": on.urn, "geni_slivers": list(map(told, found))}


@api.method(*ANY)
def Allocate(call: Call, slice_urn: SliceUrn, credentials: Credentials, rspec: Rspec, options: Options) -> Row:
    """Hold slivers for what the request asks of us, for ten minutes or until ``geni_end_time`` if that is sooner.

    Leases in the request are taken at once.
    """
    said = options_of(options)
    on = begun(call, slice_urn, credentials, said)
    document, version = am.request(call, rspec)
    end = am.end_time(call, said)
    until = None if end is None else min(end, call.now + agg.HOLD)
    found = agg.allocate(call, on.row, on.principal, papers.wanted(call, rspec), until)
    reserving.reserve(call, on.row, document)
    fields = ("geni_sliver_urn", "geni_expires", "geni_allocation_status")
    return {
        "geni_rspec": am.manifest(call, on, found, version),
        "geni_slivers": [told(each, *fields) for each in found],
        "geni_urn": on.urn,
    }


@api.method(*ANY)
def Provision(call: Call, urns: Urns, credentials: Credentials, options: Options) -> Row:
    """Make the slivers that are held, for the users in ``geni_users``, until ``geni_end_time`` or the slice's end."""
    said = options_of(options)
    on = addressed(call, urns, credentials, said)
    held = [each.node_id for each in on.slivers(call) if each.allocation == "geni_allocated"]
    version, users = asked(said), foreign.read_users(said.get("geni_users"), "options['geni_users']")
    end = am.end_time(call, said)
    told_of = _done(
        call, on, said, lambda nodes: agg.provision(call, on.row, on.principal, nodes, users, end), held or None
    )
    found = agg.slivers(call, on.row, on.nodes)
    made = [each for each in found if each.allocation == "geni_provisioned"]
    return {"geni_rspec": am.manifest(call, on, made, version), "geni_slivers": told_of, "geni_urn": on.urn}


@api.method(*ANY, reads=True)
def Status(call: Call, urns: Urns, credentials: Credentials, options: Options) -> Row:
    """Tell the allocation and operational state of slivers."""
    on = addressed(call, urns, credentials, options_of(options))
    return {"geni_urn": on.urn, "geni_slivers": list(map(told, on.slivers(call)))}


@api.method(*ANY)
def PerformOperationalAction(
    call: Call,
    urns: Urns,
    credentials: Credentials,
    action: Annotated[Any, "geni_start, geni_stop, geni_restart or geni_update_users."],
    options: Options,
) -> Slivers:
    """Start, stop or restart slivers that are provisioned, or give them other users."""
    said = options_of(options)
    if not isinstance(action, str) or action not in _ACTIONS:
        raise agg.Unsupported(f"action {action!r:.60} is not done here; expected one of {', '.join(_ACTIONS)}")
    on = addressed(call, urns, credentials, said)
    on.slivers(call)
    users = foreign.read_users(said.get("geni_users"), "options['geni_users']")

    def act(nodes: Nodes) -> list[Sliver]:
        found: list[Sliver] = []
        for one in (agg.STOP, agg.START) if action == agg.RESTART else (action,):
            found = agg.perform(call, on.row, on.principal, one, nodes, users)
        return found

    return _done(call, on, said, act)


_ACTIONS = (agg.START, agg.STOP, agg.RESTART, agg.UPDATE_USERS)


@api.method(*ANY)
def Renew(call: Call, urns: Urns, credentials: Credentials, expiration_time: Time, options: Options) -> Slivers:
    """Let slivers end at another time; with ``geni_extend_alap``, at the latest that is allowed if it is too late."""
    said = options_of(options)
    on = addressed(call, urns, credentials, said)
    on.slivers(call)
    until = moment(expiration_time, call.now)
    if is_set(said, "geni_extend_alap"):
        until = min(until, _latest(call, on))
    return _done(call, on, said, lambda nodes: agg.renew(call, on.row, on.principal, until, nodes))


def _latest(call: Call, on: am.Addressed) -> float:
    most = call.now + float(call.store.plc.longest_renewal)
    return min(most, on.principal.credential.expires) if foreign.is_foreign(call.store, on.row) else most


@api.method(*ANY)
def Delete(call: Call, urns: Urns, credentials: Credentials, options: Options) -> Slivers:
    """End slivers, held or made."""
    said = options_of(options)
    on = addressed(call, urns, credentials, said)
    on.slivers(call)
    return _done(call, on, said, lambda nodes: agg.delete(call, on.row, on.principal, nodes), then=_GONE)


_GONE = {"geni_allocation_status": "geni_unallocated", "geni_operational_status": "geni_pending_allocation"}


@api.method(*ANY)
def Shutdown(call: Call, slice_urn: SliceUrn, credentials: Credentials, options: Options = None) -> bool:
    """Stop a slice in an emergency; only an admin opens it again."""
    on = addressed(call, slice_urn, credentials, options_of(options))
    if on.nodes is not None:
        raise BadArgument("expected the URN of a slice, not of a sliver", "slice_urn")
    agg.shutdown(call, call.store.find(SLICE, on.row["slice_id"]), on.principal)
    return True
