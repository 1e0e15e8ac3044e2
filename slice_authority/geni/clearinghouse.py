"""The clearinghouse calls of the GENI control framework before the Federation API: bare values, faults.

Its clients make no difference between what exists and what is new: asked again for a slice that its caller may use,
it gives the credential again.
"""

from typing import Annotated, Any

from planetlab import gids, keys
from planetlab.calls import Call
from planetlab.errors import BadArgument, NotAuthenticated
from planetlab.methods import Api, Role
from planetlab.names import Urn
from planetlab.records.persons import PERSON
from planetlab.records.slices import SLICE
from planetlab.refusals import BadPaper
from planetlab.registry.store import Row
from slice_authority.geni import callers, giving, naming
from slice_authority.geni.slice_kind import make_slice, renew
from slice_authority.methods import slices
from slice_authority.sfa import registering, things
from slice_authority.sfa.times import when

api = Api(auth=None)
ANY = (Role.ANONYMOUS,)
VERSION = 2
SliceUrn = Annotated[Any, "A slice's URN, like urn:publicid:IDN+plc:princeton+slice+codeen."]


@api.method(*ANY, reads=True)
def GetVersion(call: Call) -> Row:
    """Say which generation of the clearinghouse's calls this is."""
    return {"gcf-ch_api": VERSION}


@api.method(*ANY)
def CreateUserCredential(call: Call, user_gid: Annotated[Any, "The caller's certificate, PEM."]) -> str:
    """Give the caller a credential on itself, by the certificate that its connection shows."""
    person = callers.person(call)
    if not isinstance(user_gid, str | bytes):
        raise BadArgument("expected a certificate in PEM", "user_gid")
    text = user_gid.encode() if isinstance(user_gid, str) else user_gid
    if not keys.same(_key_of(text), call.caller.key):
        raise NotAuthenticated("the certificate handed in has another key than the connection's")
    name = things.name_of(call.store, PERSON, person["person_id"])
    if name is None:
        raise NotAuthenticated(f"{person['email']} has no name in the federation; an admin puts the person into a site")
    return giving.credential(call, person, things.get(call.store, name, "user"))


def _key_of(text: bytes) -> keys.PublicKey:
    try:
        return gids.read_chain(text)[0].key
    except BadPaper:
        return keys.load_public(text)


@api.method(*ANY)
def CreateSlice(call: Call, urn_req: SliceUrn) -> str:
    """Make a slice unless it is there, and give the caller's credential on it."""
    person = callers.person(call)
    urn = naming.parsed(urn_req, naming.SLICES, "urn_req")
    found = things.find(call.store, urn.hrn, "slice")
    if found is None:
        site = registering.site_of(call.store, urn.hrn)
        make_slice(callers.as_person(call, person), urn.hrn, site, "")
    return giving.credential(call, person, things.get(call.store, urn.hrn, "slice"))


@api.method(*ANY)
def RenewSlice(
    call: Call, slice_urn: SliceUrn, expiration: Annotated[Any, "A time; without a zone it is UTC."]
) -> bool:
    """Let a slice end later."""
    actor = callers.acting(call)
    row = naming.row(call.store, slice_urn, naming.SLICES, "slice_urn")
    renew(actor, row, when(expiration))
    return True


@api.method(*ANY)
def DeleteSlice(call: Call, urn_req: SliceUrn) -> bool:
    """Delete a slice with its slivers here."""
    actor = callers.acting(call)
    row = naming.row(call.store, urn_req, naming.SLICES, "urn_req")
    slices.DeleteSlice(actor, row["slice_id"])
    return True


@api.method(*ANY, reads=True)
def ListMySlices(call: Call, user: Annotated[Any, "A user's URN, or its name alone."]) -> list[str]:
    """List the URNs of a user's slices: one's own, or anybody's as an admin."""
    person = callers.person(call)
    actor = callers.as_person(call, person)
    if isinstance(user, str) and user.lower().startswith("urn:"):
        other = naming.row(call.store, user, naming.PERSONS, "user")
        actor.must(actor.is_admin or other["person_id"] == person["person_id"], "only admins list others' slices")
        person = other
    return sorted(map(str, naming.urns(call.store, naming.SLICES, _live(call, person)).values()))


def _live(call: Call, person: Row) -> list[int]:
    live = call.store.rows(SLICE, call.store.live(SLICE), ("slice_id",))
    return [row["slice_id"] for row in live if row["slice_id"] in person["slice_ids"]]


@api.method(*ANY, reads=True)
def ListAggregates(call: Call) -> list[list[str]]:
    """List the aggregates known here: pairs of URN and address."""
    places = call.store.plc.sfa_places
    own = [[str(Urn(call.store.plc.hrn.path, "authority", "am")), places.aggregate]] if places.aggregate else []
    return own + [[str(Urn(one.hrn.path, "authority", "am")), one.url] for one in places.aggregates]
