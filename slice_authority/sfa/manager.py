"""The slice interface: one call, asked of our own aggregate and of all others that are known, at most so many at once.

Our own aggregate is asked in the caller's name. The others are asked in the authority's: with credentials that the
caller delegated to it, and for what is on offer with its own. One that does not answer in time, or refuses, takes
nothing from the others' answer: it is named in ``output`` and ``statistics``, or for callers of 2010 in a comment. A
call that comes round again, known by its ``call_id``, is answered with nothing.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from lxml import etree
from twisted.logger import Logger

from planetlab.ask import Outcome, each
from planetlab.both.desk import Desk
from planetlab.calls import Call, dispatch
from planetlab.errors import BadArgument, Forbidden, PeerError, PlanetLabError
from planetlab.methods import Api, Method, Role
from planetlab.names import Hrn
from planetlab.redact import one_line
from planetlab.refusals import BadPaper
from planetlab.rspecs import codec, versions
from planetlab.rspecs.documents import Document, Kind
from slice_authority.sfa import allowing, credential_owner, older_slivers, slivers
from slice_authority.sfa.identity import Identity, Kept
from slice_authority.sfa.places import Neighbour, Places
from slice_authority.sfa.replies import struct, told
from slice_authority.sfa.slivers import compressed
from slice_authority.sfa.visitor import Visitor, is_modern

log = Logger()

AT_ONCE = 20  # aggregates that are asked at the same time
PATIENCE = 20.0  # seconds that one may take
REMEMBERED = 300.0  # seconds that the id of a call is known
MOST_IDS = 10_000
DAY = 86_400.0

FANNED = ("ListResources", "ListSlices", "CreateSliver", "UpdateSliver", "DeleteSliver", "SliverStatus", "RenewSliver",
          "Start", "Stop", "Shutdown")  # fmt: skip
_ON_OFFER = ("ListResources", "ListSlices")
_PLACES = {"ListResources": 1, "ListSlices": 1, "CreateSliver": 4, "UpdateSliver": 4, "RenewSliver": 3}  # of options
_RSPECS = ("ListResources", "CreateSliver", "UpdateSliver")


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
class _Asked:
    """One call as it came: ``options`` are those of the caller, ``args`` all arguments."""

    name: str
    args: tuple[Any, ...]
    options: dict[str, Any]
    visitor: Visitor

    @property
    def credentials(self) -> Any:
        """The argument with the credentials."""
        return self.args[0 if self.name in _ON_OFFER else 1]


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
        for method in (*slivers.api.values(), *older_slivers.api.values()):
            if method.name in FANNED:
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
            asked = _Asked(method.name, args, options, call.caller)
            name = options.get("call_id") or _id_of_2010(method, args)
            if name and self.seen.again(str(name)[:200], self.now()):
                return _reply(asked, _nothing(method.name), [])
            name = name or f"{secrets.token_hex(8)}-{self.kept.now.hrn}"
            return await self._all(method, evolve(asked, options={**options, "call_id": name}), call)

        return body

    async def _all(self, method: Method, asked: _Asked, call: Call) -> Any:
        me = self.kept.now
        places: list[Neighbour] = [Neighbour(me.hrn, ""), *self.places.aggregates]
        caller = credential_owner.named(asked.visitor.shown)
        wanted = _wanted(asked, me.hrn)
        chosen = [one for one in places if one.hrn != caller and (wanted is None or one.hrn in wanted)]

        async def ask(one: Neighbour) -> Any:
            if one.url:
                return await self._there(one, asked)
            return _value(await self._here(method, _plainly(asked), call))

        outcomes = await each(chosen, ask, AT_ONCE)
        good = [one for one in outcomes if one.ok]
        if not good:
            raise next((one.error for one in outcomes if one.error is not None), BadArgument("no aggregate is asked"))
        return _reply(asked, _merged(asked, [one.value for one in good], me.hrn), outcomes)

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

    async def _there(self, one: Neighbour, asked: _Asked) -> Any:
        """Ask another's aggregate, as the authority. Raises `PlanetLabError`."""
        me = self.kept.now
        on_offer = asked.name in _ON_OFFER and not _slice(asked)
        held = [_struct(me.on_itself(self.now()))] if on_offer else _delegated(asked, me)
        args = list(_plainly(asked))
        args[0 if asked.name in _ON_OFFER else 1] = held
        ask = me.ask(one.url, one.ca, PATIENCE, self.reactor)
        return _value(await ask.call(asked.name, *args))


method_of_version = evolve(slivers.api["GetVersion"], body=lambda call, options=None: slivers.version(call, "slicemgr"))


