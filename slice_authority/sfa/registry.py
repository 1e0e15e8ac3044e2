"""The SFA registry interface: what is called what, who is who, and the papers that say so.

The names of 2010 (CamelCase) and those of 2008 and 2009 (`slice_authority.sfa.older`) are one interface.
"""

from typing import Annotated, Any

from planetlab.calls import Call
from planetlab.errors import BadArgument, NotFound, Unavailable
from planetlab.methods import Api, Role
from planetlab.names import Hrn, Urn
from planetlab.registry import papers
from planetlab.registry.papers import Given
from planetlab.registry.store import Row
from planetlab.shapes import ListOf, Of, Struct
from slice_authority.sfa import allowing, forwarding, granting, nodes, records, registering, rights, things
from slice_authority.sfa.allowing import Principal
from slice_authority.sfa.places import Neighbour
from slice_authority.sfa.things import Thing

api = Api(auth=None)
ANY = (Role.ANONYMOUS,)

Credentials = Annotated[Any, "A credential, or an array: texts, base64, or {geni_type, geni_version, geni_value}."]
Name = Annotated[str, Of(str, min=1, max=600, doc="An hrn or a URN.")]
Names = Annotated[Any, "A name, or an array of names."]
Kind = Annotated[str, Of(str, max=64, doc="authority, slice, user or node; authority+sa and the like are authorities.")]
Record = Annotated[Row, Struct({"hrn": Of(str, max=600), "urn": Of(str, max=600), "type": Of(str, max=64)})]
Options = dict[str, Any]
Records = Annotated[list[Row], ListOf((Struct({}, name="record"),))]
MOST_NAMES = 1000  # in one call
TAG = "plfed"
GENERATION = 3  # of the interface, as later clients ask for it


@api.method(*ANY, reads=True)
def GetVersion(call: Call, options: Options | None = None) -> Row:
    """Say what this interface is: its kind, name, generation, and the registries it knows of."""
    place = call.store.plc.sfa_places
    return {
        "interface": "registry",
        "sfa": GENERATION,
        "geni_api": 2,
        "hrn": str(call.store.plc.hrn),
        "urn": str(Urn.of(call.store.plc.hrn, "authority")),
        "hostname": place.host,
        "peers": {str(one.hrn): one.url for one in place.registries},
        "code_tag": TAG,
        "code_url": "",
    }


@api.method(*ANY)
def GetSelfCredential(call: Call, cert: str | None, xrn: Name, type: Kind = "user") -> str:
    """Give a credential on itself to who connects with a registered key, even by a certificate signed by itself."""
    kind = things.kind_of(type)
    hrn, _ = things.xrn(xrn, kind)
    return granting.to_self(call, cert, hrn, kind)


@api.method(*ANY)
def GetCredential(call: Call, creds: Credentials, xrn: Name, type: Kind = "") -> str:
    """Give a credential on a slice, authority, user or node to who has rights on it by the registry."""
    hrn, told = things.xrn(xrn, things.kind_of(type) if type else "")
    principal = allowing.allowed(call, creds, "getcredential")
    return granting.to_holder(call, principal, hrn, told or _only(call, hrn).kind)


def _only(call: Call, hrn: Hrn) -> Thing:
    found = things.any_kind(call.store, hrn)
    if len(found) != 1:
        said = ", ".join(thing.kind for thing in found) or "nothing"
        raise NotFound(f"{hrn} names {said} here; say the type")
    return found[0]


@api.method(*ANY, reads=True)
def Resolve(call: Call, xrns: Names, creds: Credentials, options: Options | None = None) -> Records:
    """Tell the records of these names, of every kind that has the name. ``options.details`` false leaves out the rest.

    Addresses and keys of persons are told to themselves, their PIs and who shares a slice with them.
    """
    principal = allowing.allowed(call, creds, "resolve", options=options)
    details = bool((options or {}).get("details", True))
    ours, theirs = forwarding.sorted_out(call, _some(xrns))
    if not theirs:
        return resolved(call, principal.hrn, ours, details)
    found = resolved(call, principal.hrn, ours, details) if ours else []
    asked = {} if details else {"details": False}
    told: Records = _afterwards(call, found, "Resolve", theirs, asked)
    return told


