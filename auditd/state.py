"""What stands on every page: where and when this is, what is simulated, what was not seen. Pure."""

from typing import Any

from auditd import tell
from auditd.audit import Audit
from auditd.clean import line
from auditd.hour import HOUR
from auditd.settings import Settings


def told(audit: Audit, settings: Settings, steady: int, wall: int) -> dict[str, Any]:
    """What stands on every page: where and when this is, what is simulated, and what was not seen."""
    since = audit.timeline.wall(steady) - int(HOUR * 1e6)
    gaps = [
        {
            "lack": str(gap.lack),
            "since": gap.since / 1e6,
            "until": gap.until / 1e6,
            "since_utc": tell.moment(gap.since),
            "until_utc": tell.moment(gap.until),
            "reason": line(gap.reason),
            "frames": gap.frames,
        }
        for gap in audit.gaps.during(since, wall)
    ]
    blind = audit.blind_since(steady)
    if blind is not None and audit.through:
        since_wall = audit.timeline.wall(blind)
        gaps.append(
            {
                "lack": "blind",
                "since": since_wall / 1e6,
                "until": wall / 1e6,
                "since_utc": tell.moment(since_wall),
                "until_utc": tell.moment(wall),
                "reason": "the capture is not running",
                "frames": 0,
            }
        )
    return {
        "node": settings.node,
        "hrn": settings.hrn,
        "address": settings.address,
        "now": wall / 1e6,
        "now_utc": tell.moment(wall),
        "since_utc": tell.moment(since),
        "simulated": settings.capture == "simulated",
        "capturing": blind is None and bool(audit.through),
        "owners_error": line(audit.owners_error),
        "senders_by": _senders_by(audit),
        "at_least": any(gap["lack"] in ("blind", "loss") for gap in gaps),
        "gaps": gaps[-50:],
        "gap_count": len(gaps),
    }


def _senders_by(audit: Audit) -> str:
    """Who tells the sender of a packet: the kernel on every interface, or only what stands in the packet."""
    told = set((audit.hello.get("senders") or {}).values())
    return "kernel" if told == {"kernel"} else "mark" if told == {"mark"} else "packet" if told else ""
