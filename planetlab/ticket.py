"""What a ticket says, whatever it is written in."""

import math
import re

import attrs
from attrs import field, frozen

from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName
from planetlab.rpc_values import UNFIT
from planetlab.rspec import ResourceSpec, Tags

INSTANTIATIONS = ("plc-instantiated", "delegated", "nm-controller", "not-instantiated")
MOST_INTEGER = 2**31 - 1  # ids travel in XML-RPC integers
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,79}", re.ASCII)


def _second(when: float) -> float:
    return float(math.floor(when)) if math.isfinite(when) else when


def _millisecond(when: float) -> float:
    return round(float(when), 3)


def _id(number: int, name: str) -> None:
    if type(number) is not int or not 0 <= number <= MOST_INTEGER:
        raise BadArgument(f"{name}: expected an integer of 0 to {MOST_INTEGER}, got {number!r:.40}")


def _text(text: str, name: str) -> None:
    if type(text) is not str:
        raise BadArgument(f"{name}: expected str, got {text!r:.40}")
    if found := UNFIT.search(text):
        raise BadArgument(f"{name}: the character {found[0]!r} cannot be written into a ticket")


@frozen(order=True)
class User:
    """A person who may log in to the slivers. ``keys`` are lines as in authorized_keys."""

    person_id: int
    email: str
    keys: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        _id(self.person_id, "person_id")
        for text in (self.email, *self.keys):
            _text(text, f"user {self.person_id}")


@frozen(kw_only=True)
class Ticket:
    """A slice authority's word that a sliver of this slice may be made.

    ``serial`` tells two tickets of one issuer apart. Times are epoch seconds of the issuer's clock, ``not_before`` and
    ``expires`` whole ones; ``timestamp`` is when it was issued, 0.0 if the paper does not say. ``audience`` lists nodes
    or authorities over nodes; empty means any node. ``nodes`` are pairs of id and host name. ``attributes`` are the
    slice's tags in the authority's order; of a name that comes twice the last counts. ``initscript`` is the script's
    text. ``chain`` are certificates (DER) from the signing key's up to one that a pinned root has signed.
    Raises `BadArgument` for values that no codec could carry.
    """

    issuer: Hrn
    slice: SliceName
    slice_id: int
    serial: str
    expires: float = field(converter=_second)
    not_before: float = field(default=0.0, converter=_second)
    timestamp: float = field(default=0.0, converter=_millisecond)
    audience: tuple[Hrn, ...] = ()
    instantiation: str = "delegated"
    users: tuple[User, ...] = ()
    nodes: tuple[tuple[int, str], ...] = ()
    rspec: ResourceSpec = field(factory=ResourceSpec, repr=False)
    initscript: str = field(default="", repr=False)
    attributes: Tags = field()
    family: str = ""  # the reference image's name, such as planetlab-f14-x86_64
    chain: tuple[bytes, ...] = field(default=(), repr=False)

    @attributes.default
    def _asked_for(self) -> Tags:
        return self.rspec.as_tags()

    def __attrs_post_init__(self) -> None:
        _id(self.slice_id, "slice_id")
        if not isinstance(self.serial, str) or not _SERIAL.fullmatch(self.serial):
            raise BadArgument(f"serial: expected 1 to 80 of A-Z a-z 0-9 . : _ -, got {self.serial!r:.100}")
        if self.instantiation not in INSTANTIATIONS:
            raise BadArgument(
                f"instantiation: expected one of {', '.join(INSTANTIATIONS)}, got {self.instantiation!r:.40}"
            )
        for name in ("expires", "not_before", "timestamp"):
            if not 0 <= getattr(self, name) < 2**53:
                raise BadArgument(f"{name}: expected seconds since the epoch, got {getattr(self, name)!r}")
        for number, host in self.nodes:
            _id(number, "node_id")
            _text(host, f"node {number}")
        for name, value in self.attributes:
            _text(name, "attributes")
            _text(value, f"attributes: {name}")
        _text(self.initscript, "initscript")
        _text(self.family, "family")

    @property
    def hrn(self) -> Hrn:
        """The slice's name in the federation: below its issuer, whoever that is."""
        return self.slice.hrn(self.issuer)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every user's keys, each once, in order."""
        return tuple(dict.fromkeys(key for user in self.users for key in user.keys))

    @property
    def tags(self) -> Tags:
        """The attributes, and behind them what the rspec says otherwise than they do."""
        asked = ResourceSpec.from_tags(self.attributes)
        if asked == self.rspec:
            return self.attributes
        told = dict(self.attributes)
        return self.attributes + tuple((k, v) for k, v in self.rspec.as_tags() if told.get(k) != v)

    def tag(self, name: str, default: str = "") -> str:
        """The value of a tag."""
        return dict(self.attributes).get(name, default)

    def with_chain(self, chain: tuple[bytes, ...]) -> "Ticket":
        """This ticket with the certificates that show its key to be the issuer's."""
        return self if chain == self.chain else attrs.evolve(self, chain=chain)
