"""What can go wrong, said once; the edge turns each of these into the fault of the interface that was called."""


class PlanetLabError(Exception):
    """An error with a code. ``str(error)`` is the detail; ``generic`` is the fixed text that stands before it.

    Codes and generic texts are those of the PLC API's faults.
    """

    code = 111
    generic = "Internal API error"

    @property
    def detail(self) -> str:
        """What this error says beyond its generic text; may be empty."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return self.detail or self.generic


class NoSuchMethod(PlanetLabError):
    """No method of this name is exported."""

    code = 100
    generic = "Invalid method"


class BadArgumentCount(PlanetLabError):
    """The call has too few or too many arguments."""

    code = 101
    generic = "Invalid argument count"


class BadArgument(PlanetLabError):
    """The call does not have the declared form, or names what does not exist.

    ``where`` is the path of the argument, like ``node_fields['hostname']``, when one value is to blame.
    """

    code = 102

    def __init__(self, detail: str = "", where: str = "") -> None:
        super().__init__(detail)
        self.where = where

    @property
    def generic(self) -> str:  # type: ignore[override]  # the PLC API names the argument in its fixed text
        """``Invalid <where> value`` when one argument is to blame, else ``Invalid argument``."""
        return f"Invalid {self.where} value" if self.where else "Invalid argument"

    def __str__(self) -> str:
        return f"{self.where}: {self.detail}" if self.where else super().__str__()


class NotFound(BadArgument):
    """No record of this kind has this name or number."""


class NotAuthenticated(PlanetLabError):
    """The caller did not show who it is, or is not one that this method answers."""

    code = 103
    generic = "Failed to authenticate call"


class DatabaseError(PlanetLabError):
    """The registry refused a statement; the detail carries the incident's number, not the statement."""

    code = 106
    generic = "Database error"


class Forbidden(PlanetLabError):
    """The caller is known, and this is not its to do."""

    code = 108
    generic = "Permission denied"


class Unavailable(PlanetLabError):
    """A component that this call needs is not installed or not running here."""

    code = 109
    generic = "Not fully implemented"


class Conflict(BadArgument):
    """What is asked collides with what is there."""


class PeerError(PlanetLabError):
    """Another service did wrong; never shown to our caller as our own refusal."""


class Unreachable(PeerError):
    """Another service did not answer in time, or its name or certificate was not the one expected."""


class Refused(PeerError):
    """Another service answered with a fault: ``fault_code`` and its text."""

    def __init__(self, fault_code: int, text: str) -> None:
        super().__init__(text)
        self.fault_code = fault_code


class BadSettings(PlanetLabError):
    """A settings file cannot be used; the detail names file, key and what was expected."""
