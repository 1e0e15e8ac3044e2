"""What an operator may set of an authority's pages."""

from attrs import field, frozen


def _said(doc: str) -> dict[str, str]:
    return {"doc": doc}


@frozen(kw_only=True)
class Settings:
    """The public pages of one authority."""

    name: str = field(metadata=_said("The authority's name, as it stands on every page."))
    plcapi: str = field(metadata=_said("Address of the PLC API that is asked, like https://plc.example/PLCAPI/."))
    ca: str = field(metadata=_said("PEM file: the authority's CA; it is also handed out as /ca.pem."))
    username: str = field(metadata=_said("The account that asks; what it may see is what the pages may show."))
    password_file: str = field(metadata=_said("File with that account's password; mode 0600."))
    listen: tuple[str, ...] = field(
        default=("tcp:80",),
        metadata=_said("Endpoints of the pages, as Twisted writes them: tcp:80:interface=192.0.2.1."),
    )
    operator_listen: str = field(
        default="", metadata=_said('Endpoint of /healthz and /metrics, for the operator; "" for none.')
    )
    fresh: float = field(default=10.0, metadata=_said("Seconds for which an answer is shown again without asking."))
    patience: float = field(default=10.0, metadata=_said("Seconds that the authority has to answer."))
    archive_dir: str = field(default="", metadata=_said('Folder of the archive of flows; "" for no archive.'))
    archive_nodes: tuple[str, ...] = field(
        default=(), metadata=_said("Nodes whose sealed logs are pulled: host name, a space, the address of its pages.")
    )
    archive_token_file: str = field(default="", metadata=_said("File with the token that nodes let pull; mode 0600."))
    archive_period: float = field(default=300.0, metadata=_said("Seconds between two rounds of pulling."))
    archive_days: float = field(default=30.0, metadata=_said("Days that flows are kept in the archive."))
    archive_segment_days: float = field(
        default=7.0, metadata=_said("Days that nodes' own sealed files are kept beside the merged hours.")
    )
    optout_file: str = field(
        default="", metadata=_said('File of the opt-out list at /optout; "" is one in archive_dir, or none without it.')
    )
    optout_days: float = field(default=365.0, metadata=_said("Days that an entry of that list holds."))
