"""The registry's calls as clients of 2008 and 2009 make them: one credential first, snake_case, hrns.

A member ``origin_hrn`` or ``caller_cred`` at the end told the far end who asked; who asks is now shown by the
credential alone, and what stands there is read over.
"""

from typing import Any

from planetlab.both.afterwards import Afterwards, afterwards
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api
from planetlab.registry.store import Row
from slice_authority.sfa import allowing, places, registry, slivers, things
from slice_authority.sfa.registry import ANY, Credentials, Kind, Name, Names, Record, Records, kept_elsewhere

api = Api(auth=None)


@api.method(*ANY, status="deprecated")
def get_self_credential(call: Call, cert: Any, type: str, xrn: Any = None, request_hash: Any = None) -> str:
    """As GetSelfCredential. Of 2008: (type, name); later: (cert, type, name), then a hash or the asker's name."""
    if xrn is None:
        cert, type, xrn = None, cert, type
    return str(registry.GetSelfCredential(call, cert, _name(xrn), _kind(type)))


@api.method(*ANY, status="deprecated")
def get_credential(call: Call, cred: Credentials, type: Kind, xrn: Name, origin_hrn: Any = None) -> str:
    """As GetCredential; without a credential it is get_self_credential."""
    if cred is None:
        return str(registry.GetSelfCredential(call, None, xrn, type))
    return str(registry.GetCredential(call, cred, xrn, type))


@api.method(*ANY, reads=True, status="deprecated")
def resolve(call: Call, cred: Credentials, xrns: Names, origin_hrn: Any = None) -> Records:
    """As Resolve. What is the PLC's own, and what says who belongs to whom, stands once more as in 2008."""
    found: Any = registry.Resolve(call, xrns, cred)
    if isinstance(found, Afterwards):
        return afterwards(lambda: _of_2008_later(found))
    return _of_2008(found)


_GENI_INFO = ("email", "researcher", "PI")


def _of_2008(found: Records) -> Records:
    """Records with their parts in structs of their own beside them: pl_info, the PLC's columns, and geni_info."""
    return [
        {
            **row,
            "geni_info": {name: row[name] for name in _GENI_INFO if name in row},
            "pl_info": {name: value for name, value in row.items() if name not in _OUTSIDE},
        }
        for row in found
    ]


async def _of_2008_later(found: Any) -> Records:
    return _of_2008(await found)


_OUTSIDE = frozenset(
    ("type", "hrn", "gid", "pointer", "authority", "peer_authority", "urn", "record_id", *_GENI_INFO, "reg-urn")
) | {"reg-researchers", "reg-pis", "reg-keys", "reg-slices", "reg-pi-authorities"}


def _flat(record: Row) -> Row:
    """A record of 2008 with what stands in its parts beside the rest."""
    parts = [said for name in ("pl_info", "geni_info") if isinstance(said := record.get(name), dict)]
    rest = {name: value for name, value in record.items() if name not in ("pl_info", "geni_info")}
    return {**{name: value for part in parts for name, value in part.items()}, **rest}


@api.method(*ANY, name="list", reads=True, status="deprecated")
def list_below(call: Call, cred: Credentials, xrn: Any = None, origin_hrn: Any = None) -> Records:
    """As List; without a name, of the authority that the credential is on."""
    principal = allowing.allowed(call, cred, "list")
    if xrn is None:
        named = principal.credential.object
        xrn = str(named.hrn if named.urn.kind == "authority" else named.hrn.authority)
    found: Records = registry.listed(call, _name(xrn))
    return found


@api.method(*ANY, status="deprecated")
def register(call: Call, cred: Credentials, record: Record, origin_hrn: Any = None) -> str:
    """As Register; fields may stand in pl_info and geni_info."""
    made: str = registry.Register(call, _flat(record), cred)
    return made


@api.method(*ANY, status="deprecated")
def update(call: Call, cred: Credentials, record: Record, origin_hrn: Any = None) -> int:
    """As Update; fields may stand in pl_info and geni_info."""
    done: int = registry.Update(call, _flat(record), cred)
    return done


