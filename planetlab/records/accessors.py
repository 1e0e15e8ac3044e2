"""Accessors: one row is a Get and a Set method for one tag of one class, and the tag type with who may write it."""

from attrs import frozen


@frozen
class Accessor:
    """``Get<noun><suffix>`` and ``Set<noun><suffix>``; ``exposed`` tags may also be given and asked for as fields."""

    noun: str
    suffix: str
    tag: str
    category: str
    writers: tuple[str, ...]
    exposed: bool = False

    @property
    def half(self) -> str:
        """Which authority answers its methods."""
        return {"Site": "BOTH", "Person": "SA", "Slice": "SA"}.get(self.noun, "MA")


_ADMIN = ("admin",)
_STAFF = ("admin", "pi", "tech")
_ALL = ("admin", "pi", "tech", "user", "node")

ACCESSORS = (
    Accessor("Interface", "Alias", "alias", "interface/config", _STAFF),
    Accessor("Interface", "Backdoor", "backdoor", "interface/hidden", _ADMIN),
    Accessor("Interface", "Channel", "channel", "interface/wifi", _STAFF),
    Accessor("Interface", "Driver", "driver", "interface/config", _STAFF),
    Accessor("Interface", "Essid", "essid", "interface/wifi", _STAFF),
    Accessor("Interface", "Freq", "freq", "interface/wifi", _STAFF),
    Accessor("Interface", "Ifname", "ifname", "interface/config", _STAFF, exposed=True),
    Accessor("Interface", "Iwconfig", "iwconfig", "interface/wifi", _STAFF),
    Accessor("Interface", "Iwpriv", "iwpriv", "interface/wifi", _STAFF),
    Accessor("Interface", "Key", "key", "interface/wifi", _STAFF),
    Accessor("Interface", "Key1", "key1", "interface/wifi", _STAFF),
    Accessor("Interface", "Key2", "key2", "interface/wifi", _STAFF),
    Accessor("Interface", "Key3", "key3", "interface/wifi", _STAFF),
    Accessor("Interface", "Key4", "key4", "interface/wifi", _STAFF),
    Accessor("Interface", "Mode", "mode", "interface/wifi", _STAFF),
    Accessor("Interface", "Nw", "nw", "interface/wifi", _STAFF),
    Accessor("Interface", "Rate", "rate", "interface/wifi", _STAFF),
    Accessor("Interface", "SecurityMode", "securitymode", "interface/wifi", _STAFF),
    Accessor("Interface", "Sens", "sens", "interface/wifi", _STAFF),
    Accessor("Interface", "SliversIPv6Prefix", "sliversipv6prefix", "interface/ipv6", _STAFF),
    Accessor("Node", "Arch", "arch", "node/slice/config", _ALL, exposed=True),
    Accessor("Node", "Cramfs", "cramfs", "node/bootcd", _STAFF),
    Accessor("Node", "Deployment", "deployment", "node/operation", _ADMIN, exposed=True),
    Accessor("Node", "Extensions", "extensions", "node/config", _ADMIN, exposed=True),
    Accessor("Node", "Fcdistro", "fcdistro", "node/slice/config", _ALL, exposed=True),
    Accessor("Node", "Hrn", "hrn", "node/person/slice/site/sfa", _ALL, exposed=True),
    Accessor("Node", "Kargs", "kargs", "node/bootcd", _STAFF),
    Accessor("Node", "Kvariant", "kvariant", "node/bootcd", _STAFF),
    Accessor("Node", "NoHangcheck", "no-hangcheck", "node/bootcd", _STAFF),
    Accessor("Node", "PlainBootstrapfs", "plain-bootstrapfs", "node/config", _STAFF),
    Accessor("Node", "Pldistro", "pldistro", "node/slice/config/sfa", _ALL, exposed=True),
    Accessor("Node", "Serial", "serial", "node/bootcd", _STAFF),
    Accessor("Node", "Virt", "virt", "node/operation", _ALL, exposed=True),
    Accessor("Person", "Advanced", "advanced", "person/vicci", _ALL, exposed=True),
    Accessor("Person", "Columnconf", "columnconf", "person/myslice", _ALL, exposed=True),
    Accessor("Person", "Hrn", "hrn", "node/person/slice/site/sfa", _ALL, exposed=True),
    Accessor("Person", "SfaCreated", "sfa_created", "person/slice/site/sfa", _ALL, exposed=True),
    Accessor("Person", "Showconf", "showconf", "person/myslice", _ALL, exposed=True),
    Accessor("Site", "DisabledRegistration", "disabled_registration", "site", _ADMIN, exposed=True),
    Accessor("Site", "Hrn", "hrn", "node/person/slice/site/sfa", _ALL, exposed=True),
    Accessor("Site", "SfaCreated", "sfa_created", "person/slice/site/sfa", _ALL, exposed=True),
    Accessor("Slice", "Arch", "arch", "node/slice/config", _ALL, exposed=True),
    Accessor("Slice", "Fcdistro", "fcdistro", "node/slice/config", _ALL, exposed=True),
    Accessor("Slice", "Hmac", "hmac", "slice/auth", ("admin", "node")),
    Accessor("Slice", "Hrn", "hrn", "node/person/slice/site/sfa", _ALL, exposed=True),
    Accessor("Slice", "IPv6Address", "ipv6_address", "slice/usertools", _ALL, exposed=True),
    Accessor("Slice", "Initscript", "initscript", "slice/usertools", ("admin", "pi", "user"), exposed=True),
    Accessor("Slice", "InitscriptCode", "initscript_code", "slice/usertools", ("admin", "pi", "user"), exposed=True),
    Accessor("Slice", "OmfControl", "omf_control", "slice/usertools", _ALL, exposed=True),
    Accessor("Slice", "Pldistro", "pldistro", "node/slice/config/sfa", _ALL, exposed=True),
    Accessor("Slice", "SfaCreated", "sfa_created", "person/slice/site/sfa", _ALL, exposed=True),
    Accessor("Slice", "SliverHMAC", "enable_hmac", "slice/usertools", _ALL, exposed=True),
    Accessor("Slice", "SshKey", "ssh_key", "slice/auth", ("admin", "node")),
    Accessor("Slice", "Vref", "vref", "slice/config", ("admin", "pi", "user", "node"), exposed=True),
)


