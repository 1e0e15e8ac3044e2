"""What a boot means for a node's record. Pure: the record and a time in, what to write out."""

from typing import Any

CONFIRMS = 20 * 60  # seconds: a boot this soon after a power unit's reboot confirms that it worked


def booted(node: dict[str, Any], now: int) -> dict[str, Any]:
    """What "I have just booted" writes: when, how long it was up before, and how long down."""
    changes: dict[str, Any] = {"last_boot": now, "last_contact": now}
    boot, contact = node["last_boot"], node["last_contact"]
    if boot is not None and contact is not None:
        changes["last_time_spent_online"] = contact - boot
        changes["last_time_spent_offline"] = now - contact
    asked = node["last_pcu_reboot"]
    if asked is not None and 0 <= now - asked < CONFIRMS:
        changes["last_pcu_confirmation"] = now
    return changes


PRIMARY_FIELDS = ("method", "mac", "gateway", "network", "broadcast", "netmask", "dns1", "dns2")
"""What a node may say of its primary interface; its address stays what its owners wrote."""
