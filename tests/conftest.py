"""Tests run in a folder of their own, so that what they write by a relative name does not land in the tree.

What is tried on many values has no time limit per value, for a loaded machine would break it, and tries the same
values each time, so that a change fails by what it changes; ``pytest --hypothesis-profile search`` looks for others.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", _UNTIMED)
settings.register_profile("same", _UNTIMED, derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def a_folder_of_its_own() -> Iterator[None]:
    """Stand in a new folder with a short name: sockets' paths have at most 107 bytes."""
    before, folder = os.getcwd(), tempfile.mkdtemp(prefix="plfed-")
    os.chdir(folder)
    yield
    os.chdir(before)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def a_reactor_that_starts_whole_again() -> Iterator[None]:
    """Have the reactor hear of the ends of children in the next test too.

    At a test's end Twisted's test case stops the reactor with `crash`, which says what its next start is to do. Where
    that happens within a start, for what the test waited for was a child that had ended by then, the start does it at
    once, and the next one leaves signals out: a child's end is heard by nobody.
    """
    yield
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is not None and not reactor._eventTriggers["startup"].during:  # there is no public way to ask
        reactor.crash()
