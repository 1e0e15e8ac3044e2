"""The owner's word: whom this node trusts, for which names, with how much of it; what is barred; and the pause.

The words and the pure rules over them. The file itself is TOML, read through `planetlab.settings`; its sample is
printed from these classes, so each default stands explained in it.
"""

from fnmatch import fnmatchcase

from attrs import evolve, field, fields, frozen

from pl_conf.refusals import NotAdmitted
from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName, longest_governing

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 86400.0  # seconds
SESSION, RELAYED = "session", "relayed"
AS_TOLD, IDLE, SHARED, NONE = RESERVATIONS = ("as told", "lease_or_idle", "lease_or_shared", "none")
AUTHS = (SESSION, RELAYED, "none")


def _said(doc: str) -> dict[str, str]:
    return {"doc": doc}


@frozen(kw_only=True)
class Root:
    """An authority whose tickets this node takes, for which names, and its share of the node."""

    hrn: str = field(metadata=_said("the authority's name, like plc"))
    subtree: str = field(default="", metadata=_said("it counts for names below this one; empty: its own name"))
    prefixes: tuple[str, ...] = field(
        default=(), metadata=_said("login bases that its slices may begin with (* matches any text); empty: any")
    )
    ticket_key: str = field(default="", metadata=_said("PEM file: public key or certificate that signs its tickets"))
    gid: str = field(default="", metadata=_said("PEM file: its GID, from which chains to authorities below it begin"))
    pgp: str = field(default="", metadata=_said("OpenPGP public key file for tickets in that form; empty: none"))
    dslice: str = field(default="", metadata=_said("PEM file: agent key for tickets of 2003; empty: none are taken"))
    legacy: bool = field(default=False, metadata=_said("take RSA-SHA1 signatures from it; each use is logged"))
    poll: str = field(default="", metadata=_said("address of its slice authority to poll; empty: it is push only"))
    ca: str = field(default="", metadata=_said("PEM file: the CA that its address's certificate must come from"))
    auth: str = field(
        default="session",
        metadata=_said("how to poll: session (this node is registered there), relayed (by its own authority), or none"),
    )
    statement: str = field(
        default="", metadata=_said("address of its signed statement; empty: beside its poll address, or by relay")
    )
    follows: bool = field(
        default=True, metadata=_said("stop its slivers while this node's authority has suspended or ended the peering")
    )
    share: float = field(default=1.0, metadata=_said("fraction of what is not reserved that its guarantees may take"))
    max_slivers: int = field(default=1000, metadata=_said("slivers at once"))
    max_lifetime: float = field(default=0.0, metadata=_said("days that one ticket may run from now; 0: any"))
    net_max_rate: int = field(default=0, metadata=_said("kbit/s, ceiling for each of its slivers; 0: the node's"))
    cpu_share: int = field(default=0, metadata=_said("ceiling on cpu_share of each of its slivers; 0: the node's"))

    @property
    def name(self) -> Hrn:
        """Its name."""
        return Hrn.parse(self.hrn)

    @property
    def reach(self) -> Hrn:
        """The subtree it counts for."""
        return Hrn.parse(self.subtree or self.hrn)

    def may_name(self, name: SliceName) -> bool:
        """Whether the owner lets it use a slice name with this site's prefix."""
        return not self.prefixes or any(fnmatchcase(name.site, prefix) for prefix in self.prefixes)


@frozen(kw_only=True)
class Ceilings:
    """The most that any one sliver gets, whatever its ticket says. 0 stands for no ceiling."""

    net_max_rate: int = field(default=0, metadata=_said("kbit/s to ordinary destinations"))
    net_i2_max_rate: int = field(default=0, metadata=_said("kbit/s to exempt destinations"))
    net_max_kbyte: int = field(default=0, metadata=_said("KiB in 24 hours to ordinary destinations"))
    cpu_share: int = field(default=0, metadata=_said("proportional share of the processor"))
    cpu_pct: int = field(default=0, metadata=_said("percent of the processor guaranteed"))
    disk_max: int = field(default=0, metadata=_said("KiB of disk"))


