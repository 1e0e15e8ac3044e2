"""Where this authority's SFA interfaces are, and those of its neighbours."""

from attrs import field, frozen

from planetlab.ask import Ask
from planetlab.names import Hrn


@frozen
class Neighbour:
    """An interface that is told of, or asked: ``url`` like https://host:12346/. ``ca`` pins who answers there."""

    hrn: Hrn
    url: str
    ca: str = ""


@frozen(kw_only=True)
class Places:
    """The addresses that GetVersion tells. An empty one is an interface that is not served here.

    ``sibling`` asks the other half of this PLC, which keeps its nodes.
    """

    host: str = "localhost"
    registry: str = ""
    slice_interface: str = ""
    aggregate: str = ""
    registries: tuple[Neighbour, ...] = ()
    aggregates: tuple[Neighbour, ...] = ()
    sibling: Ask | None = field(default=None, repr=False, eq=False)

    def versions(self, url: str) -> dict[int, str]:
        """Where each version of GENI's interface is served, beside the address itself."""
        return {number: f"{url.rstrip('/')}/am/{number}.0" for number in (1, 2, 3)} if url else {2: url}
