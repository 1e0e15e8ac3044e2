"""How the SFA interfaces say values and errors: bare with the faults of 2010, or with GENI's codes to later callers."""

from typing import Any
from xmlrpc.client import Fault

from attrs import frozen

from planetlab.calls import Call
from planetlab.errors import (
    BadArgument,
    BadArgumentCount,
    Conflict,
    DatabaseError,
    Forbidden,
    NoSuchMethod,
    NotAuthenticated,
    NotFound,
    PeerError,
    PlanetLabError,
    Unavailable,
)
from planetlab.faults import fault
from planetlab.refusals import BadCredential, BadPaper
from slice_authority.sfa.visitor import Visitor


class Unsupported(BadArgument):
    """This is not done here."""


NONE, BADARGS, ERROR, FORBIDDEN, SERVER, REFUSED, DATABASE, RPC = 0, 1, 2, 3, 5, 7, 9, 10
SEARCH_FAILED, UNSUPPORTED, EXISTS = 12, 13, 17

_CODES: tuple[tuple[type[PlanetLabError], int], ...] = (
    (NoSuchMethod, UNSUPPORTED),
    (BadArgumentCount, BADARGS),
    (NotAuthenticated, FORBIDDEN),
    (Forbidden, FORBIDDEN),
    (BadPaper, FORBIDDEN),
    (Unsupported, UNSUPPORTED),
    (NotFound, SEARCH_FAILED),
    (Conflict, EXISTS),
    (BadArgument, BADARGS),
    (Unavailable, UNSUPPORTED),
    (DatabaseError, DATABASE),
    (PeerError, RPC),
)


def geni_code(error: Exception) -> int:
    """The number in GENI's table that tells of this error."""
    if isinstance(error, BadPaper) and error.reason in ("malformed", "too-large"):
        return BADARGS
    return next((code for kind, code in _CODES if isinstance(error, kind)), SERVER)


def struct(value: Any, code: int = NONE, output: str = "") -> dict[str, Any]:
    """A value, or an error, as GENI's interfaces say it."""
    return {"code": {"geni_code": code, "am_type": "sfa", "am_code": code}, "value": value, "output": output}


def reply(call: Call, value: Any) -> Any:
    """``value`` as the caller's generation reads it, at an aggregate or a slice manager."""
    visitor = call.caller
    return struct(value) if isinstance(visitor, Visitor) and visitor.modern else value


def told(error: Exception) -> str:
    """An error in one sentence."""
    return fault(error).faultString


@frozen
class Replies:
    """The dialect: ``structs`` says that callers of 2011 and later get errors as structs, too."""

    structs: bool = False

    def answer(self, value: Any) -> Any:
        return value

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        modern = call is not None and isinstance(call.caller, Visitor) and call.caller.modern
        if modern or isinstance(error, NoSuchMethod) and self.structs:
            code, text = geni_code(error), fault(error, method).faultString
            if code == SEARCH_FAILED and not self.structs:
                code = ERROR  # as registries of that time say that there is no such record
            return struct("", code, text) if self.structs and modern else Fault(code, text)
        plain = fault(error, method)
        if isinstance(error, BadCredential):
            plain.faultCode = 108 if error.reason == "not-permitted" else 115
        return plain
