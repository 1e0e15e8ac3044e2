"""How the GENI interfaces say values and errors: each as a struct of code, value and output, with codes of its own."""

from typing import Any
from xmlrpc.client import Fault

from attrs import frozen

from planetlab.calls import Call
from planetlab.errors import (
    BadArgument,
    Conflict,
    DatabaseError,
    Forbidden,
    NoSuchMethod,
    NotAuthenticated,
    PlanetLabError,
    Unavailable,
)
from planetlab.refusals import BadCredential, BadPaper

# Common Federation API v2, appendix: the code, the name that stands in the output, the errors that it tells of.
_FEDERATION: tuple[tuple[int, str, tuple[type[PlanetLabError], ...]], ...] = (
    (100, "NOT_IMPLEMENTED", (NoSuchMethod, Unavailable)),
    (5, "DUPLICATE", (Conflict,)),
    (2, "AUTHORIZATION", (Forbidden,)),
    (1, "AUTHENTICATION", (NotAuthenticated, BadPaper)),
    (3, "ARGUMENT", (BadArgument, PlanetLabError)),
    (4, "DATABASE", (DatabaseError,)),
)
_SERVER = (101, "SERVER")
_OURS = 111  # the code of an error that has an incident's number, and that is nobody's business but ours


@frozen
class Federation:
    """The dialect of the Federation API: ``{code, value, output}``, the code a plain number."""

    def answer(self, value: Any) -> Any:
        return {"code": 0, "value": {} if value is None else value, "output": ""}

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        code, name = federation_code(error)
        return {"code": code, "value": {}, "output": f"[{name}] {name}_ERROR ({error})"}


def federation_code(error: Exception) -> tuple[int, str]:
    """The number and name that tell of an error in the Federation API."""
    if isinstance(error, BadCredential) and error.reason == "not-permitted":
        return 2, "AUTHORIZATION"
    if type(error) is PlanetLabError and error.code == _OURS:
        return _SERVER
    for code, name, kinds in _FEDERATION:
        if isinstance(error, kinds):
            return code, name
    return _SERVER


@frozen
class Bare:
    """Values as they are, and faults: the dialect of the clearinghouse and of the first aggregate manager API."""

    def answer(self, value: Any) -> Any:
        return value

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        code = error.code if isinstance(error, PlanetLabError) else _OURS
        return Fault(code, f"{method}: {error}")