def _value(answer: Any) -> Any:
    """What an aggregate answered, out of its struct. Raises `PeerError` for a refusal in one."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), dict):
        return answer
    if answer["code"].get("geni_code") != 0:
        raise PeerError(one_line(str(answer.get("output", "")), 300))
    return answer.get("value")


def _options(method: Method, args: tuple[Any, ...]) -> dict[str, Any]:
    named = zip((one.name for one in method.accepts), args, strict=False)
    return next((value for name, value in named if name == "options" and isinstance(value, dict)), {})


def _id_of_2010(method: Method, args: tuple[Any, ...]) -> str:
    """The id of a call as its last argument, where options stood a year later."""
    return args[-1] if len(args) == len(method.accepts) and isinstance(args[-1], str) else ""


def _slice(asked: _Asked) -> str:
    return str(asked.options.get("geni_slice_urn") or asked.options.get("geni_slice_hrn") or "")


def _plainly(asked: _Asked) -> tuple[Any, ...]:
    """The arguments as our own generation says them: RSpecs in GENI 3 and not packed, so that they can be merged."""
    args = list(asked.args)
    options = {**asked.options, "geni_compressed": False}
    if asked.name in _RSPECS:
        options["geni_rspec_version"] = {"type": versions.GENI3.type, "version": versions.GENI3.version}
    if asked.name in ("Start", "Stop"):
        return tuple(args[:2])
    place = {"ListResources": 1, "ListSlices": 1, "CreateSliver": 4, "UpdateSliver": 4, "RenewSliver": 3}.get(
        asked.name, 2
    )
    args = [*args[:place], *([[]] * (place - len(args)))]
    if asked.name in ("CreateSliver", "UpdateSliver") and args[3] is None:
        args[3] = []
    return (*args, options)


def _struct(text: str) -> dict[str, str]:
    return {"geni_type": "geni_sfa", "geni_version": "3", "geni_value": text}


def _delegated(asked: _Asked, me: Identity) -> list[dict[str, str]]:
    """Of the caller's credentials those that were handed on to this authority. Raises `Forbidden`."""
    texts = [one.text for one in allowing.listed(asked.credentials)]
    found = [text.decode() for text in texts if credential_owner.is_held_by(text, me.chain[0])]
    if not found:
        raise Forbidden(f"no credential was delegated to {me.hrn}, in whose name other aggregates are asked")
    return [_struct(text) for text in found]


def _wanted(asked: _Asked, own: Hrn) -> set[Hrn] | None:
    """The aggregates whose nodes a request names; None where all are asked. Nodes of no manager are ours."""
    if asked.name not in ("CreateSliver", "UpdateSliver"):
        return None
    document = codec.read(asked.args[2], Kind.REQUEST)
    managers = (node.component_manager for node in document.nodes)
    return {own if manager is None else manager.hrn for manager in managers} or {own}


def _merged(asked: _Asked, values: Sequence[Any], own: Hrn) -> Any:
    if asked.name in _RSPECS:
        return _one_document(asked, values, own)
    if asked.name == "ListSlices":
        return sorted({str(one) for value in values if isinstance(value, list) for one in value})
    if asked.name == "SliverStatus":
        return _one_status([value for value in values if isinstance(value, dict)])
    return True


def _one_document(asked: _Asked, values: Sequence[Any], own: Hrn) -> str:
    kind = Kind.MANIFEST if asked.name != "ListResources" or _slice(asked) else Kind.ADVERTISEMENT
    read: list[Document] = [codec.read(value, kind) for value in values if isinstance(value, str | bytes)]
    if not read:
        raise PeerError("no aggregate answered with an RSpec document")
    whole = evolve(
        read[0],
        network=own,
        nodes=tuple(node for one in read for node in one.nodes),
        leases=tuple(lease for one in read for lease in one.leases),
    )
    default = codec.version_of(asked.args[2]) if asked.name != "ListResources" else versions.SFA1
    return codec.write(whole, versions.asked(asked.options, default))


def _one_status(values: list[dict[str, Any]]) -> dict[str, Any]:
    first = dict(values[0]) if values else {}
    words = [str(one.get("geni_status")) for one in values]
    first["geni_status"] = next((word for word in ("failed", "unknown", "configuring") if word in words), "ready")
    first["geni_resources"] = [part for one in values for part in one.get("geni_resources", [])]
    times = [str(one["geni_expires"]) for one in values if one.get("geni_expires")]
    return {**first, **({"geni_expires": min(times)} if times else {})}


def _nothing(name: str) -> Any:
    return {"ListResources": "", "CreateSliver": "", "UpdateSliver": "", "ListSlices": [], "SliverStatus": {}}.get(
        name, True
    )


def _reply(asked: _Asked, value: Any, outcomes: Sequence[Outcome[Neighbour, Any]]) -> Any:
    failed = [f"{one.item.hrn}: {_sentence(one.error)}" for one in outcomes if one.error is not None]
    for sentence in failed:
        log.warn("{method}: {sentence}", method=asked.name, sentence=sentence)
    if asked.visitor.modern:
        if asked.options.get("geni_compressed") and isinstance(value, str) and value:
            value = compressed(value)
        said = struct(value, 0, "; ".join(failed))
        return {**said, "statistics": [_statistic(one) for one in outcomes]}
    if isinstance(value, str) and failed:
        document = etree.fromstring(value.encode())
        document.append(etree.Comment(" " + "; ".join(failed).replace("--", "- -") + " "))
        return '<?xml version="1.0"?>\n' + etree.tostring(document, encoding="unicode")
    return int(value) if value is True and asked.name in ("DeleteSliver", "Start", "Stop", "Shutdown") else value


def _statistic(one: Outcome[Neighbour, Any]) -> dict[str, Any]:
    said = "success" if one.error is None else _sentence(one.error)
    return {"aggregate": str(one.item.hrn), "elapsed": round(one.seconds, 3), "status": said}


def _sentence(error: Exception | None) -> str:
    if isinstance(error, BadPaper | PlanetLabError):
        return one_line(told(error) if not isinstance(error, PeerError) else str(error), 300)
    return "internal error" if error is not None else ""
