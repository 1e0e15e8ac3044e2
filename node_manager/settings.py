"""What the operator of a node decides about its node manager."""

from typing import Any

from attrs import field, frozen

from node_manager.drivers.container.capabilities import GRANTABLE
from node_manager.limits import Ceilings
from node_manager.pools import MOST, Share, Span
from node_manager.records import Record
from node_manager.verbs import Verb


def _said(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@frozen(kw_only=True)
class Root:
    """What the owner grants one slice authority and all below it."""

    authority: str = field(metadata={"doc": "The authority's hrn; those it governs are served from the same pool."})
    share: float = _said(1.0, "Part of the node, 0 to 1, of which it may promise guarantees.")
    prefixes: tuple[str, ...] = _said((), "Its slices' names must begin with one of these; none for any name.")
    max_slivers: int = _said(1000, "The most slivers it may have.")


@frozen(kw_only=True)
class Settings:
    """The node manager's settings, one TOML file."""

    # where it answers
    socket: str = _said("unix:/tmp/nodemanager.api:mode=666", "Endpoint of the API for slivers, by peer credentials.")
    tcp: str = _said("tcp:812:interface=127.0.0.1", "Endpoint of the same API over HTTP; empty for none.")
    within: int = _said(812, "Port of the same API on 127.0.0.1 inside each real sliver; 0 for none.")
    sensors: str = _said("tcp:33080:interface=127.0.0.1", "Endpoint of the sensors; empty for none.")
    slicestat: str = _said("tcp:3100", "Endpoint of slicestat; empty for none.")
    ssh: str = _said("", "Address and port of the sshd for slices' users, like 0.0.0.0:22; empty for none.")
    operator: str = _said("", "Endpoint of /healthz and /metrics; empty for none.")
    books: str = _said("/var/lib/plfed/node/books.db", "The file of its books, SQLite.")

    # who is who
    hostname: str = _said("localhost.localdomain", "This node's name, as its authority knows it.")
    pl_conf_uid: int = _said(0, "User id of the creation service, which brings records.")
    pl_conf_slice: str = _said(
        "", "Slice of the node's owner or own authority in whose sliver the creation service runs; empty: in none."
    )
    pl_conf: str = _said("unix:/run/plfed/pl_conf.sock", "Where the creation service takes tickets: unix:/path or URL.")
    owner_uids: tuple[int, ...] = _said((0,), "User ids that speak for the node's owner.")
    accounts: dict[str, int] = _said({}, "Further accounts by name, with their user ids.")
    first_controller: int = _said(30000, "First of the user ids that controllers' accounts get.")
    trusted: tuple[str, ...] = _said((), "Slices that may StopSlice any other: site_label, or an hrn to say whose.")
    verbs: tuple[Verb, ...] = _said((), "Privileged operations that slices may have performed.")
    slice_prefix: str = _said("pl", "Prefix of an authority's own slices; its PREFIX_sfacm may act on every sliver.")
    prefix_authority: str = _said("plc", "That authority's hrn; a slice of another is nothing special by such a name.")

    calls_per_second: float = _said(50.0, "Calls a second that one slice may make in the long run; 0: no limit.")
    burst: int = _said(500, "Calls that one slice may make at once before the rate counts.")

    # whom to write to
    mail_relay: str = _said("", "Mail server that takes letters about byte caps, host:port; empty: none are written.")
    mail_from: str = _said("", "Address that letters come from; empty: support at the node's own name.")
    slice_mail: str = _said("", "Address of a slice's people; SLICE and AUTHORITY in it are replaced.")
    monitor_mail: str = _said("", "Address of who watches this node, for a copy of each letter.")

    # what may be given
    authorities: tuple[Root, ...] = _said((), "Who may have slivers here; none: whoever the creation service admits.")
    max_slivers: int = _said(1000, "The most slivers, when no authorities are listed.")
    reserve: float = _said(0.1, "Part of the machine, 0 to 1, never promised: the node's own when it wants it.")
    cores: int = _said(0, "Processor cores; 0 for as many as there are. One is never promised.")
    memory: int = _said(0, "KiB of memory that may be promised; 0 for all there is but the reserve.")
    node_rate: int = _said(100_000, "kbit/s that all slivers together may send.")
    ports: tuple[int, ...] = _said((), "TCP and UDP ports of the node's address that pools may hold.")
    ceilings: Ceilings = _said(Ceilings(), "The most that any one sliver may have; 0 is no ceiling.")

    # how it makes slivers
    driver: str = _said("auto", "auto, container or memory (slivers that are only remembered).")
    sliver_net: str = _said("10.128.0.0/16", "Network of the slivers' own addresses.")
    first_uid: int = _said(20000, "First user id of remembered slivers.")
    remembered: str = _said("", "Directory in which remembered slivers outlive the process; empty: they do not.")
    netns: str = _said("", "Path of the network namespace that is the node's; empty for the one it runs in.")
    uplink: str = _said("eth0", "Interface by which packets leave the node.")
    images: str = _said("/var/lib/plfed/images", "Directory of reference images.")
    work: str = _said("/var/lib/plfed/slivers", "Directory of the slivers' own files.")
    cgroup: str = _said("plfed", "Control group below which the slivers' are.")
    initscript: str = _said("", "File with the script of slivers whose slice names none of its own; empty for none.")
    nameservers: tuple[str, ...] = _said((), "Name servers told to slivers; none for the node's own.")
    node_ports: tuple[int, ...] = _said((), "TCP ports of the node itself that slivers may reach on its address.")
    exempt: tuple[str, ...] = _said((), "IPv4 networks to which traffic counts as exempt (net_i2_* limits).")
    capabilities: tuple[str, ...] = _said(GRANTABLE, "Capabilities that an authority may give its slices here.")
    pool: int = _said(
        -1, "Bytes for slivers' files, where disk_max holds, half for one, 7/8 for all; 0: none, -1: a twentieth."
    )
    at_once: int = _said(4, "Slivers worked on at the same time.")

    # times, in seconds
    sample_every: float = _said(10.0, "From one sample of what slivers use to the next.")
    round_every: float = _said(10.0, "From one round to the next.")
    answer_within: float = _said(25.0, "A caller is told to ask again when its sliver takes longer.")
    stop_lasts: float = _said(600.0, "How long a user's Stop holds for a sliver that its authority wants running.")
    expired_kept: float = _said(3600.0, "How long an expired sliver stays, stopped, before it is destroyed.")
    stray_grace: float = _said(3600.0, "How long a sliver without a record stays.")
    stray_part: float = _said(0.2, "When more than this part of all slivers have no record, none is destroyed.")
    owners_lag: float = _said(0.1, "Changes of packets' owners are noted together within this time.")
    owners_kept: float = _said(7 * 86400.0, "How long it is remembered whose packets were whose.")

    def is_own(self, record: Record) -> bool:
        """Whether a slice is one of those by which the authority of ``slice_prefix`` runs its nodes."""
        return record.name.site == self.slice_prefix and str(record.authority) == self.prefix_authority

    def is_pl_conf(self, record: Record) -> bool:
        """Whether the creation service runs in this slice's sliver."""
        whose = str(record.authority) in ("owner", self.prefix_authority)
        return bool(self.pl_conf_slice) and str(record.name) == self.pl_conf_slice and whose

    def capacity(self) -> Share:
        """All that this node can promise."""
        amounts = {
            "cpu_pct": int(100 * (1 - self.reserve)),
            "cpu_cores": max(0, self.cores - 1),
            "net_min_rate": self.node_rate,
            "net_i2_min_rate": MOST,
            "memory_min": self.memory,
            "slivers": self.max_slivers,
        }
        return Share(amounts, frozenset(self.ports), Span())
