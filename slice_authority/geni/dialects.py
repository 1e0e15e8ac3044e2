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
from planetlab.rspecs.versions import BadVersion
from slice_authority.sfa.aggregate import Unsupported
from slice_authority.sfa.replies import UNSUPPORTED, geni_code

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
BAD_VERSION = 4  # of the aggregate manager API: a spelling of RSpecs that is not spoken
_OURS = 111  # the code of an error that has an incident's number, and that is nobody's business but ours


@frozen
class Federation:
    """The dialect of the Federation API: ``{code, value, output}``, the code a plain number, no value is nil."""

    def answer(self, value: Any) -> Any:
        return {"code": 0, "value": value, "output": ""}

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        code, name = federation_code(error)
        return {"code": code, "value": None, "output": f"[{name}] {name}_ERROR ({error})"}


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


@frozen
class Geni:
    """The dialect of the aggregate manager API from version 2 on: codes in a struct, and never a fault.

    ``api`` stands beside every answer, where old clients look for it in that of GetVersion.
    """

    api: int

    def answer(self, value: Any) -> Any:
        return self._struct(0, value, "")

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        return self._struct(am_code(error), "", str(error))

    def _struct(self, code: int, value: Any, output: str) -> dict[str, Any]:
        said = {"geni_code": code, "am_type": "plfed", "am_code": code}
        return {"code": said, "value": value, "output": output, "geni_api": self.api}


def am_code(error: Exception) -> int:
    """The number that tells of an error in the aggregate manager API."""
    if isinstance(error, BadVersion):
        return BAD_VERSION
    return UNSUPPORTED if isinstance(error, Unsupported) else geni_code(error)
