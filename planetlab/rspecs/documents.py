"""What an RSpec document says, in no spelling: nodes, links and leases that are offered, asked for or given.

Tags are those of slices (``cpu_share``, ``net_max_rate``), in the units that PLC stores; times are epoch seconds.
"""

from enum import StrEnum

from attrs import evolve, field, frozen

from planetlab.errors import BadArgument
from planetlab.names import Hrn, Urn
from planetlab.rspec import Tags

SLIVER_TYPE = "plab-vserver"  # what the testbed has called its slivers in every RSpec so far
_MANAGERS = ("cm", "am", "sa")  # how the manager of an authority's nodes has been named


class Kind(StrEnum):
    """What a document is for; the words are those of the attribute ``type``."""

    ADVERTISEMENT = "advertisement"
    REQUEST = "request"
    MANIFEST = "manifest"


@frozen(kw_only=True)
class Sliver:
    """A sliver that is offered, asked for or given on a node. ``name`` is the login name of one that was given."""

    type: str = SLIVER_TYPE
    name: str = ""
    tags: Tags = ()
    initscripts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


@frozen(kw_only=True)
class Location:
    """Where a node stands; degrees, north and east positive. ``country`` is a code like ``US``, or empty."""

    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


@frozen(kw_only=True)
class Interface:
    """A node's network interface: by its URN where it exists, by the asker's name where it is wished for."""

    component_id: Urn | None = None
    client_id: str = ""
    ipv4: str = ""


@frozen(kw_only=True)
class Login:
    """How the owner of a sliver gets in."""

    hostname: str
    port: int = 22
    username: str = ""
    authentication: str = "ssh-keys"


@frozen(kw_only=True)
class Execute:
    """A command that is run when the sliver starts."""

    command: str
    shell: str = "sh"


@frozen(kw_only=True)
class Install:
    """An archive that is unpacked when the sliver starts."""

    url: str
    install_path: str
    file_type: str = ""


@frozen(kw_only=True)
class Node:
    """A node, or in a request perhaps only the wish for some node: then it has no ``component_id``.

    ``available`` is None where the document does not say. ``bw_limit`` is in kbit/s; ``granularity`` is the step of
    leases in seconds.
    """

    component_id: Urn | None = None
    client_id: str = ""
    component_name: str = ""
    component_manager: Urn | None = None
    site: Urn | None = None
    sliver_id: Urn | None = None
    exclusive: bool = False
    available: bool | None = None
    bw_limit: int | None = None
    granularity: int | None = None
    hardware: tuple[str, ...] = ()
    location: Location | None = None
    interfaces: tuple[Interface, ...] = ()
    slivers: tuple[Sliver, ...] = ()
    tags: Tags = ()
    logins: tuple[Login, ...] = ()
    executes: tuple[Execute, ...] = ()
    installs: tuple[Install, ...] = ()

    @property
    def hostname(self) -> str:
        """The node's DNS name, as its component id or else its component name has it; empty if neither is there."""
        return self.component_id.hrn.leaf if self.component_id is not None else self.component_name


@frozen(kw_only=True)
class Lease:
    """Nodes for one slice alone, from ``start`` on for ``steps`` of the aggregate's granularity."""

    slice: Urn
    start: float
    steps: int
    nodes: tuple[Urn, ...]


@frozen(kw_only=True)
class Property:
    """What a link gives from one interface to another: kbit/s, milliseconds, and the lost share of packets."""

    source: str
    destination: str
    capacity: float | None = None
    latency: float | None = None
    packet_loss: float | None = None


@frozen(kw_only=True)
class Link:
    """A link between interfaces, which are named by URN or by the asker's names."""

    component_id: Urn | None = None
    client_id: str = ""
    component_name: str = ""
    managers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    ends: tuple[Interface, ...] = ()
    properties: tuple[Property, ...] = ()


@frozen(kw_only=True)
class Document:
    """One RSpec document. ``network`` is the authority that SFA 1 names around the nodes, ``slice`` the slice's hrn.

    ``defaults`` is what is wanted on every node of a request, beside what each node says.
    """

    kind: Kind
    nodes: tuple[Node, ...] = ()
    leases: tuple[Lease, ...] = ()
    links: tuple[Link, ...] = ()
    network: Hrn | None = None
    slice: Hrn | None = None
    defaults: Sliver = field(factory=Sliver)
    generated: float | None = None
    generated_by: str = ""
    expires: float | None = None

    def of(self, authority: Hrn) -> "Document":
        """The part that is ``authority``'s to serve: nodes of its own manager, and nodes that name no manager."""
        return evolve(self, nodes=tuple(node for node in self.nodes if _is_managed_by(node, authority)))

    def must_be(self, kind: Kind) -> "Document":
        """This document. Raises `BadArgument` if it is of another kind."""
        if self.kind is not kind:
            raise BadArgument(f"rspec: expected a document of type {kind}, got {self.kind}")
        return self


def _is_managed_by(node: Node, authority: Hrn) -> bool:
    manager = node.component_manager
    return manager is None or (manager.hrn == authority and manager.kind == "authority" and manager.name in _MANAGERS)
