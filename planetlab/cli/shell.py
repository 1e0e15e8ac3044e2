"""``plcsh``: the authority's methods as Python functions, at a prompt, for a script, for one line, or in a pipe.

The first argument of every method, the auth struct, is put there by the shell; else calls are written as the reference
shows them: ``GetSites({'login_base': 'princeton'}, ['site_id'])``. What is wrong is told in one line on standard error,
and the shell ends with 1; a script's own ``sys.exit(n)`` ends it with n.
"""

import ast
import os
import pathlib
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from planetlab.cli.caller import METHODS, Wanted, caller
from planetlab.cli.prompt import interact, is_told
from planetlab.cli.remote import Remote, proxy
from planetlab.cli.run import INTERRUPTED, errors_told
from planetlab.errors import BadSettings

Command = Callable[..., Any]

_OPTIONS = (
    click.option("-h", "--url", help="The interface to call, like https://plc.example/PLCAPI/; else that of a demo."),
    click.option("--ca", "--cacert", "ca", help="File with the authority's CA certificate."),
    click.option("-m", "--method", type=click.Choice(METHODS), help="How to authenticate. [password, if --user]"),
    click.option("-u", "--user", help="E-mail address, or with -m hmac a node's number; what has :// is a --url."),
    click.option("-p", "--password", help="The password, for all who see your processes; better is --password-file."),
    click.option("--password-file", type=click.Path(), help="File with the password; else PLFED_PASSWORD, or asked."),
    click.option("-s", "--session", help="The key of a session, in place of a password."),
    click.option("-r", "--role", help="The role to say in the auth struct; of a demo, whom to be."),
    click.option("-f", "--config", type=click.Path(), help="An authority's settings: be its maintenance account."),
    click.option("-d", "--dir", "folder", type=click.Path(), help="Folder of a demo, or of an authority."),
    click.option("--facts", type=click.Path(), help="Facts file of a demo [PLFED_FACTS, or plfed-demo/facts.json]."),
    click.option("--authority", help="Authority of the demo. [plc]"),
    click.option("--person", help="Person of the demo: admin, pi, user or tech. [pi]"),
    click.option("-x", "--xmlrpc", is_flag=True, help="Accepted for old scripts; calls always travel so."),
)


def _options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("shell", context_settings={"help_option_names": ["--help"], "allow_interspersed_args": False})
@click.option("-c", "--command", help="Run this text and end; the value of a single expression is shown.")
@click.argument("script", required=False, type=click.Path(allow_dash=True))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@_options
@errors_told
def shell(command: str | None, script: str | None, arguments: tuple[str, ...], xmlrpc: bool, **said: Any) -> None:
    """Call the authority's methods as functions: at a prompt, in SCRIPT, with -c, or in lines on standard input.

    Methods are functions without their first argument, which says who calls. help(METHOD) shows a method's
    declaration. Calls between begin() and commit() travel as one; commit() gives their answers.
    """
    if said["url"] is None and "://" in (said["user"] or ""):
        said["url"], said["user"] = said["user"], None
    called = caller(Wanted(**said))
    remote = Remote(called.url, proxy(called.url, called.ca), called.auth)
    space = {"__name__": "__main__", "__doc__": None, **remote.space()}
    if command is not None:
        sys.argv = ["-c", *([script] if script else []), *arguments]
        _run(_parsed(command, "-c", shows=_is_expression(command)), "-c", space)
    elif script is not None and script != "-":
        sys.argv = [script, *arguments]
        sys.path.insert(0, str(pathlib.Path(script).absolute().parent))
        space["__file__"] = script
        _run(_parsed(_text(script), script), script, space)
    elif sys.stdin.isatty():
        interact(space, called.name, called.url)
    else:
        _run(_parsed(sys.stdin.read(), "<stdin>", shows=True), "<stdin>", space)


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return False
    return True


def _parsed(text: str, name: str, shows: bool = False) -> list[Any]:
    """What is to be run: the whole text, or statement by statement so that each value shows, as at a prompt."""
    try:
        tree = ast.parse(text.strip() + "\n" if name == "-c" else text, name)
        if not shows:
            return [compile(tree, name, "exec")]
        return [compile(ast.Interactive([statement]), name, "single") for statement in tree.body]
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise BadSettings(f"{name}{line}: {getattr(error, 'msg', error)}") from error


def _run(codes: list[Any], name: str, space: dict[str, Any]) -> None:
    try:
        for code in codes:
            exec(code, space)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # a script may raise anything; it is told with its line
        if is_told(error):
            raise
        raise BadSettings(f"{_place(error, name)}: {type(error).__name__}: {error}") from error


def _place(error: Exception, name: str) -> str:
    """Where in the script it went wrong."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return f"{name}:{lines[-1]}" if lines else name


def _text(script: str) -> str:
    try:
        return pathlib.Path(script).read_text(encoding="utf-8")
    except OSError as error:
        raise BadSettings(f"{script} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSettings(f"{script} is no text: {error}") from error


def main() -> None:
    """The command ``plcsh``."""
    shell(prog_name="plcsh")
