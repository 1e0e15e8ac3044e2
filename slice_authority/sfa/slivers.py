"""The aggregate interface in its forms of 2010 to 2012: slices, their slivers, and tickets for them.

A call with options, as clients since 2011 make it, is answered with {code, value, output}; without, with the value.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Annotated, Any

from attrs import evolve

from planetlab import credentials
from planetlab.calls import Call
from planetlab.errors import BadArgument, NotFound, Unavailable
from planetlab.methods import Api
from planetlab.names import Urn
from planetlab.records.slices import SLICE
from planetlab.registry.store import Row
from planetlab.rspecs import codec, versions
from planetlab.rspecs.documents import Kind
from planetlab.rspecs.versions import Version
from planetlab.shapes import Of
from slice_authority.sfa import aggregate, allowing, attributes, foreign, papers, registry, reserving, things, tickets
from slice_authority.sfa.aggregate import Sliver
from slice_authority.sfa.allowing import Principal
from slice_authority.sfa.options import is_set
from slice_authority.sfa.registry import ANY, Credentials, Name, Options
from slice_authority.sfa.replies import reply
from slice_authority.sfa.times import moment

api = Api(auth=None)

Rspec = Annotated[str, Of(str, max=4 << 20, doc="An RSpec request, in SFA 1, ProtoGENI 2 or GENI 3.")]
Users = Annotated[Any, "An array of {urn, keys}."]
CallId = Annotated[Any, "A struct of options; in 2010 the id of the call, by which a loop is noticed."]
Time = Annotated[Any, "RFC 3339 with a zone, or seconds since 1970."]


SPOKEN: Row = {
    "geni_request_rspec_versions": [one.described(Kind.REQUEST) for one in versions.VERSIONS],
    "geni_ad_rspec_versions": [one.described(Kind.ADVERTISEMENT) for one in versions.VERSIONS],
    "geni_credential_types": [
        {"geni_type": "geni_sfa", "geni_version": "2"},
        {"geni_type": "geni_sfa", "geni_version": "3"},
        {"geni_type": "geni_abac", "geni_version": "1"},
    ],
    "geni_handles_speaksfor": True,
}
"""The RSpecs and credentials that every aggregate interface here reads, as GetVersion tells them."""


@api.method(*ANY, reads=True)
def GetVersion(call: Call, options: Options | None = None) -> Row:
    """Say what this interface is, what RSpecs it speaks and which credentials it reads; in forms of 2010 and 2011."""
    return version(call, "aggregate")


def version(call: Call, interface: str) -> Row:
    """What an aggregate or a slice manager says of itself: plain, and once more as ``value``."""
    place = call.store.plc.sfa_places
    url = place.slice_interface if interface == "slicemgr" else place.aggregate
    said = {
        "interface": interface,
        "sfa": registry.GENERATION,
        "geni_api": 2,
        "geni_api_versions": {str(number): one for number, one in place.versions(url).items()},
        "hrn": str(call.store.plc.hrn),
        "urn": str(Urn(call.store.plc.hrn.path, "authority", "sm" if interface == "slicemgr" else "am")),
        "hostname": place.host,
        "testbed": call.store.plc.name,
        **SPOKEN,
        "geni_single_allocation": 0,
        "geni_allocate": "geni_many",
        "peers": {str(one.hrn): one.url for one in place.aggregates},
        "code_tag": registry.TAG,
        "code_url": "",
    }
    return {**said, "code": {"geni_code": 0, "am_type": "sfa", "am_code": 0}, "value": said, "output": ""}


@api.method(*ANY, reads=True)
def ListSlices(call: Call, creds: Credentials, options: CallId = None) -> Any:
    """List the slices that have slivers here, as URNs."""
    allowing.allowed(call, creds, "listslices", options=_options(options))
    return reply(call, [str(Urn.of(hrn, "slice")) for hrn in aggregate.here(call)])


@api.method(*ANY, reads=True)
def ListResources(call: Call, creds: Credentials, options: Options, call_id: CallId = None) -> Any:
    """Tell the nodes on offer as an RSpec advertisement; with geni_slice_urn, a slice's slivers as a manifest.

    ``geni_rspec_version`` says the spelling (SFA 1 where nothing is said), ``geni_available`` leaves out nodes that are
    not up, ``geni_compressed`` answers base64 of zlib.
    """
    said = options.get("geni_slice_urn") or options.get("geni_slice_hrn") or ""
    spelling = versions.asked(options, versions.SFA1)
    if said:
        hrn, _ = things.xrn(said, "slice", "options['geni_slice_urn']")
        allowing.allowed(call, creds, "sliverstatus", hrn, "slice", options)
        one = foreign.local_slice(call.store, hrn)
        text = codec.write(papers.manifest(call, one) if one is not None else papers.nothing(call, hrn), spelling)
    else:
        allowing.allowed(call, creds, "listnodes", options=options)
        text = codec.write(papers.advertisement(call, is_set(options, "geni_available")), spelling)
    return reply(call, packed(text, options))


def packed(text: str, options: Mapping[str, Any]) -> str:
    """A document; where ``geni_compressed`` is set, base64 of zlib."""
    return base64.b64encode(zlib.compress(text.encode())).decode() if is_set(options, "geni_compressed") else text


@api.method(*ANY)
def CreateSliver(
    call: Call, slice_xrn: Name, creds: Credentials, rspec: Rspec, users: Users = None, options: CallId = None
) -> Any:
    """Make the slice stand on exactly the nodes that the request names here; the manifest says what it got."""
    return reply(call, created(call, slice_xrn, creds, rspec, users, _options(options)))


@api.method(*ANY)
def UpdateSliver(
    call: Call, slice_xrn: Name, creds: Credentials, rspec: Rspec, users: Users = None, options: CallId = None
) -> Any:
    """As CreateSliver: amounts are absolute, so that it may be asked again and again."""
    return reply(call, created(call, slice_xrn, creds, rspec, users, _options(options)))


def created(call: Call, xrn: str, creds: Any, rspec: str, users: Any, options: Options) -> str:
    """The manifest of a slice that was made to stand where a request says."""
    principal = on_slice(call, xrn, creds, "createsliver", options)
    wanted, how = papers.wanted(call, rspec), attributes.how(options.get("pltags"))
    if how == attributes.IGNORE:
        wanted = [evolve(each, attributes=None) for each in wanted]
    one = aggregate.slice_for(call, principal)
    aggregate.realise(call, one, principal, wanted, foreign.read_users(users), how == attributes.APPEND)
    reserving.reserve(call, one, codec.read(rspec, Kind.REQUEST).of(call.store.plc.hrn))
    return codec.write(papers.manifest(call, call.store.find(SLICE, one["slice_id"])), spelling_of(rspec, options))


def spelling_of(rspec: str, options: Options) -> Version:
    """The spelling of an answer: what the options say, else that of the request."""
    return versions.asked(options, codec.version_of(rspec))


def on_slice(call: Call, xrn: str, creds: Any, operation: str, options: Options) -> Principal:
    """Who may do ``operation`` on a slice by its name."""
    hrn, _ = things.xrn(xrn, "slice", "slice_xrn")
    return allowing.allowed(call, creds, operation, hrn, "slice", options)


@api.method(*ANY)
def DeleteSliver(call: Call, xrn: Name, creds: Credentials, options: CallId = None) -> Any:
    """End all slivers of a slice here."""
    principal = on_slice(call, xrn, creds, "deletesliver", _options(options))
    one = foreign.local_slice(call.store, principal.credential.object.hrn)
    if one is not None:
        aggregate.delete(call, one, principal)
    return reply(call, True) if call.caller.modern else 1


@api.method(*ANY, reads=True)
def SliverStatus(call: Call, slice_xrn: Name, creds: Credentials, options: CallId = None) -> Any:
    """Tell how a slice's slivers are: configuring, ready, failed or unknown, each and together."""
    principal = on_slice(call, slice_xrn, creds, "sliverstatus", _options(options))
    one = aggregate.slice_of(call, principal.credential.object.hrn)
    found = aggregate.slivers(call, one)
    if not found:
        raise NotFound(f"{principal.credential.object.hrn} has no slivers here")
    return reply(call, status(call, one, found))


