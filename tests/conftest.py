"""Tests run in a folder of their own, so that what they write by a relative name does not land in the tree."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def a_folder_of_its_own() -> Iterator[None]:
    """Stand in a new folder with a short name: sockets' paths have at most 107 bytes."""
    before, folder = os.getcwd(), tempfile.mkdtemp(prefix="plfed-")
    os.chdir(folder)
    yield
    os.chdir(before)
    shutil.rmtree(folder, ignore_errors=True)