@frozen(kw_only=True)
class Names:
    """Slices and authorities by name; ``*`` in a slice's name is any text, an authority stands for all below it."""

    slices: tuple[str, ...] = field(default=(), metadata=_said("slice names, like princeton_codeen or princeton_*"))
    authorities: tuple[str, ...] = field(default=(), metadata=_said("authorities' names, like plc.japan"))

    def holds(self, authority: Hrn, name: SliceName) -> bool:
        """Whether the slice or its authority is named."""
        return any(fnmatchcase(str(name), pattern) for pattern in self.slices) or any(
            Hrn.parse(text).governs(authority) for text in self.authorities
        )


@frozen(kw_only=True)
class Window:
    """A time of the week, in UTC, at which the owner wants the node to himself, or wants less sent."""

    days: tuple[str, ...] = field(default=DAYS, metadata=_said("which days: mon tue wed thu fri sat sun"))
    start: str = field(default="00:00", metadata=_said("from this time of the day, UTC"))
    end: str = field(default="24:00", metadata=_said("until this time; earlier than start: on the next day"))
    pause: bool = field(default=False, metadata=_said("stop every sliver during it"))
    net_max_rate: int = field(default=0, metadata=_said("kbit/s, ceiling for each sliver during it; 0: none"))
    authority: str = field(default="", metadata=_said("only for slices of this authority and those below; empty: all"))

    def covers(self, now: float, authority: Hrn) -> bool:
        """Whether it is that time, for that authority. The 1st of January 1970 was a Thursday."""
        today, second = DAYS[int(now // DAY + 3) % 7], now % DAY
        yesterday = DAYS[int(now // DAY + 2) % 7]
        start, end = clock_time(self.start), clock_time(self.end)
        if self.authority and not Hrn.parse(self.authority).governs(authority):
            return False
        if start < end:
            return today in self.days and start <= second < end
        return (today in self.days and second >= start) or (yesterday in self.days and second < end)


def clock_time(text: str) -> float:
    """Seconds since midnight that ``HH:MM`` says. Raises `BadArgument`."""
    hours, colon, minutes = text.partition(":")
    fits = bool(colon) and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2
    if not fits or int(minutes) > 59 or not 0 <= int(hours) * 60 + int(minutes) <= 1440:
        raise BadArgument(f"{text!r} is no time of day: expected HH:MM, from 00:00 to 24:00")
    return int(hours) * 3600.0 + int(minutes) * 60.0


@frozen(kw_only=True)
class Policy:
    """Everything the owner has said about this node."""

    paused: bool = field(default=False, metadata=_said("stop every sliver now, admit none, until it is false again"))
    reserve: float = field(default=0.1, metadata=_said("fraction of the node that is kept for the owner"))
    cpu_pct: int = field(default=100, metadata=_said("percent of processor there is to guarantee (100: all of it)"))
    net_rate: int = field(default=100_000, metadata=_said("kbit/s of outgoing bandwidth there is to guarantee"))
    max_slivers: int = field(default=1000, metadata=_said("slivers at once, all authorities together"))
    root: tuple[Root, ...] = field(default=(), metadata=_said("the authorities that are trusted"))
    reservations: str = field(
        default=AS_TOLD,
        metadata=_said(
            "what leases mean: as told (by the node's authority), lease_or_idle (nobody runs outside them), "
            "lease_or_shared (all share the node outside them), none (they are not heard)"
        ),
    )
    sliver: Ceilings = field(factory=Ceilings, metadata=_said("the most that any one sliver gets"))
    allow: Names = field(factory=Names, metadata=_said("if anything is named here, nothing else is admitted"))
    deny: Names = field(factory=Names, metadata=_said("what is never admitted, and is stopped when it is here"))
    calendar: tuple[Window, ...] = field(default=(), metadata=_said("times of the week with other rules"))

    def root_for(self, authority: Hrn) -> Root | None:
        """The trusted root that answers for ``authority``: the one whose subtree is deepest."""
        by_reach = {root.reach: root for root in self.root}
        reach = longest_governing(by_reach, authority)
        return None if reach is None else by_reach[reach]

    def check(self) -> None:
        """Raise `BadArgument` for a policy that contradicts itself, naming the key."""
        if not 0.0 <= self.reserve < 1.0:
            raise BadArgument(f"expected a fraction from 0 up to, not including, 1, got {self.reserve}", "reserve")
        if self.reservations not in RESERVATIONS:
            raise BadArgument(f"expected {', '.join(RESERVATIONS)}, got {self.reservations!r}", "reservations")
        for at, root in enumerate(self.root):
            _check_root(root, f"root[{at}] ({root.hrn})")
        if twice := {r.hrn for r in self.root if sum(r.reach == other.reach for other in self.root) > 1}:
            raise BadArgument(f"expected each subtree once, got {', '.join(sorted(twice))} twice", "root.subtree")
        for at, window in enumerate(self.calendar):
            if unknown := set(window.days) - set(DAYS):
                raise BadArgument(
                    f"expected days out of {' '.join(DAYS)}, got {sorted(unknown)}", f"calendar[{at}].days"
                )
            clock_time(window.start), clock_time(window.end)
        for text in (*self.allow.authorities, *self.deny.authorities, *(w.authority or "x" for w in self.calendar)):
            Hrn.parse(text)

    def admits_name(self, authority: Hrn, name: SliceName) -> Root:
        """The root that stands for this slice, if the owner lets it be here at all. Raises `NotAdmitted`."""
        root = self.root_for(authority)
        if root is None:
            trusted = ", ".join(str(root.reach) for root in self.root) or "no authority"
            raise NotAdmitted("unknown-issuer", f"this node trusts {trusted}, and {authority} is not below it")
        if self.deny.holds(authority, name):
            raise NotAdmitted("denied", f"the owner has barred {name} of {authority} from this node")
        if (self.allow.slices or self.allow.authorities) and not self.allow.holds(authority, name):
            raise NotAdmitted(
                "denied", f"the owner has named whom this node admits, and {name} of {authority} is not there"
            )
        if not root.may_name(name):
            allowed = ", ".join(root.prefixes)
            raise NotAdmitted("prefix", f"{authority} may use slice names that begin with {allowed} here, not {name}")
        return root

    def pauses(self, authority: Hrn, now: float) -> bool:
        """Whether slivers of this authority have to stand still now."""
        return self.paused or any(window.pause and window.covers(now, authority) for window in self.calendar)

    def ceilings(self, root: Root, authority: Hrn, now: float) -> dict[str, tuple[int, str]]:
        """The ceilings in force for one sliver: key to (the most, which rule says so)."""
        said = [(key, int(value), f"sliver.{key}") for key, value in _numbers(self.sliver).items()]
        said += [(key, int(getattr(root, key)), f"root {root.hrn} {key}") for key in ("net_max_rate", "cpu_share")]
        said += [
            ("net_max_rate", window.net_max_rate, f"calendar {window.start}-{window.end}")
            for window in self.calendar
            if window.covers(now, authority)
        ]
        lowest: dict[str, tuple[int, str]] = {}
        for key, most, rule in said:
            if most > 0 and (key not in lowest or most < lowest[key][0]):
                lowest[key] = (most, rule)
        return lowest

    def without(self, authority: Hrn) -> "Policy":
        """The same, but this root is not trusted any more."""
        return evolve(self, root=tuple(root for root in self.root if root.name != authority))


def _numbers(ceilings: Ceilings) -> dict[str, int]:
    return {each.name: getattr(ceilings, each.name) for each in fields(Ceilings)}


def _check_root(root: Root, where: str) -> None:
    if not root.name.governs(root.reach):
        raise BadArgument(f"expected a subtree of {root.hrn}, got {root.subtree}", f"{where}.subtree")
    if not 0.0 <= root.share <= 1.0:
        raise BadArgument(f"expected a fraction from 0 to 1, got {root.share}", f"{where}.share")
    if root.auth not in AUTHS:
        raise BadArgument(f"expected {', '.join(AUTHS)}, got {root.auth!r}", f"{where}.auth")
    if not (root.ticket_key or root.gid or root.pgp or root.dslice):
        raise BadArgument(
            "expected at least one of ticket_key, gid, pgp, dslice: without a key no ticket can be checked", where
        )
