"""The owner's hand on the node while it runs: pause, allow, deny, cap, calendar. Each change goes to the policy file.

The file stays the truth: what is said here is there after a restart, and an edit of the file by hand is read within
seconds. No authority is asked for any of it.
"""

from collections.abc import Callable
from typing import Any

from attrs import asdict, define, evolve, fields_dict
from twisted.logger import Logger

from pl_conf import agreeing
from pl_conf.entries import Receipt
from pl_conf.policy import Ceilings, Names, Policy, Root, Window
from pl_conf.redeem import Redeemer
from pl_conf.refusals import NotAdmitted
from pl_conf.rules import OwnersRules
from planetlab.errors import BadArgument, BadSettings, DatabaseError, NotFound
from planetlab.names import Hrn

log = Logger()

MOST_WINDOWS = 100
PAUSED = "paused"  # the ledger's note that the node manager was told to stop everything
MOST_AMOUNT = 2**31 - 1  # of a ceiling
CAPS = ("share", "max_slivers", "max_lifetime", "net_max_rate", "cpu_share")


@define
class Owner:
    """Changes the policy, applies it to what is here, and writes a receipt of each change."""

    rules: OwnersRules
    redeemer: Redeemer
    reloaded: Callable[[], None] = lambda: None

    def show(self) -> dict[str, Any]:
        """The policy by the keys of its file."""
        shown: dict[str, Any] = _wire(asdict(self.rules.policy))
        return shown

    async def reload(self) -> int:
        """Read the file again and apply it. Raises `BadSettings`; then the old word stays in force."""
        self.rules.load()
        return await self._apply("read again")

    async def pause(self, paused: bool) -> int:
        """Stop everything, or let it run again.

        Raises `DatabaseError` where that cannot be written down; a pause is in force then all the same.
        """
        policy = evolve(self.rules.policy, paused=paused)
        try:
            return await self._say(policy, "paused" if paused else "resumed")
        except DatabaseError as error:
            if not paused:
                raise
            self.rules.say_for_now(policy)
            await self._stop_all()
            raise DatabaseError(f"everything is stopped, but until the next start only: {error}") from error

    async def deny(self, name: str) -> int:
        """Bar a slice or an authority."""
        policy, denied = self.rules.policy, self.rules.policy.deny
        kind = _kind(name)
        if name in getattr(denied, kind):
            return 0
        denied = evolve(denied, **{kind: (*getattr(denied, kind), name)})
        return await self._say(evolve(policy, deny=denied), f"denied {name}")

    async def allow(self, name: str) -> int:
        """Bar it no more; where the owner names whom he admits, name it there too."""
        policy, kind = self.rules.policy, _kind(name)
        named = evolve(policy.deny, **{kind: tuple(each for each in getattr(policy.deny, kind) if each != name)})
        admitted: Names = policy.allow
        if (admitted.slices or admitted.authorities) and name not in getattr(admitted, kind):
            admitted = evolve(admitted, **{kind: (*getattr(admitted, kind), name)})
        return await self._say(evolve(policy, deny=named, allow=admitted), f"allowed {name}")

    async def cap(self, authority: str, key: str, most: float) -> int:
        """Set one ceiling. Raises `BadArgument` for a key or amount that is none, `NotFound` for what is no root."""
        policy = self.rules.policy
        if not 0 <= most <= MOST_AMOUNT:
            raise BadArgument(f"expected 0 to {MOST_AMOUNT}, got {most:g}", "most")
        if not authority:
            _known(key, tuple(fields_dict(Ceilings)))
            return await self._say(evolve(policy, sliver=evolve(policy.sliver, **{key: int(most)})), f"{key} {most:g}")
        _known(key, CAPS)
        if authority not in {root.hrn for root in policy.root}:
            raise NotFound(f"{authority} is no root here; there are {', '.join(root.hrn for root in policy.root)}")
        roots = tuple(_capped(root, key, most) if root.hrn == authority else root for root in policy.root)
        return await self._say(evolve(policy, root=roots), f"{authority}: {key} {most:g}")

    async def calendar(self, windows: list[dict[str, Any]]) -> int:
        """Replace the calendar."""
        if len(windows) > MOST_WINDOWS:
            raise BadArgument(f"expected at most {MOST_WINDOWS}, got {len(windows)}", "windows")
        read = tuple(_window(window, at) for at, window in enumerate(windows))
        return await self._say(evolve(self.rules.policy, calendar=read), f"calendar of {len(read)}")

    async def _say(self, policy: Policy, what: str) -> int:
        try:
            self.rules.say(policy)
        except BadSettings as error:  # what was asked is what makes no sense; the old word stays
            raise BadArgument(str(error)) from error
        return await self._apply(what)

    async def settle(self) -> None:
        """Have the node manager stop everything in one step, or end that. What it does not hear, records say too."""
        ledger, paused = self.redeemer.ledger, self.rules.policy.paused
        if paused == (ledger.about(PAUSED) == "1"):
            return
        try:
            await self.redeemer.manager.call("Pause" if paused else "Resume")
            ledger.set_about(PAUSED, "1" if paused else "")
        except NotAdmitted as refusal:
            log.warn("the node manager does not stop all slivers in one step: {text}", text=str(refusal))

    async def _stop_all(self) -> None:
        """Have the node manager stop everything though nothing can be written down."""
        try:
            await self.redeemer.manager.call("Pause")
        except NotAdmitted as refusal:
            log.warn("the node manager stops everything, if it heard: {text}", text=str(refusal))

    async def _apply(self, what: str) -> int:
        await self.settle()
        changed = await agreeing.rebind(self.redeemer)
        self.reloaded()
        now = self.redeemer.time.wall()
        text = f"policy: {what}; {changed} slivers changed"
        self.redeemer.ledger.note(Receipt(at=now, authority="", slice="", source="owner", deed="policy", text=text))
        return changed


def _kind(name: str) -> str:
    """Whether a name is a slice's (it has an underscore) or an authority's."""
    if "_" in name:
        return "slices"
    Hrn.parse(name)
    return "authorities"


def _known(key: str, keys: tuple[str, ...]) -> None:
    if key not in keys:
        raise BadArgument(f"expected one of {', '.join(keys)}, got {key!r:.40}", "key")


def _capped(root: Root, key: str, most: float) -> Root:
    return evolve(root, **{key: type(getattr(root, key))(most)})


def _window(said: dict[str, Any], at: int) -> Window:
    known = fields_dict(Window)
    where = f"windows[{at}]"
    if unknown := sorted(said.keys() - known.keys()):
        raise BadArgument(f"unknown {', '.join(unknown)}; known are {', '.join(known)}", where)
    for key, value in said.items():
        wanted = list if key == "days" else type(known[key].default)
        if type(value) is not wanted:
            raise BadArgument(f"{key}: expected {wanted.__name__}, got {type(value).__name__}", where)
    days = {"days": tuple(map(str, said["days"]))} if "days" in said else {}
    return Window(**{**said, **days})


def _wire(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _wire(item) for key, item in value.items()}
    return [_wire(item) for item in value] if isinstance(value, tuple | list) else value
