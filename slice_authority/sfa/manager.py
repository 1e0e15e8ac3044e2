"""The slice interface: one call, asked of our own aggregate and of all others that are known, at most so many at once.

Our own aggregate is asked in the caller's name. The others are asked in the authority's: with credentials that the
caller delegated to it, and for what is on offer with its own. One that does not answer in time, or refuses, takes
nothing from the others' answer: it is named in ``output`` and ``statistics``, or for callers of 2010 in a comment. A
call that comes round again, known by its ``call_id``, is answered with nothing.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from planetlab.ask import each
from planetlab.both.desk import Desk
from planetlab.calls import Call, dispatch
from planetlab.errors import BadArgument, Forbidden
from planetlab.methods import Api, Method, Role
from planetlab.names import Hrn, Urn
from planetlab.rspecs import codec, versions
from planetlab.rspecs.documents import Kind
from slice_authority.geni import am3
from slice_authority.sfa import allowing, credential_owner, older_slivers, slivers
from slice_authority.sfa.identity import Identity, Kept
from slice_authority.sfa.merging import ON_OFFER, RSPECS, THIRD, Asked, answer, nothing, reply, slice_in, value_of
from slice_authority.sfa.places import Neighbour, Places
from slice_authority.sfa.visitor import is_modern

log = Logger()

AT_ONCE = 20  # aggregates that are asked at the same time
PATIENCE = 20.0  # seconds that one may take
REMEMBERED = 300.0  # seconds that the id of a call is known
MOST_IDS = 10_000

FANNED = ("ListResources", "ListSlices", "CreateSliver", "UpdateSliver", "DeleteSliver", "SliverStatus", "RenewSliver",
          "Start", "Stop", "Shutdown")  # fmt: skip
_PLACES = {"ListResources": 1, "ListSlices": 1, "CreateSliver": 4, "UpdateSliver": 4, "RenewSliver": 3}  # of options


@define
class Seen:
    """The ids of calls that were answered lately."""

    _at: dict[str, float] = field(factory=dict, init=False)

    def again(self, name: str, now: float) -> bool:
        """Whether this id was seen before; from now on it was."""
        if len(self._at) >= MOST_IDS:
            self._at = {one: at for one, at in self._at.items() if now - at < REMEMBERED}
            while len(self._at) >= MOST_IDS:
                del self._at[next(iter(self._at))]
        before = self._at.pop(name, None)
        self._at[name] = now
        return before is not None and now - before < REMEMBERED


@frozen
class Manager:
    """What answers for the slice interface."""

    desk: Desk
    kept: Kept
    places: Places
    reactor: Any
    now: Callable[[], float]
    seen: Seen = field(factory=Seen)

    def api(self) -> Api:
        """Its methods: those of the aggregate, the ones that are asked of all."""
        whole = Api(auth=None)
        third = (am3.api[name] for name in THIRD)
        for method in (*slivers.api.values(), *older_slivers.api.values(), *third):
            if method.name in FANNED or method.name in THIRD:
                whole.add(evolve(method, body=self._body(method)))
            elif method.name == "GetVersion":
                whole.add(evolve(method, body=lambda call, options=None: self._here(method_of_version, (), call)))
            else:
                whole.add(evolve(method, body=self._local(method)))
        return whole

    def _local(self, method: Method) -> Callable[..., Awaitable[Any]]:
        return lambda call, *args: self._here(method, args, call)

    def _body(self, method: Method) -> Callable[..., Awaitable[Any]]:
        async def body(call: Call, *args: Any) -> Any:
            options = _options(method, args)
            asked = Asked(method.name, args, options, call.caller)
            name = options.get("call_id") or _id_of_2010(method, args)
            if name and self.seen.again(str(name)[:200], self.now()):
                return reply(asked, nothing(method.name), [])
            name = name or f"{secrets.token_hex(8)}-{self.kept.now.hrn}"
            return await self._all(method, evolve(asked, options={**options, "call_id": name}), call)

        return body

    async def _all(self, method: Method, asked: Asked, call: Call) -> Any:
        me = self.kept.now
        ready = await self._apart(_prepared, asked, me, self.now())
        places: list[Neighbour] = [Neighbour(me.hrn, ""), *self.places.aggregates]
        caller = credential_owner.named(asked.visitor.shown)
        chosen = [one for one in places if one.hrn != caller and (ready.wanted is None or one.hrn in ready.wanted)]

        async def ask(one: Neighbour) -> Any:
            if one.url:
                return await self._there(one, asked, ready, me)
            return value_of(await self._here(method, _plainly(asked, me.hrn), call))

        outcomes = await each(chosen, ask, AT_ONCE)
        if not any(one.ok for one in outcomes):
            raise next((one.error for one in outcomes if one.error is not None), BadArgument("no aggregate is asked"))
        return await self._apart(answer, asked, outcomes, me.hrn)

    def _apart(self, work: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """Do what takes a while with long documents in a thread; the reactor serves others meanwhile."""
        done: Awaitable[Any] = deferToThreadPool(self.reactor, self.reactor.getThreadPool(), work, *args)
        return done

    def _here(self, method: Method, args: tuple[Any, ...], call: Call) -> Awaitable[Any]:
        """Ask our own aggregate, as the caller, in a transaction of its own."""
        visitor, address = call.caller, call.address
        alone = Api(auth=None)
        alone.add(method)

        def greet(of: Method, given: tuple[Any, ...]) -> Call:
            modern = evolve(visitor, modern=is_modern(of, given))
            roles = frozenset({Role.ANONYMOUS})
            return self.desk.greet_by(lambda store: Call(modern, roles, store, store.now, of.name, address))

        answer: Awaitable[Any] = self.desk.run(method, lambda: dispatch(alone, method.name, args, greet))
        return answer

    async def _there(self, one: Neighbour, asked: Asked, ready: "_Ready", me: Identity) -> Any:
        """Ask another's aggregate, as the authority. Raises `PlanetLabError`."""
        if not ready.credentials:
            raise Forbidden(f"no credential was delegated to {me.hrn}, in whose name other aggregates are asked")
        args = list(_plainly(asked, one.hrn))
        args[0 if asked.name in ON_OFFER else 1] = list(ready.credentials)
        ask = me.ask(one.url, one.ca, PATIENCE, self.reactor)
        return value_of(await ask.call(asked.name, *args))