def _some(xrns: Any) -> list[Any]:
    said = xrns if isinstance(xrns, list) else [xrns]
    if len(said) > MOST_NAMES:
        raise BadArgument(f"expected at most {MOST_NAMES} names, got {len(said)}", "xrns")
    return said


def _afterwards(call: Call, found: list[Row], method: str, theirs: dict[Neighbour, list[str]], options: Options) -> Any:
    parts = [forwarding.Part(keeper, method, tuple(names), options) for keeper, names in theirs.items()]
    return forwarding.afterwards(call, found, parts)


def resolved(call: Call, asker: Hrn, xrns: Any, details: bool = True, kind: str = "") -> list[Row]:
    """The records of some names; an error when none has any."""
    said = _some(xrns)
    found: list[Row] = []
    for one in said:
        hrn, told = things.xrn(one, kind, "xrns")
        kinds = [told] if told in things.RECORDS else list(things.RECORDS)
        there = [thing for each in kinds if (thing := things.find(call.store, hrn, each)) is not None]
        found += [records.whole(call.store, thing, asker, details) for thing in there]
    if not found:
        raise NotFound(f"Record not found: {', '.join(map(str, said))[:200]}")
    return found


@api.method(*ANY, reads=True)
def List(call: Call, xrn: Name, creds: Credentials, options: Options | None = None) -> Records:
    """List what lies directly below an authority; with ``options.recursive``, or ``*`` after the name, all of it."""
    allowing.allowed(call, creds, "list", options=options)
    found: Records = listed(call, xrn, bool((options or {}).get("recursive")))
    return found


def listed(call: Call, xrn: str, recursive: bool = False) -> Any:
    """Brief records of what is below an authority of ours."""
    deep = xrn.endswith("*")
    hrn, _ = things.xrn(xrn.rstrip("*").rstrip(".") if deep else xrn, "authority")
    keeper = forwarding.keeper(call, hrn)
    if keeper is not None:
        options = {"recursive": True} if recursive or deep else {}
        return _afterwards(call, [], "List", {keeper: [str(hrn)]}, options)
    if things.find(call.store, hrn, "authority") is None:
        raise NotFound(f"Missing authority: {hrn}")
    return records.listing(things.below(call.store, hrn, recursive or deep))


@api.method(*ANY)
def Register(call: Call, record: Record, creds: Credentials) -> str:
    """Make an object and give its certificate, with what is above it. Its authority's PIs may.

    ``record`` has ``hrn`` and ``type``; for a user also email, first_name, last_name, reg-keys; for a slice
    reg-researchers, url, description, expires; for an authority name, reg-pis; for a node hostname, boot_state, model.
    """
    hrn, kind = _of(record)
    principal = allowing.allowed(call, creds, "register", hrn.authority, "authority", governing=True)
    acts = registering.acting(call, principal)
    if kind == "node":
        registering.named(call.store, hrn, kind)
        return nodes.register(acts, hrn, registering.site_of(call.store, hrn), record)
    thing = registering.register(acts, hrn, kind, record)
    return granting.pem_of(records.gid_of(call.store, thing, private=True))


@api.method(*ANY)
def Update(call: Call, record_dict: Record, creds: Credentials) -> int:
    """Change an object: a user its own record, members their slice, PIs what is below their authority."""
    hrn, kind = _of(record_dict)
    principal = _on(call, creds, "update", hrn, kind)
    acts, thing = registering.acting(call, principal), things.get(call.store, hrn, kind)
    registering.must_be_kept_here(thing)
    if kind == "node":
        return nodes.update(acts, thing, record_dict)
    registering.update(acts, thing, record_dict)
    return 1


@api.method(*ANY)
def Remove(call: Call, xrn: Name, creds: Credentials, type: Kind = "") -> int:
    """Delete an object. PIs of its authority may, and members a slice."""
    hrn, told = things.xrn(xrn, things.kind_of(type) if type else "")
    kind = told or _only(call, hrn).kind
    principal = _on(call, creds, "remove", hrn, kind)
    acts, thing = registering.acting(call, principal), things.get(call.store, hrn, kind)
    registering.must_be_kept_here(thing)
    if kind == "node":
        return nodes.remove(acts, thing)
    registering.remove(acts, thing)
    return 1


def _of(record: Row) -> tuple[Hrn, str]:
    kind = things.kind_of(record["type"]) if record.get("type") else ""
    said = record.get("hrn") or record.get("urn") or record.get("xrn")
    hrn, told = things.xrn(said, kind, "record['hrn']")
    if told not in things.RECORDS:
        raise BadArgument("type must be specified", "record")
    return hrn, told


