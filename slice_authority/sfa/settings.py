"""The settings of a slice authority's SFA interfaces."""

from pathlib import Path

from attrs import frozen

from planetlab.both.settings import said
from planetlab.names import Hrn


@frozen(kw_only=True)
class Known:
    """Another authority's interface."""

    hrn: Hrn = said("Its authority's name.")
    url: str = said("Its address, like https://host:12346/.")
    ca: str = said("The file with the CA of its server's certificate; empty: the platform's list.", "")


@frozen(kw_only=True)
class SfaPorts:
    """The SFA interfaces, which know callers by TLS client certificates; each is off while its endpoint is empty."""

    registry: str = said("Endpoint of the registry interface, tcp:12345 then.", "")
    aggregate: str = said("Endpoint of the aggregate interface, tcp:12346 then.", "")
    slice_interface: str = said("Endpoint of the slice interface, which asks all aggregates, tcp:12347 then.", "")
    host: str = said("The name by which others reach these ports; empty: this machine's.", "")
    gid: Path | None = said("The authority's certificate with those above it, PEM; empty: gid.pem of federation.", None)
    key: Path | None = said("The key of that certificate, PEM; empty: authority.key of federation.", None)
    trusted_roots: Path | None = said("A folder of further trusted roots, one certificate per file.", None)
    registries: tuple[Known, ...] = said("Other registries, as GetVersion tells them.", ())
    aggregates: tuple[Known, ...] = said("Other aggregates, as GetVersion tells them and the slice interface asks.", ())

    @property
    def is_on(self) -> bool:
        """Whether any of them is to be served."""
        return bool(self.registry or self.aggregate or self.slice_interface)
