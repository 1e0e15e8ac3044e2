"""Papers that no honest caller shows: the first from each authority becomes an event that its operator here is shown.

What is forged, wrapped, signed for names of others, or handed on for more than was held was made so by somebody. Who
showed it is known as far as the connection's own certificate leads to a root; all others are strangers together, so
that a flood of fresh keys makes no flood of events. While more comes, an hour passes between two events of one
authority.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from prometheus_client import Counter
from twisted.logger import Logger

from planetlab.both.desk import Desk
from planetlab.calls import Call
from planetlab.redact import one_line
from planetlab.refusals import BadPaper, Widened
from planetlab.registry import events
from planetlab.registry.store import Store
from planetlab.serve import Dialect

log = Logger()
_REFUSED = Counter(
    "plfed_sfa_suspicious", "Papers refused at the SFA interfaces that no honest caller shows.", ["reason"]
)

SUSPICIOUS = frozenset({"forged", "wrapped", "wrong-subtree", "two-faced", "rolled-back"})
EVENT = "RefusedPaper"  # the name under which GetEvents tells it
STRANGERS = "strangers"
QUIET = 3600.0  # seconds between two events about one authority
MOST = 1000  # authorities that are told apart


@define
class Alerts:
    """What was suspicious lately, by who showed it. ``tell`` does a job of the registry."""

    tell: Callable[[Callable[[Store], Any]], Any]
    now: Callable[[], float]
    _told: dict[str, float] = field(factory=dict, init=False)
    _more: dict[str, int] = field(factory=dict, init=False)

    @classmethod
    def of(cls, desk: Desk, now: Callable[[], float]) -> "Alerts":
        """Alerts that become events of this registry."""

        def tell(work: Callable[[Store], Any]) -> None:
            desk.job(work).addErrback(lambda failure: log.failure("an alert was not written down", failure))

        return cls(tell, now)

    def saw(self, error: Exception, method: str, address: str) -> None:
        """A call was refused with this error; most are nobody's fault."""
        if not isinstance(error, BadPaper) or not (isinstance(error, Widened) or error.reason in SUSPICIOUS):
            return
        _REFUSED.labels(error.reason).inc()
        who = error.shown_by or STRANGERS
        if who not in self._told and len(self._told) >= MOST:
            who = STRANGERS
        last = self._told.get(who)
        if last is not None and self.now() - last < QUIET:
            self._more[who] = self._more.get(who, 0) + 1
            return
        self._told[who] = self.now()
        more = self._more.pop(who, 0)
        beside = f"; {more} more since the last time this was said" if more else ""
        said = f"{who} showed a paper at {method} from {address}: {one_line(str(error), 300)}{beside}"
        log.error("{said}", said=said)
        self.tell(lambda store: _write(store, said))


def _write(store: Store, said: str) -> None:
    store.note(said)
    events.record(store, EVENT, (), None, None, "sfa", 0.0)


@frozen
class Watched:
    """A dialect that tells of the refusals that pass through it."""

    inner: Dialect
    alerts: Alerts

    def answer(self, value: Any) -> Any:
        return self.inner.answer(value)

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        self.alerts.saw(error, method, "?" if call is None else call.address)
        return self.inner.refuse(error, method, call)
