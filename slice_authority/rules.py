"""The slice authority's rules. Values and a time in; `BadArgument` or `Forbidden` out, never a word of storage."""

from collections.abc import Mapping
from typing import Any

from planetlab.errors import BadArgument

DAY = 86_400  # seconds


def room_for_a_slice(site: Mapping[str, Any], slices: int) -> None:
    """A site that is enabled may have fewer than ``max_slices`` live slices before a new one."""
    if not site["enabled"]:
        raise BadArgument(f"Site {site['login_base']} is disabled")
    most = int(site["max_slices"])
    if slices >= most:
        raise BadArgument(f"Site {site['login_base']} has {slices} of its {most} slices; ask for more")


def renewal(
    one: Mapping[str, Any], changes: Mapping[str, Any], site_slices: int, now: float, most: float | None
) -> None:
    """A later expiry: the site may have slices, it lies at most ``most`` seconds ahead, and the slice says why.

    What the slice said until now will do, though the same call empties it. ``one`` is the slice as it is, ``changes``
    what the same call changes. ``most`` is None for an admin.
    """
    expires = int(changes["expires"])
    if expires <= int(one["expires"]):
        return
    if site_slices <= 0:
        raise BadArgument("Slice creation and renewal have been disabled for the site")
    if most is not None and expires > now + most:
        raise BadArgument(f"Cannot renew a slice beyond {most / DAY:.0f} days from now")
    for name in ("description", "url"):
        if not any(str(said or "").strip() for said in (one[name], changes.get(name))):
            raise BadArgument(f"Cannot renew a slice with an empty {name}")


def in_time(expires: int, now: float) -> None:
    """A slice ends after ``now``."""
    if expires <= now:
        raise BadArgument(f"expected a time in the future, got {expires}, which is {now - expires:.0f} s ago")
