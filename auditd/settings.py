"""What an operator may set of a node's audit."""

from typing import Any

from attrs import field, frozen


def _must(doc: str) -> Any:
    return field(metadata={"doc": doc})


def _may(default: object, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@frozen(kw_only=True)
class Settings:
    """One node's audit."""

    node: str = _must("The node's host name, as strangers find it in the DNS.")
    address: str = _must("The node's address as strangers see it; packets from it are the node's own.")
    data_dir: str = _must("Folder of the journal.")
    hrn: str = _may("", "The node's name in the federation, like plc.princeton.node1.")
    addresses: tuple[str, ...] = _may((), "Further addresses that the node itself sends from.")
    listen: tuple[str, ...] = _may(("tcp:80",), "Endpoints of the pages, as Twisted writes them, like tcp:80.")
    operator_listen: str = _may("", 'Endpoint of /healthz and /metrics, for the operator; "" for none.')
    nm_socket: str = _may("/run/plfed/nm.sock", "The node manager's Unix socket, which tells whose packets are whose.")
    capture: str = _may("live", "live: what really leaves the node. simulated: a recording; every page says so.")
    capture_prefix: tuple[str, ...] = _may(
        (), 'Words before the capture program, like ["nsenter", "--net=/run/netns/node1"].'
    )
    capture_interfaces: tuple[str, ...] = _may(("eth0",), "Interfaces whose outgoing packets are seen.")
    capture_filter: str = _may("", 'A tcpdump expression that limits what is seen (needs libpcap0.8); "" for all.')
    capture_senders: str = _may(
        "auto",
        "kernel: the kernel tells senders, or nothing is captured. mark: the firewall's marks. packet: addresses. "
        "auto: as it can.",
    )
    capture_forwarded: str = _may("interface", "What tells slivers with a network of their own: interface, or mark.")
    capture_priority: str = _may(
        "auto",
        "auto: the capture goes before all that is not real-time, where that is permitted. ordinary: it does not.",
    )
    ring_mib: int = _may(16, "MiB shared with the kernel for each interface.")
    recording: str = _may("", 'Stream for capture = "simulated"; "" for the one that comes with the program.')
    idle: float = _may(60.0, "Seconds of silence that end a flow.")
    active: float = _may(300.0, "Seconds after which a flow goes on as another record.")
    most_flows: int = _may(1_000_000, "Open flows; beyond it new ones are counted without their addresses.")
    disclosure: str = _may(
        "networks",
        "networks: lists show /24 and /48 only, an address to who names it. open: every address. closed: strangers "
        "read of their own address only, all else who shows the token of reader_token_file.",
    )
    reader_token_file: str = _may("", 'File (mode 0600) with what readers of a closed node show; "" admits none.')
    authority_name: str = _may("", "Who runs the testbed, in words for strangers.")
    authority_url: str = _may("", "Web page of the testbed.")
    archive_url: str = _may("", "Where traffic of more than an hour ago can be searched.")
    slice_mail: str = _may("", "Role address of a slice's users; SLICE and AUTHORITY in it are replaced.")
    operator_mail: str = _may("", "Role address of the people who run the node.")
    abuse_mail: str = _may("", "Role address for complaints.")
    segment_seconds: float = _may(3600.0, "Seconds that a sealed segment of the log spans; 0 seals none.")
    segment_lag: float = _may(0.0, "Seconds after which it is sealed; 0 is what idle and active need.")
    log_days: float = _may(7.0, "Days that sealed segments are kept.")
    log_mib: int = _may(2048, "MiB that they may take; the oldest go first.")
    log_token_file: str = _may("", 'File (mode 0600) with what the archive shows to pull them; "" lets nobody pull.')
    export: str = _may("", 'A collector that gets every flow: ipfix:host:port or netflow9:host:port; "" for none.')
    mail_relay: str = _may("", 'Mail server that takes letters about complaints, host:port; "" sends none.')
    mail_from: str = _may("", 'Whom those letters are from; "" is audit@ and the node.')
    page_url: str = _may("", 'Address of these pages in letters; "" is http:// and the node.')
    pauses: bool = _may(True, "Whether strangers may pause traffic to their own network for a day (needs nft, root).")
    authority_pages: str = _may("", "Address of the authority's public pages: its opt-out list, what slices are for.")
    authority_ca: str = _may("", 'PEM file with the CA of those pages; "" is the platform\'s list.')
    authority_period: float = _may(60.0, "Seconds between two looks at them.")