@frozen
class _Ready:
    """What a call was found to need: whose nodes it names (None: everybody is asked), and what the others are shown."""

    wanted: frozenset[Hrn] | None
    credentials: tuple[dict[str, str], ...]


def _prepared(asked: Asked, me: Identity, now: float) -> _Ready:
    if asked.name in ON_OFFER and not slice_in(asked):
        return _Ready(None, (_struct(me.on_itself(now)),))
    return _Ready(_wanted(asked, me.hrn), tuple(_delegated(asked, me)))


method_of_version = evolve(slivers.api["GetVersion"], body=lambda call, options=None: slivers.version(call, "slicemgr"))


def _options(method: Method, args: tuple[Any, ...]) -> dict[str, Any]:
    named = zip((one.name for one in method.accepts), args, strict=False)
    return next((value for name, value in named if name == "options" and isinstance(value, dict)), {})


def _id_of_2010(method: Method, args: tuple[Any, ...]) -> str:
    """The id of a call as its last argument, where options stood a year later."""
    return args[-1] if len(args) == len(method.accepts) and isinstance(args[-1], str) else ""


def _plainly(asked: Asked, whose: Hrn) -> tuple[Any, ...]:
    """The arguments for one aggregate as our own generation says them, with RSpecs in GENI 3, to be merged."""
    args = list(asked.args)
    options = {**asked.options, "geni_compressed": False}
    if asked.name in RSPECS or asked.name in THIRD:
        options["geni_rspec_version"] = {"type": versions.GENI3.type, "version": versions.GENI3.version}
    if asked.name in ("Start", "Stop"):
        return tuple(args[:2])
    if asked.name in THIRD:
        if isinstance(args[0], list):
            args[0] = [urn for urn in args[0] if _of_sliver(urn) in (None, whose)]
        return (*args[: THIRD[asked.name]], options)
    place = _PLACES.get(asked.name, 2)
    args = [*args[:place], *([[]] * (place - len(args)))]
    if asked.name in ("CreateSliver", "UpdateSliver") and args[3] is None:
        args[3] = []
    return (*args, options)


def _of_sliver(said: Any) -> Hrn | None:
    """The aggregate whose sliver a URN names; None for a slice's. Raises `BadArgument`."""
    urn = Urn.parse(said)
    return Hrn(urn.authority) if urn.kind == "sliver" else None


def _struct(text: str) -> dict[str, str]:
    return {"geni_type": "geni_sfa", "geni_version": "3", "geni_value": text}


def _delegated(asked: Asked, me: Identity) -> list[dict[str, str]]:
    """Of the caller's credentials those that were handed on to this authority."""
    texts = (one.text for one in allowing.listed(asked.credentials))
    return [_struct(text.decode()) for text in texts if credential_owner.is_held_by(text, me.chain[0])]


def _wanted(asked: Asked, own: Hrn) -> frozenset[Hrn] | None:
    """The aggregates whose nodes a request names; None where all are asked. Nodes of no manager are ours."""
    if asked.name in THIRD and isinstance(asked.args[0], list):
        named = {_of_sliver(urn) for urn in asked.args[0]}
        return None if None in named else frozenset(hrn for hrn in named if hrn is not None)
    if asked.name not in ("CreateSliver", "UpdateSliver", "Allocate"):
        return None
    document = codec.read(asked.args[2], Kind.REQUEST)
    managers = (node.component_manager for node in document.nodes)
    return frozenset(own if manager is None else manager.hrn for manager in managers) or frozenset({own})