@frozen
class FirstTag:
    """A kind of tags that every PLC starts with, beside those of the accessors."""

    tag: str
    category: str
    writers: tuple[str, ...] = _ADMIN


_USERS = ("admin", "pi", "user", "tech")
_RATES = (
    "ip_addresses isolate_loopback cpu_pct cpu_share cpu_cores cpu_freezable net_min_rate net_max_rate net_i2_min_rate "
    "net_i2_max_rate net_max_kbyte net_thresh_kbyte net_i2_max_kbyte net_i2_thresh_kbyte net_share net_i2_share "
    "disk_max capabilities vsys"
)
_LIMITS = "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack openfd"

FIRST_TAGS = (
    *(FirstTag(tag, "slice/general") for tag in ("system", "enabled", "drl")),
    *(FirstTag(tag, "slice/rspec", _USERS) for tag in _RATES.split()),
    *(FirstTag(tag, "slice/rspec", ("admin", "pi", "user")) for tag in ("vsys_vnet", "codemux", "delegations")),
    FirstTag("rawdisk", "slice/access", ("admin", "pi")),
    FirstTag("exempt_slice_until", "slice/myops"),
    FirstTag("interface", "slice/network"),
    *(FirstTag(f"{limit}_{bound}", "slice/limit") for limit in _LIMITS.split() for bound in ("min", "soft", "hard")),
    *(
        FirstTag(tag, "interface/config", ("admin", "tech"))
        for tag in ("ovs_bridge", "ipv6_defaultgw", "ipv6addr", "ipv6addr_secondaries")
    ),
)
