"""Where a sliver stands: in one word, and why nobody can be in it."""

from node_manager.drivers import Found, State
from node_manager.records import Entry


def word(entry: Entry, found: Found | None, now: float) -> str:
    """One word for where a sliver is; ``found`` is what the driver sees of it."""
    if entry.releasing:
        return "releasing"
    if not entry.record.is_sliver:
        return "account"
    if not entry.created:
        return "recorded"
    if now >= entry.record.expires:
        return "expired"
    if found is None:
        return "making" if not entry.reason else "failed"
    return str(found.state)


def why_not(entry: Entry, found: Found | None, still: str) -> str:
    """Why nobody can be in it now, and who can change that: one sentence; empty when it runs.

    ``still`` says why it is to stand still, empty when it may run.
    """
    if entry.releasing:
        return "it is being removed"
    if not entry.record.is_sliver:
        return ""
    if not entry.created:
        return "it is not made; its controller or the slice itself can Create it"
    if still or (found is not None and found.state is State.RUNNING):
        return still
    return f"it could not be made: {entry.reason}" if entry.reason else "it is being started; ask again"
