"""Records: what an authority says of a slice on this node, as the creation service hands it on."""

import math
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from node_manager.loans import Loan
from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from planetlab.units import NEVER

MOST_TEXT = 1 << 20  # bytes of one initscript; tickets are no larger
MOST_KEYS = 1000
MOST_KEY = 16384  # bytes of one public key line
MOST_ATTRIBUTES = 1000

CONTROLLER = "nm-controller"
DELEGATED = "delegated"
INSTANTIATIONS = ("plc-instantiated", DELEGATED, CONTROLLER)


@frozen(kw_only=True)
class Record:
    """One slice's record. Equal records ask for equal slivers."""

    name: SliceName
    authority: Hrn
    slice_id: int = 0
    instantiation: str = "plc-instantiated"
    expires: float = float(NEVER)  # seconds since the epoch
    timestamp: float = 0.0  # the authority's clock when it said so; orders records
    serial: str = ""  # of the ticket it came in
    rspec: ResourceSpec = ResourceSpec()  # the grant
    keys: tuple[str, ...] = ()
    initscript: str = ""
    vref: str = "default"
    attributes: Mapping[str, str] = field(factory=dict)  # the slice's tags

    @classmethod
    def read(cls, struct: Mapping[str, Any]) -> "Record":
        """A record off the wire. Members as the fields, ``initscripts`` beside; others are skipped.

        Raises `BadArgument` naming the member, what was expected and what came.
        """
        attributes = _attributes(struct.get("attributes", {}))
        return cls(
            name=SliceName.parse(struct.get("name", "")),
            authority=Hrn.parse(struct.get("authority", "")),
            slice_id=_int(struct, "slice_id", 0),
            instantiation=_one_of(struct, "instantiation", INSTANTIATIONS),
            expires=_time(struct, "expires", NEVER),
            timestamp=_time(struct, "timestamp", 0),
            serial=_text(struct, "serial", "", 256),
            rspec=_rspec(struct.get("rspec", {}), attributes),
            keys=_keys(struct.get("keys", [])),
            initscript=_text(struct, "initscript", "", MOST_TEXT) or _script(attributes, struct.get("initscripts", [])),
            vref=_text(struct, "vref", "", 128) or attributes.get("vref", "default"),
            attributes=attributes,
        )

    @property
    def names(self) -> frozenset[str]:
        """What the owner may call it in his settings: ``site_label``, or its hrn, which says whose it is."""
        return frozenset((str(self.name), str(self.name.hrn(self.authority))))

    @property
    def is_bound(self) -> bool:
        """Whether a broker made it by binding a pool; what comes of a ticket has its slice's number, or a serial."""
        return not self.slice_id and not self.serial

    @property
    def is_sliver(self) -> bool:
        """Whether it stands for a sliver; a controller is an account only."""
        return self.instantiation != CONTROLLER and self.kind.startswith("sliver.")

    @property
    def kind(self) -> str:
        """The account class, by the tag ``type``, as v4 spells it."""
        return self.attributes.get("type") or (
            "controller.Controller" if self.instantiation == CONTROLLER else "sliver.VServer"
        )

    @property
    def delegations(self) -> str:
        """The one account that may act on this sliver beside itself; "" for none."""
        return self.attributes.get("delegations", "")

    def wire(self) -> dict[str, Any]:
        """The struct that `read` reads."""
        return {
            "name": str(self.name),
            "authority": str(self.authority),
            "slice_id": self.slice_id,
            "instantiation": self.instantiation,
            "expires": int(self.expires),
            "timestamp": self.timestamp,
            "serial": self.serial,
            "rspec": self.rspec.as_struct(),
            "keys": list(self.keys),
            "initscript": self.initscript,
            "vref": self.vref,
            "attributes": dict(self.attributes),
        }


