"""Whom `plcsh` calls, and as whom: by the original's options, by a demo's facts, or by an authority's own folder."""

import os
import pathlib
from typing import Any

import click
from attrs import frozen

from planetlab.auth import Anonymous, Auth, NodeKey, Password, Session
from planetlab.cli.facts import FACTS
from planetlab.cli.maintenance import account, settings_in
from planetlab.cli.remote import Fixed
from planetlab.cli.target import read_facts
from planetlab.errors import BadSettings

METHODS = ("password", "capability", "session", "hmac", "anonymous")


@frozen(kw_only=True)
class Wanted:
    """What the options say; None where they say nothing."""

    url: str | None = None
    ca: str | None = None
    method: str | None = None
    user: str | None = None
    password: str | None = None
    password_file: str | None = None
    session: str | None = None
    role: str | None = None
    config: str | None = None
    folder: str | None = None
    facts: str | None = None
    authority: str | None = None
    person: str | None = None


@frozen
class Caller:
    """An interface and its CA, who calls, and how that one is named to people."""

    url: str
    ca: str | None
    auth: Auth
    name: str


def caller(said: Wanted) -> Caller:
    """Whom to call as whom. Raises `BadSettings` when the options do not say, or contradict each other."""
    config = _config(said)
    if config is not None:
        url, ca, own = account(config)
        url = said.url or url
    elif said.url is not None:
        url, ca, own = said.url, None, None
    else:
        url, ca, own = _by_facts(said)
    auth, name = _auth(said, own)
    return Caller(url, said.ca or ca, auth, name)


def _config(said: Wanted) -> pathlib.Path | None:
    """The settings to be read, if an authority's folder or file is named."""
    if said.config is not None:
        return pathlib.Path(said.config)
    if said.folder is not None and said.facts is None:
        return settings_in(said.folder)
    return None


def _by_facts(said: Wanted) -> tuple[str, str | None, dict[str, Any] | None]:
    facts = said.facts or (str(pathlib.Path(said.folder) / FACTS) if said.folder else None)
    known = read_facts(facts)["authorities"]
    name = said.authority or ("plc" if "plc" in known else next(iter(known), ""))
    if name not in known:
        raise BadSettings(f"--authority {name}: the demo has {', '.join(sorted(known))}")
    persons, person = known[name]["persons"], said.person or said.role or "pi"
    if person not in persons:
        raise BadSettings(f"--person {person}: the demo has {', '.join(sorted(persons))}")
    return known[name]["plcapi"], known[name]["ca"], {"AuthMethod": "password", **persons[person]}


def _auth(said: Wanted, own: dict[str, Any] | None) -> tuple[Auth, str]:
    method = said.method or ("session" if said.session else "password" if said.user else None)
    if method is None:
        found = {**own, **({"Role": said.role} if said.role else {})} if own else {"AuthMethod": "anonymous"}
        return Fixed(found), str(found.get("Username", "anonymous"))
    if method == "anonymous":
        return Anonymous(), "anonymous"
    if method == "session":
        if not said.session:
            raise BadSettings("--method session: say which, with --session")
        return Session(said.session), "the holder of a session"
    user = said.user or (own or {}).get("Username")
    if not user:
        raise BadSettings(f"--method {method}: say who calls, with --user")
    word = _password(said, user) if said.user else str((own or {})["AuthString"])
    if method == "hmac":
        if not user.isdigit():
            raise BadSettings(f"--method hmac: --user is a node's number, got {user}")
        return NodeKey(int(user), word), f"node {user}"
    role = {"Role": said.role} if said.role else {}
    if method == "password" and not role:
        return Password(user, word), user
    return Fixed({"AuthMethod": method, "Username": user, "AuthString": word, **role}), user


def _password(said: Wanted, user: str) -> str:
    if said.password is not None:
        return said.password
    if said.password_file:
        try:
            return pathlib.Path(said.password_file).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise BadSettings(f"--password-file {said.password_file} cannot be read: {error.strerror}") from error
    return os.environ.get("PLFED_PASSWORD") or str(click.prompt(f"Password of {user}", hide_input=True, err=True))
