"""``plcsh``: the authority's methods as Python functions, at a prompt, for a script, or for one line.

The first argument of every method, the auth struct, is put there by the shell; else calls are written as the reference
shows them: ``GetSites({'login_base': 'princeton'}, ['site_id'])``.
"""

import code
import pathlib
import ssl
import sys
import xmlrpc.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from planetlab.cli.run import errors_told
from planetlab.cli.target import Target, target_options
from planetlab.errors import BadSettings, Unreachable

PATIENCE = 30.0  # seconds for one call


class _Https(xmlrpc.client.SafeTransport):
    def make_connection(self, host: Any) -> Any:
        connection = super().make_connection(host)
        connection.timeout = PATIENCE
        return connection


class _Http(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> Any:
        connection = super().make_connection(host)
        connection.timeout = PATIENCE
        return connection


def proxy(target: Target) -> xmlrpc.client.ServerProxy:
    """A client of ``target``; over TLS it trusts the target's own CA and nobody else."""
    if urlsplit(target.url).scheme == "https":
        context = ssl.create_default_context(cafile=target.ca)
        return xmlrpc.client.ServerProxy(target.url, _Https(context=context), allow_none=True)
    return xmlrpc.client.ServerProxy(target.url, _Http(), allow_none=True)


def names(target: Target) -> dict[str, Any]:
    """What a script of the shell finds: a function per method, ``api`` with all of them, ``auth``."""
    api = proxy(target)
    try:
        methods = api.system.listMethods()
    except (OSError, xmlrpc.client.ProtocolError) as error:
        raise Unreachable(f"{target.url} does not answer: {error}") from error
    assert isinstance(methods, list)
    found: dict[str, Any] = {"api": api, "auth": target.auth}
    for name in map(str, methods):
        if "." not in name:
            found[name] = _bound(api, name, target.auth)
    return found


def _bound(api: xmlrpc.client.ServerProxy, name: str, auth: dict[str, str]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        return getattr(api, name)(auth, *arguments)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{name}(…): `print(api.system.methodHelp({name!r}))` tells more."
    return call


@click.command("shell")
@click.option("-c", "--command", help="Run this text and end.")
@click.argument("script", required=False, type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@target_options
@errors_told
def shell(target: Callable[..., Target], command: str | None, script: str | None, arguments: tuple[str, ...]) -> None:
    """Call the authority's methods as functions: at a prompt, in SCRIPT, or with -c."""
    found = {"__name__": "__main__", "__doc__": None, **names(target())}
    if command is not None:
        exec(compile(command, "-c", "exec"), found)
    elif script is not None:
        sys.argv = [script, *arguments]
        exec(compile(_text(script), script, "exec"), found)
    else:
        who = found["auth"].get("Username", "anonymous")
        code.interact(f"plcsh: {len(found)} names, called as {who}. Ctrl-D ends.", local=found, exitmsg="")


def _text(script: str) -> str:
    try:
        return pathlib.Path(script).read_text(encoding="utf-8")
    except OSError as error:
        raise BadSettings(f"{script} cannot be read: {error.strerror}") from error


def main() -> None:
    """The command ``plcsh``."""
    shell(prog_name="plcsh")
