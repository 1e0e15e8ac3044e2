"""How this service is set up on one node; the owner's rules are a file of their own (`pl_conf.policy`)."""

from attrs import field, frozen


def _said(doc: str) -> dict[str, str]:
    return {"doc": doc}


@frozen(kw_only=True)
class Dslice:
    """The ports of 2003 and their keys; each port is off while its endpoint is empty."""

    ip: str = field(default="", metadata=_said("this node's address, as tickets of that time name it"))
    plain: str = field(default="", metadata=_said("endpoint of the calls that anybody may make, tcp:800 then"))
    private: str = field(default="", metadata=_said("endpoint of the calls by key, tcp:801 then"))
    status: str = field(default="", metadata=_said("endpoint of the status page, tcp:802 then"))
    key: str = field(default="dslice.key", metadata=_said("PEM file of the RSA key that signs leases; made if missing"))
    certificate: str = field(default="", metadata=_said("PEM file that the private port shows; needed for it"))
    private_key: str = field(default="", metadata=_said("PEM file of the certificate's key; mode 0600"))
    clients: str = field(default="", metadata=_said("PEM file: the CA that callers' certificates must come from"))

    @property
    def is_on(self) -> bool:
        """Whether any of the ports is to be served."""
        return bool(self.plain or self.private or self.status)


@frozen(kw_only=True)
class Settings:
    """Everything about pl_conf that differs from node to node. Relative paths begin at the settings file."""

    hrn: str = field(metadata=_said("this node's name in the federation: authority.site.hostname, dots in it as \\."))
    hostname: str = field(metadata=_said("this node's DNS name"))
    node_id: int = field(default=0, metadata=_said("this node's number at its authority; 0: it does not poll"))
    node_key: str = field(default="", metadata=_said("file that holds the node's key, to get sessions with; mode 0600"))
    policy: str = field(default="/etc/plfed/owner.toml", metadata=_said("file of the owner's rules"))
    ledger: str = field(default="/var/lib/plfed/pl_conf/ledger.db", metadata=_said("file of wishes and receipts"))
    deletions: str = field(
        default="/var/lib/plfed/pl_conf/deletions.log",
        metadata=_said("file of deletions; keep it elsewhere than copies of the ledger"),
    )
    listen: tuple[str, ...] = field(default=("tcp:814",), metadata=_said("endpoints of the public calls, in clear"))
    listen_tls: tuple[str, ...] = field(default=(), metadata=_said("endpoints of the same calls by https"))
    certificate: str = field(default="", metadata=_said("PEM file for https; needed when listen_tls is not empty"))
    private_key: str = field(default="", metadata=_said("PEM file of the certificate's key; mode 0600"))
    listen_keys: tuple[str, ...] = field(
        default=("tcp:815:interface=127.0.0.1",), metadata=_said("endpoints of the key sensor")
    )
    socket: str = field(
        default="unix:/run/plfed/pl_conf.sock:mode=666", metadata=_said("endpoint for programs of this node")
    )
    listen_operator: str = field(
        default="tcp:8814:interface=127.0.0.1", metadata=_said("endpoint of /healthz and /metrics; empty: none")
    )
    node_manager: str = field(default="unix:/tmp/nodemanager.api", metadata=_said("address of the node manager"))
    owner_uids: tuple[int, ...] = field(
        default=(0,), metadata=_said("user numbers that are the node's owner on the socket, beside this service's own")
    )
    period: float = field(default=600.0, metadata=_said("seconds between polls of an authority"))
    jitter: float = field(default=300.0, metadata=_said("seconds, at most, that are added to a period by chance"))
    report: str = field(
        default="auto",
        metadata=_said("where this node says that it runs; auto: /PLCAPI/ beside its authority's; empty: nowhere"),
    )
    report_ca: str = field(
        default="", metadata=_said("PEM file: the CA that this address's certificate must come from")
    )
    report_every: float = field(default=600.0, metadata=_said("seconds between two reports that this node runs"))
    lease_period: float = field(default=60.0, metadata=_said("seconds between two looks who has reserved this node"))
    directory_every: float = field(
        default=3600.0, metadata=_said("seconds between two looks which nodes the authority knows; 0: never")
    )
    witness_every: float = field(
        default=600.0,
        metadata=_said("seconds between two looks whether tickets stand in their issuers' public logs; 0: never"),
    )
    timeout: float = field(default=30.0, metadata=_said("seconds that an authority or the node manager has to answer"))
    sweep: float = field(default=30.0, metadata=_said("seconds between looks for what has expired"))
    reconcile: float = field(default=60.0, metadata=_said("seconds between comparisons with the node manager"))
    watch: float = field(default=2.0, metadata=_said("seconds between looks whether the policy file has changed"))
    orphan_grace: float = field(
        default=1800.0, metadata=_said("seconds after which a sliver that no ticket stands behind is ended")
    )
    absent_answers: int = field(
        default=2, metadata=_said("whole answers in a row without a slice before its sliver is ended")
    )
    shrink_limit: float = field(
        default=0.5, metadata=_said("if more than this fraction of an authority's slivers is missing, none is ended")
    )
    longest_off: float = field(
        default=604_800.0, metadata=_said("seconds this node may have been off before its clock needs confirmation")
    )
    most_ticket: int = field(default=1_048_576, metadata=_said("bytes of the largest ticket that is read"))
    calls_per_second: float = field(default=100.0, metadata=_said("calls per second from one address, in the long run"))
    burst: int = field(default=1000, metadata=_said("calls that one address may make at once"))
    dslice: Dslice = field(factory=Dslice, metadata=_said("the calls of 2003; off while no endpoint is said"))