_STATUS = {"geni_ready": "ready", "geni_failed": "failed", "geni_notready": "unknown"}


def status(call: Call, one: Row, found: list[Sliver]) -> Row:
    """What SliverStatus tells of some slivers."""
    states = [_STATUS.get(each.operational, "configuring") for each in found]
    worst = next((word for word in ("failed", "unknown", "configuring") if word in states), "ready")
    return {
        "geni_urn": str(Urn.of(aggregate.name_of(call, one), "slice")),
        "geni_status": worst,
        "geni_expires": credentials.print_time(min(each.expires for each in found)),
        "pl_login": one["name"],
        "pl_expires": credentials.print_time(one["expires"]),
        "geni_resources": [_resource(each, state) for each, state in zip(found, states, strict=True)],
    }


def _resource(each: Sliver, state: str) -> Row:
    return {
        "geni_urn": str(each.urn),
        "geni_status": state,
        "geni_error": each.error,
        "geni_expires": credentials.print_time(each.expires),
        "pl_hostname": each.node["hostname"],
        "pl_boot_state": each.node["boot_state"],
        "pl_last_contact": credentials.print_time(each.node["last_contact"] or 0),
    }


@api.method(*ANY)
def RenewSliver(call: Call, slice_xrn: Name, creds: Credentials, expiration_time: Time, options: CallId = None) -> Any:
    """Let a slice's slivers, and with them the slice, end at another time."""
    principal = on_slice(call, slice_xrn, creds, "renewsliver", _options(options))
    one = aggregate.slice_of(call, principal.credential.object.hrn)
    aggregate.renew(call, one, principal, moment(expiration_time, call.now))
    return reply(call, True)


