"""The settings that both authorities have."""

from pathlib import Path
from typing import Any

from attrs import field, frozen

from planetlab.both.allowance import Allowance, Spending
from planetlab.names import Hrn
from planetlab.registry.plc import Plc


def said(doc: str, default: Any = ...) -> Any:
    """A setting with its sentence."""
    if default is ...:
        return field(metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})


@frozen(kw_only=True)
class Common:
    """What an authority of a PLC must know to serve."""

    hrn: Hrn = said("The PLC's name in the federation, like plc or plc.japan.")
    registry: Path = said("The file of the PLC's records; both authorities of a PLC share it.")
    certificate: Path = said("The server's certificate, PEM, with its chain.")
    key: Path = said("The key of the server's certificate, PEM.")
    ca: Path = said("Whom this PLC's own services trust: the certificate of its CA, PEM.")
    listen: tuple[str, ...] = said("Where https is served, as endpoints like tcp:443:interface=0.0.0.0.", ())
    plain: tuple[str, ...] = said("Where the whole API is served in clear; loopback only.", ())
    operator: str = said("Where metrics and health are served, in clear; empty: nowhere.", "")
    sibling: str = said("The address of the other authority of this PLC, like https://127.0.0.1:8444/MA/.", "")
    name: str = said("The PLC's name as people say it; peers know it by this name.", "PlanetLab")
    slice_prefix: str = said("The login base of the operator's own site.", "pl")
    support: str = said("Who answers questions, an address.", "support@localhost.localdomain")
    boot_mail: str = said("Who hears of nodes that fail, an address.", "boot@localhost.localdomain")
    web_host: str = said("The host of the web pages that mails point to.", "localhost")
    web_ssl_port: int = said("The port of the web pages that mails point to.", 443)
    relay: str = said("The mail server, host:port; empty: mails wait in the registry.", "")
    maintenance_user: str = said("The account of the operators' own programs.", "maint@localhost.localdomain")
    maintenance_password: str = said("Its password; empty: it cannot log in.", "")
    maintenance_from: tuple[str, ...] = said("The addresses it may call from.", ("127.0.0.1",))
    release: str = said("What GetPlcRelease tells as this installation's build.", "")
    lease_granularity: int = said("Leases begin and end at multiples of this, in seconds.", 1800)
    default_vsys: tuple[str, ...] = said("Values of the tag vsys that every new slice gets.", ())
    pldistro: str = said("The reference image of slivers: the distribution's flavour.", "planetlab")
    fcdistro: str = said("The reference image of slivers: the system below it.", "f14")
    arch: str = said("The reference image of slivers: the processor.", "x86_64")
    virt: str = said("How nodes of each system make slivers.", "f8,f12:vs;default:lxc")
    refresh_every: int = said("Take over every peer's objects each so many seconds; 0: only when asked.", 0)
    peer_most: int = said("The most objects of one kind that a peer may have here.", 20_000)
    peer_octets: int = said("The most octets of one answer of a peer.", 64 << 20)
    peer_seconds: float = said("How long one answer of a peer may take, in seconds.", 300.0)
    peer_changes: int = said("The most rows of a peer's copies that are written within an hour.", 400_000)
    peer_calls: int = said("The most calls that a peer may make here within a minute.", 600)
    any_user_any_ticket: bool = said("Give any user any slice's ticket, as PLCAPI did.", False)
    any_node_any_slivers: bool = said("Tell any node any node's slivers, as PLCAPI did.", False)

    def spending(self) -> Spending:
        """What peers may cost, and have cost by now."""
        return Spending(
            Allowance(
                objects=self.peer_most,
                octets=self.peer_octets,
                seconds=self.peer_seconds,
                changes=self.peer_changes,
                calls=self.peer_calls,
            )
        )

    def plc(self, **more: Any) -> Plc:
        """What the rules need to know."""
        release = {"build": self.release, "tags": "", "rpms": ""} if self.release else None
        return Plc(
            hrn=self.hrn,
            name=self.name,
            slice_prefix=self.slice_prefix,
            support=self.support,
            boot_mail=self.boot_mail,
            maintenance_user=self.maintenance_user,
            web_host=self.web_host,
            web_ssl_port=self.web_ssl_port,
            lease_granularity=self.lease_granularity,
            default_vsys=self.default_vsys,
            pldistro=self.pldistro,
            fcdistro=self.fcdistro,
            arch=self.arch,
            virt=self.virt,
            any_user_any_ticket=self.any_user_any_ticket,
            any_node_any_slivers=self.any_node_any_slivers,
            release=release,
            **more,
        )
