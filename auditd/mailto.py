"""Ready letters of strangers to those responsible, as links that open their mail program. Pure."""

from typing import Any
from urllib.parse import quote

from auditd.settings import Settings


def link(settings: Settings, struct: dict[str, Any], to: str, now_utc: str) -> str:
    """A link that writes to a slice's responsible users, with what they need to know; "" when there is none."""
    by_slice = struct.get("kind", "slice") == "slice"
    template = settings.slice_mail if by_slice else settings.operator_mail
    if not template:
        return ""
    address = template.replace("SLICE", struct["slice"]).replace("AUTHORITY", struct["authority"])
    subject = f"Packets of {struct['slice']} from {settings.node}" + (f" to {to}" if to else "")
    body = [f"Node: {settings.node} ({settings.address})", f"Slice: {struct['slice']}"]
    if to:
        seen = (struct["first_utc"], struct["last_utc"], struct["packets"])
        body += [f"Destination: {to}", "Seen: {} to {} (UTC), {} packets".format(*seen)]
    body += [f"Read at: {now_utc}", "", "What I would like to know or to stop:", ""]
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject)}&body={quote(chr(10).join(body))}"
