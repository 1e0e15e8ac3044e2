"""Accounts by which sshd knows slices, as the files it reads them from. Pure text; `write` puts it in place."""

import os
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

SHELL = "/bin/sh"  # runs the forced command; what a user gets is the shell inside


@frozen(kw_only=True)
class Account:
    """One name that can sign in, with its ids on the node."""

    name: str
    uid: int
    gid: int
    keys: tuple[str, ...] = ()
    command: str = ""  # all that this account can run


_KINDS = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")  # how a key begins; what stands before it are options
_SYSTEM = ("root:x:0:0:root:/root:/bin/sh", "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin")
_GROUPS = ("root:x:0:", "tty:x:5:", "nogroup:x:65534:")


def passwd(accounts: Iterable[Account]) -> str:
    """The user table: what sshd itself needs, and the accounts. Home is the root directory, which is always there."""
    rows = (f"{each.name}:x:{each.uid}:{each.gid}::/:{SHELL}" for each in accounts)
    return "\n".join((*_SYSTEM, *rows)) + "\n"


def shadow(accounts: Iterable[Account]) -> str:
    """No account has a password; ``*`` rather than ``!``, which sshd would take for a locked one."""
    return "".join(f"{name}:*:14610::::::\n" for name in ("root", "sshd", *(each.name for each in accounts)))


def group(accounts: Iterable[Account]) -> str:
    """The group table."""
    return "\n".join((*_GROUPS, *(f"g{each.gid}:x:{each.gid}:" for each in accounts))) + "\n"


def authorized(account: Account) -> str:
    """The account's keys as sshd reads them, each good for the one command; a user's own options do not count."""
    rows = []
    for key in account.keys:
        words = key.split()
        start = next((at for at, word in enumerate(words) if word.startswith(_KINDS)), None)
        if start is not None and len(words) > start + 1:
            rows.append(f'restrict,pty,command="{account.command}" {" ".join(words[start : start + 2])}')
    return "".join(f"{row}\n" for row in rows)


def write(folder: Path, accounts: Iterable[Account]) -> None:
    """Bring the files in ``folder`` to these accounts. Read by sshd at each sign-in, under its own mount table.

    The tables are written over in place, since a mount shows a file and not a name; keys are replaced as files.
    """
    known = sorted(accounts, key=lambda each: each.name)
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True, mode=0o755)
    for table, text, mode in (
        ("passwd", passwd(known), 0o644),
        ("group", group(known), 0o644),
        ("shadow", shadow(known), 0o600),
    ):
        _overwrite(folder / table, text, mode)
    for each in known:
        fresh = keys / f".{each.name}"
        fresh.write_text(authorized(each), "utf-8")
        fresh.chmod(0o644)  # sshd reads it as the account; keys are no secret
        fresh.replace(keys / each.name)
    for stray in {path.name for path in keys.iterdir()} - {each.name for each in known}:
        (keys / stray).unlink()


def _overwrite(path: Path, text: str, mode: int) -> None:
    octets = text.encode()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        if os.fstat(file).st_size != len(octets) or path.read_bytes() != octets:
            os.pwrite(file, octets, 0)
            os.ftruncate(file, len(octets))
    finally:
        os.close(file)