@frozen(kw_only=True)
class Entry:
    """A record in the books: what it says, and what this node has decided and done about it."""

    record: Record
    rcap: str  # 32 hex digits, one per (authority, slice) for as long as the record stays
    created: bool = True  # whether a sliver is wanted; False for a delegated one nobody created, or one destroyed
    stopped_until: float = 0.0  # a user's Stop holds this long, seconds since the epoch
    loans: tuple[Loan, ...] = ()
    releasing: bool = False  # to be destroyed, then struck from the books
    done: bool = False  # the driver has said that the sliver is as the record wants
    reason: str = ""  # why it is not done, or what could not be bound
    since: float = 0.0  # when this entry last changed


def _wrong(key: str, expected: str, got: Any) -> BadArgument:
    return BadArgument(f"expected {expected}, got {got!r:.60}", f"record[{key!r}]")


def _int(struct: Mapping[str, Any], key: str, default: int) -> int:
    value = struct.get(key, default)
    if type(value) is not int or not 0 <= value <= NEVER:
        raise _wrong(key, f"a whole number from 0 to {NEVER}", value)
    return value


def _time(struct: Mapping[str, Any], key: str, default: int) -> float:
    value = struct.get(key, default)
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise _wrong(key, "seconds since the epoch", value)
    return min(float(value), float(NEVER))


def _text(struct: Mapping[str, Any], key: str, default: str, most: int) -> str:
    value = struct.get(key, default)
    if not isinstance(value, str) or len(value.encode()) > most or "\0" in value:
        raise _wrong(key, f"text of at most {most} bytes without NUL", value)
    return value


def _one_of(struct: Mapping[str, Any], key: str, words: tuple[str, ...]) -> str:
    value = struct.get(key, words[0])
    if value not in words:
        raise _wrong(key, f"one of {', '.join(words)}", value)
    return str(value)


def _rspec(value: Any, attributes: Mapping[str, str]) -> ResourceSpec:
    """The grant as a struct; where there is none, what the tags ask for."""
    if type(value) is not dict or len(value) > MOST_ATTRIBUTES:
        raise _wrong("rspec", f"a struct of at most {MOST_ATTRIBUTES} members", value)
    for name, item in value.items():
        if isinstance(item, str):
            _text(value, name, "", MOST_TEXT)
        elif type(item) is int and not -(2**31) <= item < 2**31:
            raise BadArgument(f"expected a 32-bit number, got {item!r:.60}", f"rspec[{name!r:.40}]")
    _attributes(value.get("tags", {}))
    return ResourceSpec.from_struct(value) if value else ResourceSpec.from_tags(attributes.items())


def _keys(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_KEYS:
        raise _wrong("keys", f"an array of at most {MOST_KEYS} public keys", value)
    for key in value:
        if not isinstance(key, str) or len(key) > MOST_KEY or any(c in key for c in "\n\r\0"):
            raise _wrong("keys", f"one line of at most {MOST_KEY} characters for each key", key)
    return tuple(key.strip() for key in value if key.strip())


def _attributes(value: Any) -> dict[str, str]:
    if type(value) is not dict or len(value) > MOST_ATTRIBUTES:
        raise _wrong("attributes", f"a struct of at most {MOST_ATTRIBUTES} tags", value)
    for name, text in value.items():
        if not isinstance(text, str) or len(text.encode()) > MOST_TEXT or "\0" in text:
            raise _wrong("attributes", f"text of at most {MOST_TEXT} bytes for tag {name!r:.40}", text)
    return dict(value)


def _script(attributes: Mapping[str, str], initscripts: Any) -> str:
    """The script that the tags name: its code in ``initscript_code``, else its name in ``initscript``."""
    if code := attributes.get("initscript_code", ""):
        return code
    if not isinstance(initscripts, list):
        raise _wrong("initscripts", "an array of structs", initscripts)
    wanted = attributes.get("initscript", "")
    for script in initscripts if wanted else ():
        if isinstance(script, dict) and script.get("name") == wanted and script.get("enabled", True):
            return _text(script, "script", "", MOST_TEXT)
    return ""
