"""The slice authority and clearinghouse calls of ProtoGENI, whose scripts send one struct per call.

Names are hrns or URNs; one without an authority is taken as below the caller's first site. Callers are known by their
TLS certificate; the credential in the struct is not needed for what the registry knows by itself.
"""

from typing import Annotated, Any

from attrs import frozen

from planetlab.calls import Call
from planetlab.credentials import print_time
from planetlab.errors import BadArgument, NotAuthenticated, NotFound
from planetlab.methods import Api, Role
from planetlab.names import Hrn, Urn
from planetlab.records.persons import PERSON
from planetlab.records.sites import SITE
from planetlab.registry.store import Row
from slice_authority.geni import callers, clearinghouse, dialects, giving, naming
from slice_authority.geni.slice_kind import make_slice, renew
from slice_authority.methods import slices
from slice_authority.sfa import granting, records, registering, things
from slice_authority.sfa.things import Thing
from slice_authority.sfa.times import when

api = Api(auth=None)
ANY = (Role.ANONYMOUS,)
Arguments = Annotated[Any, "A struct: type, hrn or urn, credential, and what the call needs beside."]
_TYPES = {"slice": "slice", "user": "user"}


@frozen
class ProtoGeni:
    """The dialect: ``{code, value, output}`` with GENI's codes as plain numbers."""

    def answer(self, value: Any) -> Any:
        return {"code": 0, "value": value, "output": ""}

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        return {"code": dialects.am_code(error), "value": 0, "output": str(error)}


@api.method(*ANY, reads=True)
def GetVersion(call: Call, argref: Arguments = None) -> float:
    """Say which generation of ProtoGENI's calls this is."""
    return 1.01


@api.method(*ANY)
def GetCredential(call: Call, argref: Arguments = None) -> str:
    """Give the caller's credential on itself, or with ``type`` and a name, on a slice."""
    person, said = callers.person(call), _struct(argref)
    if not said.get("type") or not (said.get("urn") or said.get("hrn") or said.get("uuid")):
        return giving.credential(call, person, _itself(call, person))
    return giving.credential(call, person, _thing(call, person, said))


@api.method(*ANY)
def Resolve(call: Call, argref: Arguments) -> Row:
    """Tell of a slice or of a user: names, number, certificate, end."""
    person, said = callers.person(call), _struct(argref)
    thing = _thing(call, person, said)
    told: Row = {
        "hrn": str(thing.hrn),
        "urn": thing.urn,
        "uuid": naming.uid(call.store, Urn.of(thing.hrn, thing.kind), thing.number),
        "gid": granting.pem_of(records.gid_of(call.store, thing)),
    }
    if thing.kind == "slice":
        return {**told, "expires": print_time(thing.row["expires"]), "component_managers": []}
    names = naming.urns(call.store, naming.SLICES, thing.row["slice_ids"])
    told |= {"uid": thing.hrn.leaf, "name": thing.hrn.leaf, "slices": sorted(map(str, names.values()))}
    if thing.number == person["person_id"]:
        told |= {"email": thing.row["email"], "name": f"{thing.row['first_name']} {thing.row['last_name']}"}
    return told


@api.method(*ANY)
def Register(call: Call, argref: Arguments) -> str:
    """Make a slice, until ``expiration`` if that is said, and give the caller's credential on it."""
    person, said = callers.person(call), _struct(argref)
    hrn, kind = _named(call, person, said)
    if kind != "slice":
        raise BadArgument(f"expected a slice; a {kind} is registered at the registry interface", "type")
    site = registering.site_of(call.store, hrn)
    make_slice(callers.as_person(call, person), hrn, site, "", said.get("expiration"))
    return giving.credential(call, person, things.get(call.store, hrn, "slice"))


@api.method(*ANY)
def Remove(call: Call, argref: Arguments) -> int:
    """Delete a slice."""
    person, said = callers.person(call), _struct(argref)
    thing = _thing(call, person, {**said, "type": said.get("type") or "Slice"})
    if thing.kind != "slice":
        raise BadArgument(f"expected a slice; a {thing.kind} is removed at the registry interface", "type")
    slices.DeleteSlice(callers.as_person(call, person), thing.number)
    return 1


@api.method(*ANY, reads=True)
def GetKeys(call: Call, argref: Arguments = None) -> list[Row]:
    """List the caller's own keys."""
    person = callers.person(call)
    return [{"type": "ssh", "key": text} for text in things.keys_of(call.store, person)]


@api.method(*ANY)
def RenewSlice(call: Call, argref: Arguments) -> str:
    """Let a slice end later; give the caller a credential on it that lasts as long."""
    person, said = callers.person(call), _struct(argref)
    thing = _thing(call, person, {"type": "Slice", "urn": said.get("slice_urn") or said.get("urn"), **_hrn(said)})
    renew(callers.as_person(call, person), thing.row, when(said.get("expiration")))
    return giving.credential(call, person, things.get(call.store, thing.hrn, "slice"))


@api.method(*ANY, reads=True)
def WhoAmI(call: Call, argref: Arguments = None) -> Row:
    """Tell the caller's name and that of its slice authority."""
    thing = _itself(call, callers.person(call))
    own = Urn.of(call.store.plc.hrn, "authority")
    return {"urn": thing.urn, "uuid": naming.uid(call.store, Urn.of(thing.hrn, "user"), thing.number),
            "sa_urn": str(own), "sa_url": call.store.plc.sfa_places.registry}  # fmt: skip


@api.method(*ANY, reads=True)
def ListComponents(call: Call, argref: Arguments = None) -> list[Row]:
    """List the aggregates known here."""
    callers.person(call)
    return [
        {"urn": urn.replace("+am", "+cm"), "hrn": f"{Urn.parse(urn).hrn}.cm", "url": url, "gid": ""}
        for urn, url in clearinghouse.ListAggregates(call)
    ]


def _struct(said: Any) -> Row:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise BadArgument(f"expected one struct, got {type(said).__name__}", "argref")
    return said


def _hrn(said: Row) -> Row:
    return {"hrn": said["hrn"]} if said.get("hrn") else {}


def _itself(call: Call, person: Row) -> Thing:
    name = things.name_of(call.store, PERSON, person["person_id"])
    if name is None:
        raise NotAuthenticated(f"{person['email']} has no name in the federation; an admin puts the person into a site")
    return Thing(name, "user", person)


def _thing(call: Call, person: Row, said: Row) -> Thing:
    hrn, kind = _named(call, person, said)
    found = things.find(call.store, hrn, kind)
    if found is None or not found.is_ours:
        raise NotFound(f"no {kind} has the name {hrn} here")
    return found


def _named(call: Call, person: Row, said: Row) -> tuple[Hrn, str]:
    kind = _TYPES.get(str(said.get("type") or "").lower())
    if kind is None:
        raise BadArgument(f"expected Slice or User, got {said.get('type')!r:.40}", "type")
    hrn, _ = things.xrn(said.get("urn") or said.get("hrn"), kind, "urn")
    if len(hrn.path) == 1 and hrn != call.store.plc.hrn:
        if not person["site_ids"]:
            raise BadArgument(f"{hrn} names no authority, and you are at no site", "hrn")
        site = call.store.find(SITE, person["site_ids"][0], ("login_base",))
        hrn = call.store.plc.hrn.child(site["login_base"], hrn.leaf)
    return hrn, kind
