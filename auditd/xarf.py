"""Evidence in the form that abuse desks read by machine: XARF, version 4.2, a report for each slice. Pure.

The category is ``connection`` and the type ``port_scan``, the one for packets that nobody asked for, of whatever
protocol the form knows. Whoever sends a report on may say more of what it was.
"""

import base64
import hashlib
import json
import uuid
from typing import Any

from auditd import tell
from auditd.settings import Settings

VERSION = "4.2.0"
_PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "ICMP": "icmp", "ICMPv6": "icmp", "SCTP": "sctp"}  # what the form knows


def reports(settings: Settings, to: str, flows: list[dict[str, Any]], wall: int) -> list[dict[str, Any]]:
    """A report per slice on what it sent to ``to``; ``flows`` are structs of `tell.flow`."""
    by_slice: dict[str, list[dict[str, Any]]] = {}
    for flow in flows:
        if flow["protocol"] in _PROTOCOLS and flow["source"] is not None:
            by_slice.setdefault(flow["slice"], []).append(flow)
    return [_report(settings, to, name, some, wall) for name, some in by_slice.items()]


def _report(settings: Settings, to: str, name: str, flows: list[dict[str, Any]], wall: int) -> dict[str, Any]:
    first, last = min(flow["first"] for flow in flows), max(flow["last"] for flow in flows)
    newest = max(flows, key=lambda flow: (flow["source_port"] is not None, flow["last"]))
    contact = settings.abuse_mail or settings.operator_mail or f"postmaster@{settings.node}"
    party = {"org": settings.authority_name or settings.node, "contact": contact, "domain": settings.node}
    packets = sum(flow["packets"] for flow in flows)
    told = {
        "xarf_version": VERSION,
        "report_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{settings.node}/{name}/{to}/{first}/{last}/{packets}")),
        "timestamp": tell.moment(wall),
        "reporter": party,
        "sender": party,
        "source_identifier": newest["source"],
        "category": "connection",
        "type": "port_scan",
        "evidence_source": "flow_analysis",
        "destination_ip": newest["destination"],
        "protocol": _PROTOCOLS[newest["protocol"]],
        "first_seen": tell.moment(round(first * 1e6)),
        "last_seen": tell.moment(round(last * 1e6)),
        "description": f"{packets} packets of the slice {name} to {to}, seen by the audit of {settings.node}.",
        "tags": [f"slice:{name}"],
        "evidence": [_evidence(flows)],
    }
    if newest["source_port"] is None:  # the form has no address without a port, and ICMP has none
        return {**told, "source_identifier": settings.node}
    return {**told, "source_port": newest["source_port"], "destination_port": newest["destination_port"]}


def _evidence(flows: list[dict[str, Any]]) -> dict[str, Any]:
    data = json.dumps(flows, separators=(",", ":")).encode()
    return {
        "content_type": "application/json",
        "description": "The flows, one struct each; times in seconds since the epoch, UTC.",
        "payload": base64.b64encode(data).decode(),
        "hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "size": len(data),
    }
