"""How fast one slice may ask the node manager: each has an allowance that fills again with time.

It is counted before a call is read, since reading is what a flood costs: a call takes one from the allowance, and one
more for each whole 64 KiB of it, and of its answer. Who has none left is refused by a sentence that says when to come
back, and waits for it up to a second, so that a program that asks again at once is slowed down and not served the
faster. The owner and the creation service ask as fast as they like.
"""

from collections.abc import Callable

from attrs import frozen

from planetlab.errors import Unavailable
from planetlab.gate import user_key
from planetlab.limits import Rates

PIECE = 65_536  # octets of a call that count as much as a call
HELD = 1.0  # seconds that a refusal is kept back at most


class TooFast(Unavailable):
    """The caller has to wait; ``wait`` says how many seconds."""

    def __init__(self, who: str, rates: Rates, wait: float) -> None:
        super().__init__(
            f"{who} calls too fast: at most {rates.burst} at once and {rates.rate:g} a second, long calls count for "
            f"several; ask again in {wait:.1f} s"
        )
        self.wait = wait


@frozen
class Pace:
    """The allowances of all callers. ``exempt`` says of a user id whether it has none; ``name`` says whose it is."""

    rates: Rates
    exempt: Callable[[int], bool]
    name: Callable[[int], str]

    def must_wait(self, uid: int | None, octets: int, now: float) -> None:
        """Take a call of so many octets from the caller's allowance. Raises `TooFast`.

        ``uid`` None: nobody knows who calls; all of these share an allowance.
        """
        if uid is not None and self.exempt(uid):
            return
        wait = self.rates.wait("" if uid is None else user_key(uid), now, 1.0 + octets // PIECE)
        if wait:
            raise TooFast("unknown callers" if uid is None else self.name(uid), self.rates, wait)

    def charge(self, uid: int | None, octets: int) -> None:
        """Take an answer of so many octets from it too."""
        self.rates.charge("" if uid is None else user_key(uid), octets // PIECE)
