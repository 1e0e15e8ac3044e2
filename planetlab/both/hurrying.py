"""Which reads are done in the reactor's own thread: short ones, and how short is told by what those before them took.

The way to another thread and back costs a short read as much as the read itself, and at each end it waits for a turn.
What takes long must not be done where all others wait, though. So a read begins there *in a hurry*; one that asks for
too much begins again in a thread (`TooLong`), and the next ones of its form go there at once.
"""

from typing import Any

from attrs import define, field

from planetlab.methods import Method
from planetlab.registry.store import TooLong

SECONDS = 0.002  # of processor time; two reads in a row that take more are too long, whatever they ask for
SHUNNED = 1000  # calls of a form that go to a thread after one was too long; then one is tried again
_FORMS = 1000  # that are remembered; beyond that it starts anew
_MANY = 16  # members or items from which on they are not looked at

# They compute: signatures, proofs, papers of peers.
COMPUTING = frozenset(
    {
        "FindAuthority",
        "GetInvitation",
        "GetNodePeers",
        "GetPeerBooks",
        "GetPeerData",
        "GetPeerTickets",
        "GetPeerView",
        "GetTicketLogConsistency",
        "GetTicketLogHead",
        "GetTicketLogProof",
    }
)

Form = tuple[Any, ...]


def form_of(method: Method, args: tuple[Any, ...]) -> Form:
    """What calls that take alike have in common: the method and the outline of each argument, unread as yet."""
    return (method.name, *map(_outline, args))


def _outline(said: Any) -> Any:
    if isinstance(said, dict):
        return "many" if len(said) > _MANY else tuple(sorted(said))
    if isinstance(said, list | tuple):
        return "many" if len(said) > _MANY else "few"
    return type(said)


@define
class Hurry:
    """Remembers the forms that were too long. For one thread."""

    _long: dict[Form, int] = field(factory=dict)
    _slow: set[Form] = field(factory=set)

    def must_be_short(self, form: Form) -> None:
        """Go on unless a call of this form was too long not long ago. Raises `TooLong`."""
        left = self._long.get(form)
        if left is None:
            return
        if not left:  # perhaps it is short by now
            del self._long[form]
            return
        self._long[form] = left - 1
        raise TooLong

    def took(self, form: Form, seconds: float) -> None:
        """Learn what one took that was not stopped; the first of its form, or of a busy moment, may be slow."""
        if seconds <= SECONDS:
            self._slow.discard(form)
        elif form in self._slow:
            self.was_long(form)
        elif len(self._slow) < _FORMS:
            self._slow.add(form)

    def was_long(self, form: Form) -> None:
        """Have the next calls of this form go to a thread at once."""
        if len(self._long) >= _FORMS:
            self._long.clear()
        self._long.setdefault(form, SHUNNED)
