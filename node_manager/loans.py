"""Loans: what one sliver has of another's grant, computed anew each time from what the authority gave.

Only what was given can be lent; what is borrowed cannot be lent on. Loans count in list order, each lender keeps a
minimum, and one that does not fit now is skipped and tried again whenever grants change.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from planetlab.errors import BadArgument
from planetlab.names import SliceName
from planetlab.rspec import LOANABLE

MOST = 256  # loans of one sliver
MALFORMED = "Invalid argument: the second argument must be a well-formed loan specification"


@frozen
class Loan:
    """``amount`` of one resource, for ``recipient`` as long as the loan stands."""

    recipient: SliceName
    resource: str
    amount: int

    @classmethod
    def read(cls, value: Any) -> "Loan":
        """A loan off the wire: ``[recipient, resource, amount]``. Raises `BadArgument` with the original's text."""
        if type(value) is not list or len(value) != 3:
            raise BadArgument(f"{MALFORMED}: expected [recipient, resource, amount], got {value!r:.60}")
        recipient, resource, amount = value
        if resource not in LOANABLE if isinstance(resource, str) else True:
            raise BadArgument(f"{MALFORMED}: {resource!r:.40} cannot be lent; {', '.join(LOANABLE)} can")
        if type(amount) is not int or not 0 <= amount <= 2**31 - 1:
            raise BadArgument(f"{MALFORMED}: amount must be a whole number from 0 up, got {amount!r:.40}")
        if not isinstance(recipient, str):
            raise BadArgument(f"{MALFORMED}: recipient must be a sliver's name, got {recipient!r:.40}")
        try:
            return cls(SliceName.parse(recipient), resource, amount)
        except BadArgument as error:
            raise BadArgument(f"{MALFORMED}: {error}") from error

    def wire(self) -> list[Any]:
        """The array that `read` reads."""
        return [str(self.recipient), self.resource, self.amount]


def read_loans(value: Any) -> tuple[Loan, ...]:
    """All loans of one lender. Raises `BadArgument`."""
    if type(value) is not list or len(value) > MOST:
        raise BadArgument(f"{MALFORMED}: expected an array of at most {MOST} loans")
    return tuple(map(Loan.read, value))


Grants = Mapping[SliceName, Mapping[str, int]]
"""By sliver, the amounts of the `LOANABLE` resources."""


def effective(
    given: Grants, loans: Iterable[tuple[SliceName, Loan]]
) -> tuple[dict[SliceName, dict[str, int]], list[tuple[SliceName, Loan]]]:
    """What each sliver has once the loans that fit have moved, and the loans that did not fit.

    ``loans`` are (lender, loan) in the order in which they count.
    """
    has = {name: dict(grant) for name, grant in given.items()}
    rest = {name: dict(grant) for name, grant in given.items()}
    skipped = []
    for lender, loan in loans:
        mine = rest.get(lender, {})
        if loan.recipient in has and loan.amount <= mine.get(loan.resource, 0) - LOANABLE[loan.resource]:
            mine[loan.resource] -= loan.amount
            has[lender][loan.resource] -= loan.amount
            has[loan.recipient][loan.resource] = has[loan.recipient].get(loan.resource, 0) + loan.amount
        else:
            skipped.append((lender, loan))
    return has, skipped
