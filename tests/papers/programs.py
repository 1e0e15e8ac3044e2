"""The programs of the originals, xmlsec1 and gpg, run on files in a directory of their own."""

import pathlib
import shutil
import subprocess
from unittest import skipUnless

NEEDS_XMLSEC1 = skipUnless(shutil.which("xmlsec1"), "xmlsec1 is not installed (Debian package xmlsec1)")
NEEDS_GPG = skipUnless(shutil.which("gpg"), "gpg is not installed (Debian package gnupg)")


def run(*words: str, given: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
    """What the program says on its standard output; an exit code that is not ``ok`` is an error with its text."""
    ended = subprocess.run(words, input=given, capture_output=True, timeout=60)
    if ended.returncode not in ok:
        raise AssertionError(f"{words[0]} ended with {ended.returncode}: {ended.stderr.decode(errors='replace')}")
    return ended.stdout


class Gpg:
    """gpg with a key ring of its own. `close` ends the agent that signing starts."""

    def __init__(self, home: pathlib.Path) -> None:
        home.mkdir(mode=0o700, parents=True)
        self.home = home

    def __call__(self, *words: str, given: bytes = b"") -> bytes:
        home = ("--homedir", str(self.home))
        return run("gpg", *home, "--batch", "-q", "--no-tty", "--trust-model", "always", *words, given=given)

    def close(self) -> None:
        run("gpgconf", "--homedir", str(self.home), "--kill", "gpg-agent", ok=(0, 1, 2))