def _switch(call: Call, xrn: str, creds: Any, operation: str, on: bool) -> int:
    principal = on_slice(call, xrn, creds, operation, {})
    one = aggregate.slice_of(call, principal.credential.object.hrn)
    aggregate.perform(call, one, principal, aggregate.START if on else aggregate.STOP)
    return 1


@api.method(*ANY)
def Start(call: Call, xrn: Name, creds: Credentials) -> int:
    """Start a slice's slivers after a Stop."""
    return _switch(call, xrn, creds, "startslice", True)


@api.method(*ANY)
def Stop(call: Call, xrn: Name, creds: Credentials) -> int:
    """Stop a slice's slivers; they keep their place and their files."""
    return _switch(call, xrn, creds, "stopslice", False)


@api.method(*ANY)
def reset_slice(call: Call, xrn: Any, creds: Any, origin_hrn: Any = None) -> int:
    """Refused, once it is clear that the caller might: slivers are made anew at their nodes, by their owners' door.

    Of 2009 (cred, name), later (name, creds).
    """
    return _reset(call, xrn, creds)


@api.method(*ANY)
def ResetSlice(call: Call, xrn: Any, creds: Any, options: CallId = None) -> int:
    """As reset_slice."""
    return _reset(call, xrn, creds)


def _reset(call: Call, xrn: Any, creds: Any) -> int:
    if not (isinstance(xrn, str) and not xrn.lstrip().startswith("<")):
        xrn, creds = creds, xrn
    if not isinstance(xrn, str):
        raise BadArgument("expected a slice's name", "xrn")
    principal = on_slice(call, xrn, creds, "resetslice", {})
    name = principal.credential.object.hrn
    raise Unavailable(f"the slivers of {name} are reset at their nodes (ReCreate), which keep no door open for us")


@api.method(*ANY)
def Shutdown(call: Call, slice_xrn: Name, creds: Credentials, options: CallId = None) -> Any:
    """Stop a slice in an emergency; its slivers stay for who looks into it, and only an admin opens it again."""
    said = _options(options)
    principal = on_slice(call, slice_xrn, creds, "shutdown", said)
    aggregate.shutdown(call, aggregate.slice_of(call, principal.credential.object.hrn), principal)
    return reply(call, True) if call.caller.modern else 1


@api.method(*ANY)
def GetTicket(
    call: Call, xrn: Name, creds: Credentials, rspec: Any = None, users: Users = None, options: CallId = None
) -> Any:
    """Give a slice's ticket, signed XML, for the nodes that the request names: whoever brings it there gets a sliver.

    Without a request it is for the nodes that the slice is on already.
    """
    principal = on_slice(call, xrn, creds, "getticket", _options(options))
    return reply(call, tickets.give(call, principal, rspec, users))


@api.method(*ANY)
def RedeemTicket(call: Call, ticket: Any, creds: Credentials) -> int:
    """Let the slivers of a ticket that this authority gave stand; others are redeemed at the nodes they are for."""
    tickets.redeem(call, ticket, creds)
    return 1


@api.method(*ANY, reads=True)
def get_trusted_certs(call: Call, cred: Any = None) -> list[str]:
    """Give the certificates of the roots that are believed here, PEM."""
    return list(registry.get_trusted_certs(call, cred))


def _options(said: Any) -> Options:
    """The options of a call; an id of a call, as in 2010, is none."""
    return said if isinstance(said, dict) else {}
