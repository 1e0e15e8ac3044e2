"""The calls by which a slice was made in 2004, before slices had tickets: structs, and who calls stands second.

Each is one or a few of today's calls. The words by which its clients tell that something was done before, or cannot be,
are kept: "already assigned", "not assigned", "does not exist", "unknown within Planetlab". What was assigned was "a
simple (share, duration) pair": the share is the slice's part of each node's processor and link in proportion to the
others', and becomes its tags of these names; the duration renews it, up to the longest renewal there is today. There is
no budget of a site from which shares are taken. A sliver that is to be instantiated at once comes with its node's next
poll.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from xmlrpc.client import Fault

from twisted.web.server import Request

from planetlab import xmlrpc
from planetlab.clock import Clock
from planetlab.errors import BadArgument, NotFound
from planetlab.serve import ApiResource

Today = Callable[..., Awaitable[Any]]
"""One of today's calls: its name and its arguments, who calls left out."""

MOST = 1000  # nodes or users in one call
MOST_SHARES = 1000  # of a node that were ever promised, as its scheduler had it
LONGEST = 8 * 7 * 86400 - 60  # seconds from now, of a slice's life after a renewal
SHARED = ("cpu_share", "net_share")  # tags that say the relative part of a node's processor, and of its link
EXISTS = 102  # the fault number of what is already so, or not so


def _member(struct: Any, key: str, kind: type, where: str) -> Any:
    value = struct.get(key) if isinstance(struct, dict) else None
    if type(value) is not kind:
        raise BadArgument(f"expected a struct with {key}, {kind.__name__}", where)
    if isinstance(value, list) and len(value) > MOST:
        raise BadArgument(f"expected at most {MOST}, got {len(value)}", f"{where}[{key!r}]")
    return value


def _name(slice_struct: Any) -> str:
    return str(_member(slice_struct, "sliceName", str, "slice"))


async def create_slice(today: Today, slice_struct: Any) -> int:
    """Make a slice that its nodes fetch by themselves."""
    name = _name(slice_struct)
    said = {"name": name, "url": "http://localhost/", "description": f"{name}, made by a call of 2004"}
    await today("AddSlice", {**said, "instantiation": "plc-instantiated"})
    return 1


async def assign_users(today: Today, slice_struct: Any, users: Any) -> int:
    """Let these persons into a slice, by their addresses."""
    for user in _member(users, "userList", list, "users"):
        await today("AddPersonToSlice", user, _name(slice_struct))
    return 1


async def unassign_users(today: Today, slice_struct: Any, users: Any) -> int:
    """Take these persons out of a slice, by their addresses."""
    for user in _member(users, "userList", list, "users"):
        await today("DeletePersonFromSlice", user, _name(slice_struct))
    return 1


async def assign_shares(today: Today, now: float, slice_struct: Any, shares: Any) -> int:
    """Give a slice ``share`` of each of its nodes, if it is said, and let it live longer by ``renewTime`` seconds."""
    name, more = _name(slice_struct), _member(shares, "renewTime", int, "shares")
    if more <= 0:
        raise BadArgument(f"expected seconds above 0, got {more}", "shares['renewTime']")
    share = _member(shares, "share", int, "shares") if "share" in shares else None
    if share is not None and not 0 < share <= MOST_SHARES:
        raise BadArgument(f"expected 1 to {MOST_SHARES}, got {share}", "shares['share']")
    wanted = int((await _slice(today, name))["expires"]) + more
    for tag in SHARED if share is not None else ():  # before the time, which would be added twice by a second try
        await _set_tag(today, name, tag, str(share))
    longest = int(now) + LONGEST
    await today("UpdateSlice", name, {"expires": min(wanted, longest)})
    return 1


async def _set_tag(today: Today, name: str, tag: str, value: str) -> None:
    """Let a slice have this tag on all its nodes."""
    fields = ["slice_tag_id", "value", "node_id", "nodegroup_id"]
    rows = await today("GetSliceTags", {"name": name, "tagname": tag}, fields)
    everywhere = [row for row in rows if row["node_id"] is None and row["nodegroup_id"] is None]
    if not everywhere:
        alike = any(row["value"] == value for row in rows)  # a sliver's own, to which all may be changed but not added
        number = await today("AddSliceTag", name, tag, "" if alike else value)
        if alike:
            await today("UpdateSliceTag", number, value)
    elif everywhere[0]["value"] != value:
        await today("UpdateSliceTag", everywhere[0]["slice_tag_id"], value)


async def assign_nodes(today: Today, slice_struct: Any, nodes: Any) -> int:
    """Put a slice on nodes, named by address or host name."""
    name = _name(slice_struct)
    there = set((await _slice(today, name))["node_ids"])
    wanted = await _nodes(today, nodes)
    if known := [said for said, number in wanted.items() if number in there]:
        raise Fault(EXISTS, f"{', '.join(known)} already assigned to {name}")
    await today("AddSliceToNodes", name, list(wanted.values()))
    return 1


