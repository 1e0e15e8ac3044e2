"""Short texts that programs and strangers look for at fixed addresses. Pure."""

from auditd import tell
from auditd.settings import Settings

_EXPIRES = 30 * 86400 * 1_000_000  # microseconds; RFC 9116, section 2.5.5, wants less than a year


def _canonical(settings: Settings, name: str) -> str:
    host = f"[{settings.address}]" if ":" in settings.address else settings.address
    return f"http://{host}/.well-known/{name}"


def _contacts(settings: Settings) -> list[str]:
    mails = [mail for mail in (settings.abuse_mail, settings.operator_mail) if mail]
    return [f"Contact: mailto:{mail}" for mail in mails] or [f"Contact: http://{settings.node}/"]


def probing(settings: Settings, wall: int) -> str:
    """Who probes from here, and why: RFC 9511."""
    lines = [
        f"Canonical: {_canonical(settings, 'probing.txt')}",
        *_contacts(settings),
        f"Expires: {tell.moment(wall + _EXPIRES)}",
        "Preferred-Languages: en",
        f"Description: {settings.node} is a shared research machine. Each packet it sends belongs to an experiment;"
        f" http://{settings.node}/ tells which one sent to your address, and how to reach and stop it.",
    ]
    return "\n".join(lines) + "\n"


def security(settings: Settings, wall: int) -> str:
    """Whom to tell of a weakness: RFC 9116."""
    lines = [
        *_contacts(settings),
        f"Expires: {tell.moment(wall + _EXPIRES)}",
        "Preferred-Languages: en",
        f"Canonical: {_canonical(settings, 'security.txt')}",
    ]
    return "\n".join(lines) + "\n"


ROBOTS = "User-agent: *\nDisallow: /to/\nDisallow: /slice/\nDisallow: /destinations\n"
