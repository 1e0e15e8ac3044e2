"""What the rules need to know of the PLC that they are applied for."""

from typing import Any

from attrs import frozen

from planetlab.names import Hrn

DAY = 86_400  # seconds
WEEK = 7 * DAY


@frozen(kw_only=True)
class Plc:
    """One PLC: its names, its limits, and the switches that its operator may set.

    ``release`` is what GetPlcRelease tells. ``any_user_any_ticket`` and ``any_node_any_slivers`` restore the
    original's openness. ``seal`` issues tickets, ``peers`` asks other PLCs, ``media`` makes boot media and ``power``
    reaches nodes; None where an authority does not. ``sfa`` is who it is at its SFA interfaces, ``sfa_places`` where
    these and those of its neighbours are.
    """

    hrn: Hrn
    name: str = "PlanetLab"
    slice_prefix: str = "pl"
    support: str = "root@localhost.localdomain"
    boot_mail: str = "root@localhost.localdomain"
    root_user: str = "root@localhost.localdomain"
    maintenance_user: str = "maint@localhost.localdomain"
    web_host: str = "localhost"
    web_ssl_port: int = 443
    session_life: int = DAY
    slice_life: int = 2 * WEEK
    longest_renewal: int = 8 * WEEK
    lease_granularity: int = 1800
    default_vsys: tuple[str, ...] = ()
    pldistro: str = "planetlab"
    fcdistro: str = "f14"
    arch: str = "x86_64"
    virt: str = "f8,f12:vs;default:lxc"
    xmpp_server: str | None = None
    any_user_any_ticket: bool = False
    any_node_any_slivers: bool = False
    release: Any = None
    seal: Any = None
    peers: Any = None
    media: Any = None
    power: Any = None
    sfa: Any = None
    sfa_places: Any = None
