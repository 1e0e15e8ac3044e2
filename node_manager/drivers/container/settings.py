"""What the owner of a node can say about how its slivers are made."""

from attrs import field, frozen

from node_manager.drivers.container.capabilities import GRANTABLE

UIDS = 65536  # ids per sliver: what a Unix system expects to have


def _said(doc: str) -> dict[str, str]:
    return {"doc": doc}


@frozen(kw_only=True)
class ContainerSettings:
    """How the container driver makes slivers."""

    work: str = field(metadata=_said("Directory for the slivers' files; on a file system that overlayfs can write to."))
    images: str = field(metadata=_said("Directory with one reference image per name, as `make image` builds them."))
    netns: str = field(
        default="", metadata=_said("Network namespace that holds the uplink: a name, a path, or empty for our own.")
    )
    uplink: str = field(default="eth0", metadata=_said("Interface through which the slivers' packets leave."))
    cgroup: str = field(default="/plfed", metadata=_said("Control group below which the slivers' groups are made."))
    sliver_net: str = field(
        default="10.128.0.0/16", metadata=_said("IPv4 network whose addresses the slivers get; private to the node.")
    )
    first_uid: int = field(
        default=0, metadata=_said("First of the user ids that slivers get, 65,536 each; 0 takes a free block.")
    )
    pool: int = field(
        default=-1,
        metadata=_said(
            "Bytes set aside for slivers' files, in which disk_max is held, none has more than half and all 7/8; "
            "0 for none, -1 for a twentieth of what is free."
        ),
    )
    most: int = field(default=4000, metadata=_said("The most slivers at once; at most 4,093."))
    at_once: int = field(default=4, metadata=_said("How many slivers are changed at the same time."))
    api: str = field(
        default="", metadata=_said("Directory of the node manager's sockets, which slivers see as /run/plfed.")
    )
    nameservers: tuple[str, ...] = field(
        default=(), metadata=_said("Addresses of name servers told to slivers; empty for those of the node.")
    )
    node_ports: tuple[int, ...] = field(
        default=(), metadata=_said("TCP ports of the node itself that slivers may reach on its address.")
    )
    exempt: tuple[str, ...] = field(
        default=(), metadata=_said("IPv4 networks to which traffic counts as exempt (net_i2_* limits).")
    )
    link_rate: float = field(
        default=1e9, metadata=_said("Speed of the uplink in bit/s; exempt traffic may use it all.")
    )
    node_cap: float = field(default=1e9, metadata=_said("The most all slivers may send together, in bit/s."))
    pings: int = field(default=5, metadata=_said("Echo requests per second that one sliver may send."))
    reserve: float = field(
        default=0.1,
        metadata=_said("Part of processors, memory and process numbers, 0 to 1, that all slivers leave to the node."),
    )
    flows: int = field(default=4096, metadata=_said("Flows of one sliver that the node keeps track of at a time."))
    memory: int = field(
        default=512 << 20, metadata=_said("Bytes of memory a sliver may use where its rspec is silent.")
    )
    processes: int = field(default=1000, metadata=_said("Processes a sliver may have where its rspec is silent."))
    files: int = field(default=4096, metadata=_said("Open files per process when the rspec does not say."))
    watchers: int = field(default=64, metadata=_said("Inotify instances a sliver may have."))
    watches: int = field(default=8192, metadata=_said("Files and directories a sliver may watch by inotify."))
    capabilities: tuple[str, ...] = field(
        default=GRANTABLE, metadata=_said("Capabilities that an authority may give its slices here, of those known.")
    )
    console: int = field(default=1 << 20, metadata=_said("Bytes of a sliver's console that are kept."))
    hostname: str = field(default="", metadata=_said("Host name slivers see; empty for the node's own."))


@frozen
class Slot:
    """One of the node's places for a sliver; ids, address, interface, mark and class follow from its number."""

    number: int  # 1 to 4,093

    def uid(self, settings: ContainerSettings) -> int:
        return settings.first_uid + UIDS * self.number

    @property
    def interface(self) -> str:
        """The node's end of the sliver's link."""
        return f"sl{self.number}"

    @property
    def mark(self) -> int:
        """The mark of its packets, also at the uplink after translation."""
        return self.number

    @property
    def ordinary(self) -> int:
        """Minor of its htb class for ordinary destinations."""
        return 0x1000 | self.number

    @property
    def exempt(self) -> int:
        """Minor of its htb class for exempt destinations."""
        return 0x2000 | self.number


def group(settings: ContainerSettings, name: str = "") -> str:
    """The sliver's control group below the root of every hierarchy; without a name the one above all slivers'."""
    return f"/{settings.cgroup.strip('/')}" + (f"/{name}" if name else "")
