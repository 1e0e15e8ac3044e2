"""What a credential's privileges let their owner do, as the last of the SFA's own servers had it, one row each.

Here no privilege means everything: ``authority`` had a ``*`` in its row, which made it the key to all interfaces.
"""

from attrs import frozen

OPERATIONS: dict[str, frozenset[str]] = {
    name: frozenset(operations.split())
    for name, operations in (
        ("authority", "register remove update resolve list getcredential"),
        ("refresh", "remove update"),
        ("resolve", "resolve list getcredential"),
        (
            "sa",
            "getticket redeemslice redeemticket createslice createsliver deleteslice deletesliver updateslice "
            "getsliceresources loanresources stopslice startslice renewsliver resetslice listslices listnodes "
            "getpolicy sliverstatus",
        ),
        (
            "embed",
            "getticket redeemslice redeemticket createslice createsliver renewsliver deleteslice deletesliver "
            "updateslice sliverstatus getsliceresources shutdown",
        ),
        ("bind", "getticket loanresources redeemticket"),
        (
            "control",
            "updateslice createslice createsliver renewsliver sliverstatus stopslice startslice deleteslice "
            "deletesliver resetslice getsliceresources getgids",
        ),
        ("info", "listslices listnodes getpolicy"),
        ("ma", "setbootstate getbootstate reboot getgids gettrustedcerts"),
        ("operator", "gettrustedcerts getgids"),
    )
}

# What is given on an object of a kind, and what ``*`` stands for on it (kinds as in URNs).
DEFAULTS: dict[str, tuple[str, ...]] = {
    "user": ("refresh", "resolve", "info"),
    "authority": ("authority", "sa", "ma"),
    "slice": ("refresh", "embed", "bind", "control", "info"),
    "node": ("operator",),
    "component": ("operator",),
}


@frozen(order=True)
class Privilege:
    """A right by name, and whether its owner may hand it on."""

    name: str
    can_delegate: bool = False

    @property
    def operations(self) -> frozenset[str]:
        """What it allows; nothing for a name that we do not know."""
        return OPERATIONS.get(self.name, frozenset())


def expanded(privileges: tuple[Privilege, ...], kind: str) -> tuple[Privilege, ...]:
    """``*`` as the rights that are usual on an object of this kind."""
    plain = [one for one in privileges if one.name != "*"]
    for star in (one for one in privileges if one.name == "*"):
        plain += [Privilege(name, star.can_delegate) for name in DEFAULTS.get(kind, ())]
    return tuple(dict.fromkeys(plain))


def covers(given: tuple[Privilege, ...], wanted: tuple[Privilege, ...]) -> bool:
    """Whether ``wanted`` may be handed on by whoever holds ``given``: by operations, of what may be delegated."""
    may: set[str] = set().union(*(one.operations for one in given if one.can_delegate))
    return all(one.operations and one.operations <= may for one in wanted)
