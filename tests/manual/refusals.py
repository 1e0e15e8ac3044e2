"""What callers were refused with: the calls that the tests of the API make and that end in a fault, made anew.

Each is a row of tests.plcapi: who calls what with which values, in a small registry with two sites and people of every
role. The fault's code is what the row says; its text is what the call is told now.
"""

import re
import reprlib
from typing import Any

from attrs import frozen

from tests.plcapi import rows_filters, rows_lists, rows_ma, rows_rare, rows_sa, rows_slices
from tests.plcapi.campus import Campus, Fault, Id, Row
from tests.registry.world import KEY, NOW

ROWS: tuple[Row, ...] = (
    *rows_sa.SITES, *rows_sa.PERSONS, *rows_slices.SLICES, *rows_slices.LEASES, *rows_ma.NODES, *rows_ma.TAGS,
    *rows_ma.KEPT, *rows_ma.BOOT, *rows_filters.FILTERS, *rows_rare.RARE, *rows_lists.STRUCTS, *rows_lists.RIGHTS,
)  # fmt: skip
WHO = {
    "admin": "an administrator", "pi": "the site's PI", "member": "a member of the slice", "user": "a user of the site",
    "tech": "a tech of the site", "pi2": "another site's PI", "user2": "another site's user",
    "tech2": "another site's tech", "node": "the node", "node2": "another site's node", "nobody": "who has no role",
    "anonymous": "nobody in particular", "disabled": "a disabled account",
}  # fmt: skip
_NEW = ({"name": "princeton_new"},)
_LATER = ("princeton_codeen", {"expires": int(NOW) + 20 * 86_400, "url": "http://x", "description": "what"})
_ADDED = ("node1.princeton.example", Id("pcu"), 1)


_KEY = {"key_type": "ssh", "key": KEY}


def _by(who: str, method: str, *args: Any, code: int = 102) -> Row:
    return Row(who, method, args, Fault(code))


AFTER: tuple[tuple[Row, Row], ...] = (
    (_by("admin", "UpdateSite", "princeton", {"max_slices": 1}), _by("pi", "AddSlice", *_NEW)),
    (_by("admin", "UpdateSite", "princeton", {"enabled": False}), _by("admin", "AddSlice", *_NEW)),
    (_by("admin", "UpdateSite", "princeton", {"max_slices": 0}), _by("member", "UpdateSlice", *_LATER)),
    (_by("admin", "UpdateSite", "princeton", {"max_slices": 0}),
     _by("member", "SliceRenew", "princeton_codeen", _LATER[1]["expires"])),
    (_by("tech", "AddNodeToPCU", *_ADDED), _by("tech", "AddNodeToPCU", *_ADDED)),
    (_by("tech", "AddNodeToPCU", *_ADDED), _by("tech", "AddNodeToPCU", "lease1.princeton.example", *_ADDED[1:])),
    (_by("admin", "BlacklistKey", Id("key")), _by("user", "AddPersonKey", Id("user_id"), _KEY)),
    (_by("admin", "ResetPassword", Id("user_id")), _by("admin", "ResetPassword", Id("user_id"), code=108)),
    (_by("admin", "ResetPassword", Id("user_id")), _by("admin", "ResetPassword", Id("user_id"), "guess", code=108)),
    (_by("admin", "VerifyPerson", Id("disabled_id")), _by("admin", "VerifyPerson", Id("disabled_id"), code=108)),
    (_by("admin", "AddSliceToNodesWhitelist", "mit_cfs", ["mit1.princeton.example"]),
     _by("member", "AddSliceToNodes", "princeton_codeen", ["mit1.princeton.example"])),
)  # fmt: skip
"""Refusals of what was well at first: a call, and the one that is refused after it."""


@frozen
class Refusal:
    """A fault, and the call that got it first."""

    code: int
    text: str
    call: str


def refusals() -> dict[str, tuple[Refusal, ...]]:
    """By method, each fault that a call of the tests gets, once."""
    campus = Campus()
    found: dict[str, dict[tuple[int, str], Refusal]] = {}
    for before, row in (*((None, row) for row in ROWS if isinstance(row.expected, Fault)), *AFTER):
        campus.fresh()
        args, when = campus.value(row.args), ""
        if before is not None:
            first = campus.value(before.args)
            campus.call(before.method, campus.auth(before.who, *first), *first)
            when = f", after `{_call(before.method, first)}` by {WHO[before.who]}"
        code, text = campus.refused(row.method, campus.auth(row.who, *args), *args)
        assert row.expected == Fault(code), (row, code, text)
        told = Refusal(code, text, f"`{_call(row.method, args)}` by {WHO[row.who]}{when}")
        found.setdefault(row.method, {}).setdefault((code, _kind(text)), told)
    return {method: tuple(sorted(each.values(), key=_order)) for method, each in found.items()}


def _order(refusal: Refusal) -> tuple[int, str]:
    return refusal.code, refusal.text


def _kind(text: str) -> str:
    """What two faults have in common that differ in who or what they name."""
    return re.sub(r"'[^']*'|[0-9]+|cannot be set: .*|; .*", "…", text)


def _call(method: str, args: list[Any]) -> str:
    short = reprlib.Repr()
    short.maxstring, short.maxdict, short.maxlist = 60, 8, 8
    return f"{method}({', '.join(map(short.repr, args))})".replace("`", "'")
