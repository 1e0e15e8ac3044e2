"""Whom `plcsh` calls, and as whom: by the original's options, by a demo's facts, or by an authority's own folder."""

import os
import pathlib
import tomllib
from typing import Any
from urllib.parse import urlsplit

import click
from attrs import frozen

from planetlab.auth import Anonymous, Auth, NodeKey, Password, Session
from planetlab.cli.remote import Fixed
from planetlab.cli.target import FACTS, read_facts
from planetlab.errors import BadSettings

METHODS = ("password", "capability", "session", "hmac", "anonymous")
SETTINGS = ("slice_authority.toml", "mgmt_authority.toml")


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
        url, ca, own = _by_settings(config)
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
    if said.folder is not None and said.facts is None and not (pathlib.Path(said.folder) / FACTS).exists():
        there = [pathlib.Path(said.folder) / name for name in SETTINGS]
        found = next((path for path in there if path.exists()), None)
        if found is None:
            raise BadSettings(f"--dir {said.folder}: expected a demo's {FACTS}, or an authority's {SETTINGS[0]}")
        return found
    return None


def _by_settings(path: pathlib.Path) -> tuple[str, str | None, dict[str, Any]]:
    """An authority of this machine, called as its maintenance account, as its operators do."""
    try:
        known = tomllib.loads(path.read_text(encoding="utf-8"))
        where = known["listen"][0]
        port = int(where.split(":")[1])
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise BadSettings(f"{path} is no authority's settings: expected TOML with listen = ['tcp:PORT…']") from error
    host = urlsplit(str(known.get("sibling", ""))).hostname or "127.0.0.1"
    words = known.get("maintenance_user"), known.get("maintenance_password")
    own = {"AuthMethod": "capability", "Username": words[0], "AuthString": words[1]} if all(words) else None
    return f"https://{host}:{port}/PLCAPI/", str(known["ca"]) if "ca" in known else None, own or {}


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
