"""Nodes at the registry interface: the management authority's own calls, made in the right of whoever acts here.

This half of the PLC writes no nodes. For each call it makes a session of a minute that stands for the person, by which
the other half, over its interface and by its own rules, does what AddNode, UpdateNode and DeleteNode do.
"""

from typing import Any

from twisted.logger import Logger

from planetlab.ask import Ask, Session
from planetlab.both.afterwards import afterwards
from planetlab.both.callers import PersonCaller
from planetlab.both.methods import sessions
from planetlab.calls import Call
from planetlab.errors import BadArgument, Forbidden, NotAuthenticated, PeerError, PlanetLabError, Refused, Unavailable
from planetlab.names import Hostname, Hrn
from planetlab.registry import papers
from planetlab.registry.store import Row
from slice_authority.sfa import granting, records, things
from slice_authority.sfa.things import Thing

log = Logger()
LIFE = 60  # seconds of a session
_FIELDS = ("boot_state", "model", "version", "node_type")
_ERRORS: dict[int, type[PlanetLabError]] = {102: BadArgument, 103: NotAuthenticated, 108: Forbidden}


def register(call: Call, hrn: Hrn, site: Row, record: Row) -> str:
    """Make a node of a site; its certificate, when that is done. ``call`` is made by who acts."""
    host = _host(record, hrn)
    ask, desk = _asked(call), call.store.plc.peers.desk

    async def work() -> str:
        await _do(ask, "AddNode", site["login_base"], {"hostname": str(host), **_said(record)})
        made: str = await desk.job(lambda store: granting.pem_of(records.gid_of(store, things.get(store, hrn, "node"))))
        return made

    return afterwards(work)


def update(call: Call, thing: Thing, record: Row) -> int:
    """Change a node."""
    _host(record, thing.hrn)
    ask, fields = _asked(call), _said(record)

    async def work() -> int:
        await _do(ask, "UpdateNode", thing.number, fields)
        return 1

    return afterwards(work)


def remove(call: Call, thing: Thing) -> int:
    """Delete a node; a later one of its name gets another certificate."""
    ask, desk, urn = _asked(call), call.store.plc.peers.desk, thing.urn

    async def work() -> int:
        await _do(ask, "DeleteNode", thing.number)
        await desk.job(lambda store: papers.forget_gids(store, urn))
        return 1

    return afterwards(work)


def _asked(call: Call) -> Ask:
    """The other half, called as the person who acts here. Raises `Unavailable` where there is none."""
    sibling: Ask | None = call.store.plc.sfa_places.sibling
    if sibling is None:
        raise Unavailable("this authority keeps no nodes; ask the management authority of this name (AddNode)")
    assert isinstance(call.caller, PersonCaller)  # who acts at a registry is a person of it
    return sibling.as_(Session(sessions.for_person(call.store, call.caller.person_id, LIFE)))


def _host(record: Row, hrn: Hrn) -> Hostname:
    """The host name, which is the last part of a node's name. Raises `BadArgument` for another one."""
    said = record.get("hostname") or hrn.leaf
    if not isinstance(said, str) or said.lower() != hrn.leaf.lower():
        raise BadArgument(f"a node is called by its host name: expected {hrn.leaf}", "record['hostname']")
    return Hostname.parse(said)


def _said(record: Row) -> Row:
    return {name: record[name] for name in _FIELDS if record.get(name) not in (None, "")}


async def _do(ask: Ask, method: str, *args: Any) -> Any:
    """What the other half answers. Its refusal is ours, for it is one PLC; that it is away is said as such."""
    try:
        return await ask.call(method, *args)
    except Refused as error:
        raise _ERRORS.get(error.fault_code, PlanetLabError)(str(error)) from error
    except PeerError as error:
        log.error("the management authority did not answer {method}: {error}", method=method, error=str(error))
        raise Unavailable("the management authority of this PLC does not answer; try again in a minute") from error
    finally:
        await _ended(ask)


async def _ended(ask: Ask) -> None:
    try:
        await ask.call("DeleteSession")
    except PlanetLabError as error:  # it is over in a minute by itself
        log.info("a session was not ended: {error}", error=str(error))