def _on(call: Call, creds: Any, operation: str, hrn: Hrn, kind: str) -> Principal:
    """By a credential on the object itself, or on an authority above it."""
    return allowing.allowed(call, creds, operation, hrn, kind, governing=True)


@api.method(*ANY, reads=True)
def GetGids(call: Call, xrns: Names, creds: Credentials) -> Records:
    """Give the certificates of these names: an array of {hrn, type, gid}."""
    allowing.allowed(call, creds, "resolve")
    ours, theirs = forwarding.sorted_out(call, _some(xrns))
    found = gids_of(call, ours) if ours else []
    return _afterwards(call, found, "GetGids", theirs, {}) if theirs else found


def gids_of(call: Call, said: list[Any]) -> list[Row]:
    """Certificates by name."""
    found = []
    for one in said:
        hrn, told = things.xrn(one, "", "xrns")
        for thing in things.any_kind(call.store, hrn):
            if thing.is_ours and told in ("", thing.kind):
                gid = granting.pem_of(records.gid_of(call.store, thing))
                found.append({**records.brief(thing), "gid": gid})
    if not found:
        raise NotFound(f"Record not found: {', '.join(map(str, said))[:200]}")
    return found


@api.method(*ANY)
def CreateGid(call: Call, creds: Credentials, xrn: Name, cert: Any = None) -> str:
    """Give a certificate for a name with the key in ``cert``: a certificate, a public key in PEM, or an SSH key.

    By it a site's PIs get a certificate with which they certify below their authority themselves.
    """
    hrn, told = things.xrn(xrn)
    thing = things.get(call.store, hrn, told) if told else _only(call, hrn)
    principal = _on(call, creds, "update", hrn, thing.kind)
    registering.acting(call, principal)
    return granting.new_gid(call, thing, cert)


@api.method(*ANY, reads=True)
def ResolveGENI(call: Call, xrn: Name) -> Row:
    """Tell anybody a name's certificate and number."""
    hrn, told = things.xrn(xrn)
    thing = things.get(call.store, hrn, told) if told in things.RECORDS else _only(call, hrn)
    gid = granting.pem_of(records.gid_of(call.store, thing)) if thing.is_ours else ""
    return {"geni_urn": thing.urn, "geni_type": thing.kind, "hrn": str(hrn), "gid": gid}


@api.method(*ANY, reads=True)
def get_trusted_certs(call: Call, cred: Any = None) -> list[str]:
    """Give the certificates of the roots that are believed here, PEM."""
    return granting.trusted(call.store)


@api.method(*ANY)
def RevokeCredential(call: Call, cred: Credentials) -> int:
    """Withdraw a credential; whatever was delegated from it falls with it. 1 if it was good until now.

    Its owner may, who signed it, and who has rights on its target by the registry.
    """
    return granting.revoke(call, cred)


@api.method(*ANY, reads=True)
def ListCredentials(call: Call, creds: Credentials, xrn: Name = "") -> Records:
    """List the credentials that were issued on a name and are not over; without a name, one's own."""
    principal = allowing.allowed(call, creds, "resolve")
    return [_given(one) for one in _issued(call, principal, xrn)]


def _issued(call: Call, principal: Principal, xrn: str) -> list[Given]:
    if not xrn:
        return papers.credentials(call.store, owner=str(principal.gid[0].urn))
    hrn, told = things.xrn(xrn)
    thing = things.get(call.store, hrn, told) if told in things.RECORDS else _only(call, hrn)
    person = rights.must_be_current(call.store, principal.gid[0])
    call.must(bool(rights.of(call.store, person, thing)), f"{principal.hrn} has no rights to {thing.kind} {hrn}")
    return papers.credentials(call.store, target=thing.urn)


def _given(one: Given) -> Row:
    return {"serial": one.serial, "digest": one.digest, "owner": one.owner, "target": one.target,
            "privileges": one.privileges.split(","), "issued": one.issued, "expires": one.expires}  # fmt: skip


def kept_elsewhere(what: str) -> Unavailable:
    """An answer to calls by which federations of 2009 copied objects."""
    return Unavailable(f"{what}: peers' objects come here by their signed statements only (`plfed peer`)")