async def instantiate_sliver(today: Today, slice_struct: Any, nodes: Any) -> int:
    """See that a slice is on these nodes, which fetch it with their next poll."""
    name = _name(slice_struct)
    there = set((await _slice(today, name))["node_ids"])
    if missing := [said for said, number in (await _nodes(today, nodes)).items() if number not in there]:
        raise Fault(EXISTS, f"{', '.join(missing)} not assigned to {name}")
    return 1


async def unassign_nodes(today: Today, slice_struct: Any, nodes: Any) -> int:
    """Take a slice off nodes."""
    name = _name(slice_struct)
    there = set((await _slice(today, name))["node_ids"])
    wanted = await _nodes(today, nodes)
    if missing := [said for said, number in wanted.items() if number not in there]:
        raise Fault(EXISTS, f"{', '.join(missing)} not assigned to {name}")
    await today("DeleteSliceFromNodes", name, list(wanted.values()))
    return 1


async def delete_slice(today: Today, slice_struct: Any) -> int:
    """End a slice."""
    await today("DeleteSlice", _name(slice_struct))
    return 1


async def list_slice(today: Today) -> list[dict[str, Any]]:
    """The caller's slices: ``slicename`` and ``expires``."""
    rows = await today("GetSlices", {}, ["name", "expires"])
    return [{"slicename": row["name"], "expires": row["expires"]} for row in rows]


async def _slice(today: Today, name: str) -> dict[str, Any]:
    rows = await today("GetSlices", [name], ["name", "expires", "node_ids"])
    if not rows:
        raise NotFound(f"slice {name!r} does not exist: it is unknown within Planetlab")
    return dict(rows[0])


async def _nodes(today: Today, nodes: Any) -> dict[str, int]:
    """Node by what it was called."""
    said = [str(each) for each in _member(nodes, "nodeList", list, "nodes")]
    faces = await today("GetInterfaces", {"ip": said}, ["ip", "node_id"])
    known = {row["ip"]: int(row["node_id"]) for row in faces}
    if names := [each for each in said if each not in known]:
        rows = await today("GetNodes", names, ["hostname", "node_id"])
        known |= {row["hostname"]: int(row["node_id"]) for row in rows}
    if unknown := [each for each in said if each not in known]:
        raise NotFound(f"node {', '.join(unknown)} does not exist")
    return {each: known[each] for each in said}


CALLS: Mapping[str, tuple[Callable[..., Awaitable[Any]], int]] = {
    "createSlice": (create_slice, 1),
    "AssignUsers": (assign_users, 1),
    "UnAssignUsers": (unassign_users, 1),
    "AssignShares": (assign_shares, 1),
    "AssignNodes": (assign_nodes, 1),
    "InstantiateSliver": (instantiate_sliver, 1),
    "UnAssignNodes": (unassign_nodes, 1),
    "deleteSlice": (delete_slice, 1),
    "listSlice": (list_slice, 0),
}
"""By name, what is done, and at which place of the arguments stands who calls."""


class Whole(ApiResource):
    """The whole interface, with the calls of 2004 beside it."""

    def __init__(self, *args: Any, clock: Clock, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clock = clock

    async def _value(self, name: str, args: tuple[Any, ...], request: Request, greet: Any) -> Any:
        if name not in CALLS or name in self.api:
            return await super()._value(name, args, request, greet)
        work, place = CALLS[name]
        if len(args) <= place or not isinstance(args[place], dict):
            raise BadArgument(f"{name}: expected a struct that says who calls, after {place} arguments")
        auth, rest = _of_today(args[place]), (*args[:place], *args[place + 1 :])
        if work is assign_shares:
            rest = (self._clock.now(), *rest)
        try:
            return await work(lambda called, *given: self._today(called, auth, given, request), *rest)
        except TypeError as error:
            raise BadArgument(f"{name}: {error}") from error

    async def _today(self, name: str, auth: Any, args: tuple[Any, ...], request: Request) -> Any:
        """One of today's calls, here or at the other half. Raises the `Fault` that it answers."""
        answer = await self._serve(request, xmlrpc.dumps_call(name, (auth, *args)))
        return xmlrpc.loads_answer(b"".join(map(xmlrpc.octets_of, answer or ())))

    def _is_elsewhere(self, name: str, request: Request) -> bool:
        return name not in CALLS and super()._is_elsewhere(name, request)


def _of_today(auth: dict[str, Any]) -> dict[str, Any]:
    """Who calls, by the members of today."""
    return {"Username" if key == "username" else key: value for key, value in auth.items()}