@api.method(*ANY, status="deprecated")
def remove(call: Call, cred: Credentials, type: Any, xrn: Any = None, origin_hrn: Any = None) -> int:
    """As Remove: (cred, type, name), or of spring 2008 (cred, record)."""
    if isinstance(type, dict):
        type, xrn = type.get("type"), type.get("hrn")
    done: int = registry.Remove(call, _name(xrn), cred, _kind(type))
    return done


@api.method(*ANY, reads=True, status="deprecated")
def get_gid(call: Call, cert: Any, xrn: Any = None, type: Any = None) -> Records:
    """Give the certificates of a name to anybody: of 2008 (name), later (cert, name, type)."""
    said = cert if xrn is None else xrn
    found = registry.gids_of(call, [_name(said)])
    return [one for one in found if type is None or one["type"] == things.kind_of(_kind(type))]


@api.method(*ANY, reads=True, status="deprecated")
def get_gids(call: Call, cred: Credentials, xrns: Names) -> Records:
    """As GetGids."""
    found: Records = registry.GetGids(call, xrns, cred)
    return found


@api.method(*ANY, status="deprecated")
def create_gid(call: Call, cred: Credentials, xrn: Name, uuid: Any, pubkey_str: Any) -> str:
    """As CreateGid; the number is the registry's own."""
    return str(registry.CreateGid(call, cred, xrn, pubkey_str))


@api.method(*ANY, reads=True, status="deprecated")
def get_registries(call: Call, cred: Credentials, xrn: Any = None) -> Records:
    """List the registries that are known here, or the one of this name."""
    allowing.allowed(call, cred, "resolve")
    return told_of(call.store.plc.sfa_places.registries, xrn)


@api.method(*ANY, reads=True, status="deprecated")
def get_aggregates(call: Call, cred: Credentials, xrn: Any = None) -> Records:
    """List the aggregates that are known here, or the one of this name."""
    allowing.allowed(call, cred, "resolve")
    return told_of(call.store.plc.sfa_places.aggregates, xrn)


def told_of(known: tuple[places.Neighbour, ...], xrn: Any) -> Records:
    """Neighbours as records."""
    wanted = None if xrn is None else things.xrn(xrn, "authority")[0]
    return [{"hrn": str(one.hrn), "url": one.url} for one in known if wanted in (None, one.hrn)]


@api.method(*ANY, status="deprecated")
def get_ticket(call: Call, cred: Credentials, xrn: Name, rspec: Any) -> str:
    """As the aggregate's GetTicket, which was the registry's until 2009."""
    return str(slivers.GetTicket(call, xrn, cred, rspec))


@api.method(*ANY, status="deprecated")
def get_key(call: Call) -> str:
    """Refused: nodes are given their keys by the management authority when they boot, not by their address."""
    raise BadArgument("a node's key is not given by its address; nodes get theirs from the management authority")


@api.method(*ANY, status="deprecated")
def get_key_from_incoming_ip(call: Call) -> str:
    """Refused, as get_key."""
    return get_key(call)


def _refused(name: str) -> None:
    def body(call: Call, cred: Any, record: Any, origin_hrn: Any = None, more: Any = None) -> int:
        raise kept_elsewhere(name)

    api.method(*ANY, name=name, doc="Refused: peers' objects come by their signed statements.", status="deprecated")(
        body
    )


for _name_of_old in (
    "register_peer_object",
    "remove_peer_object",
    "remove_remote_object",
    "RegisterPeerObject",
    "RemovePeerObject",
):
    _refused(_name_of_old)


def _name(said: Any) -> str:
    if not isinstance(said, str):
        raise BadArgument(f"expected a name, as hrn or URN, got {type(said).__name__}", "xrn")
    return said


def _kind(said: Any) -> str:
    if not isinstance(said, str):
        raise BadArgument("expected authority, slice, user or node", "type")
    return said
