"""Whom a command speaks to, and as whom: said by options, or taken from the facts file of a running demo."""

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import click
from attrs import frozen

from planetlab.cli.facts import FACTS
from planetlab.cli.maintenance import account, settings_in
from planetlab.errors import BadSettings

DEFAULT_DIR = "plfed-demo"


@frozen
class Target:
    """An interface of an authority, the authority's own CA, and who calls."""

    url: str
    ca: str | None
    username: str | None
    password: str | None = None
    method: str = "password"

    @property
    def auth(self) -> dict[str, str]:
        """The auth struct that calls begin with; anonymous for a caller that gave no name."""
        if self.username is None:
            return {"AuthMethod": "anonymous"}
        return {"AuthMethod": self.method, "Username": self.username, "AuthString": self.password or ""}


def facts_path(said: str | None) -> pathlib.Path:
    """Where the facts of a demo are: as said, as ``PLFED_FACTS`` says, or in the demo's usual folder."""
    return pathlib.Path(said or os.environ.get("PLFED_FACTS") or pathlib.Path(DEFAULT_DIR) / FACTS)


def read_facts(said: str | None) -> dict[str, Any]:
    """What a demo wrote about itself. Raises `BadSettings` when there is none."""
    path = facts_path(said)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadSettings(
            f"{path} does not exist: start `plfed demo` here, name a folder with --dir, or say --url, --ca and --user"
        ) from error
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path} cannot be read: {error}") from error
    if not isinstance(facts, dict) or not isinstance(facts.get("authorities"), dict):
        raise BadSettings(f"{path} is no facts file of a demo: expected an object with authorities")
    return facts


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which a command is told whom to call; they arrive as one argument ``target``."""

    def gathered(**options: Any) -> Any:
        names = ("url", "ca", "user", "password_file", "folder", "facts", "authority", "person")
        said = {name: options.pop(name) for name in names}
        return command(target=lambda interface="plcapi": target(interface, **said), **options)

    gathered.__doc__ = command.__doc__
    gathered.__name__ = command.__name__
    gathered.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]  # click's own
    decorated: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS = (
    click.option("--url", help="The interface, like https://plc.example/PLCAPI/ [PLFED_URL]; else that of a demo."),
    click.option("--ca", help="File with the authority's CA certificate [PLFED_CA]."),
    click.option("--user", help="E-mail address to sign in with [PLFED_USER]."),
    click.option("--password-file", type=click.Path(), help="File with the password; else PLFED_PASSWORD, or asked."),
    click.option("--dir", "folder", type=click.Path(), help="Folder of a demo, or of an authority: be its operator."),
    click.option("--facts", type=click.Path(), help="Facts file of a demo [PLFED_FACTS, or plfed-demo/facts.json]."),
    click.option("--authority", default="plc", show_default=True, help="Authority of the demo."),
    click.option("--person", default="pi", show_default=True, help="Person of the demo: admin, pi, user or tech."),
)


def target(
    interface: str,
    *,
    url: str | None,
    ca: str | None,
    user: str | None,
    password_file: str | None,
    folder: str | None = None,
    facts: str | None,
    authority: str,
    person: str,
) -> Target:
    """Whom to call: as the options, the environment or a demo say. Raises `BadSettings` when none of them does."""
    if not (url or folder or facts or os.environ.get("PLFED_FACTS")) and os.environ.get("PLFED_URL"):
        url, ca = os.environ["PLFED_URL"], ca or os.environ.get("PLFED_CA")
        user = user or os.environ.get("PLFED_USER")
    if folder and not url:
        settings = settings_in(folder)
        if settings is not None:
            return _operator(settings, user, password_file)
        facts = facts or str(pathlib.Path(folder) / FACTS)
    if url:
        return Target(url, ca, user, _password(user, password_file) if user else None)
    known = read_facts(facts)["authorities"]
    if authority not in known:
        raise BadSettings(f"--authority {authority}: the demo has {', '.join(sorted(known))}")
    chosen = known[authority]
    persons = chosen["persons"]
    if user is None and person not in persons:
        raise BadSettings(f"--person {person}: the demo has {', '.join(sorted(persons))}")
    name = user or persons[person]["Username"]
    word = _password(user, password_file) if user else persons[person]["AuthString"]
    return Target(chosen[interface], chosen["ca"], name, word)


def _operator(settings: pathlib.Path, user: str | None, password_file: str | None) -> Target:
    """The authority with these settings, called as its maintenance account unless a person is named."""
    url, ca, own = account(settings)
    if user:
        return Target(url, ca, user, _password(user, password_file))
    if not own:
        raise BadSettings(f"{settings} names no maintenance_user: say --user")
    return Target(url, ca, own["Username"], own["AuthString"], own["AuthMethod"])


def _password(user: str | None, file: str | None) -> str:
    if file:
        try:
            return pathlib.Path(file).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise BadSettings(f"--password-file {file} cannot be read: {error.strerror}") from error
    return os.environ.get("PLFED_PASSWORD") or str(click.prompt(f"Password of {user}", hide_input=True, err=True))
