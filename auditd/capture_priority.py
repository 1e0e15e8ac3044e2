# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes.
"""The capture runs before all programs that have no real-time priority, where it may: or else it loses packets to them.

A ring of 16 MiB holds what a node sends in a tenth of a second at its full rate; beside busy slivers an ordinary
process waits that long for its turn. The kernel itself leaves a twentieth of each second to the others.
"""

import contextlib
import os
from collections.abc import Iterator

CHOICES = ("auto", "ordinary")
REALTIME = "real-time"
_RANK = 2  # of 1 to 99: before everything ordinary, behind almost everything else that is real-time


def take(choice: str) -> tuple[str, str]:
    """Take priority for this thread, unless ``choice`` is ordinary; what it has then, and why it has no better one."""
    if choice == "ordinary":
        return "ordinary", "not asked for"
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_RANK))
    except OSError as error:  # without CAP_SYS_NICE, or where groups have no share of real time
        return "ordinary", str(error.strerror)
    return REALTIME, ""


@contextlib.contextmanager
def given_up() -> Iterator[None]:
    """Let this thread be an ordinary one for a while: for work that takes a core, and that nothing waits for."""
    had, rank = os.sched_getscheduler(0), os.sched_getparam(0)
    real = had & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    if real:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    try:
        yield
    finally:
        if real:
            os.sched_setscheduler(0, had, rank)
