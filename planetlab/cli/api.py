"""``plfed api``: an authority's methods listed, explained, and called from the command line."""

import fnmatch
import json
import pprint
import sys
from collections.abc import Callable
from typing import Any

import click

from planetlab.ask import Anonymous, Ask
from planetlab.cli.calling import authority
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json
from planetlab.cli.target import Target, target_options
from planetlab.errors import BadSettings
from planetlab.introspection import NAMES

LONGEST = 8 << 20  # characters of arguments on standard input


@click.group("api")
def group() -> None:
    """List, explain and call the methods of an authority."""


@group.command("list")
@click.argument("pattern", default="*")
@target_options
@as_json
@errors_told
def list_methods(target: Callable[..., Target], pattern: str, as_json: bool) -> None:
    """List the methods whose names fit PATTERN, like 'Get*' or '*Slice*'."""

    async def work(reactor: Any) -> int:
        names = await _nobody(authority(target(), reactor)).call("system.listMethods")
        found = sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))
        Voice(as_json).result(found, found)
        if not found:
            Voice(as_json).note(f"no method fits {pattern!r}")
        return 0 if found else 1

    run(work)


@group.command("help")
@click.argument("name")
@target_options
@as_json
@errors_told
def help_of(target: Callable[..., Target], name: str, as_json: bool) -> None:
    """Explain method NAME: what it does, who may call it, what it takes and gives."""

    async def work(reactor: Any) -> int:
        ask = _nobody(authority(target(), reactor))
        text = await ask.call("system.methodHelp", name)
        signatures = await ask.call("system.methodSignature", name)
        Voice(as_json).result({"name": name, "help": text, "signatures": signatures}, [text.rstrip("\n")])
        return 0

    run(work)


@group.command("call", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1)
@target_options
@as_json
@errors_told
def call(target: Callable[..., Target], name: str, arguments: tuple[str, ...], as_json: bool) -> None:
    """Call method NAME with ARGUMENTS, the auth struct left out.

    Each argument is JSON; what is none is taken as text, so that `GetSites '["princeton"]'` and `DeleteSite princeton`
    both do what they look like. A single `-` takes all arguments, as one JSON array, from standard input.
    """
    values = _values(arguments)

    async def work(reactor: Any) -> int:
        ask = authority(target(), reactor)
        ask = _nobody(ask) if name in NAMES else ask if ask.auth is not None else ask.as_(Anonymous())
        answer = await ask.call(name, *values)
        Voice(as_json).result(answer, [_shown(answer)])
        return 0

    run(work)


def _nobody(ask: Ask) -> Ask:
    """The same without an auth struct, which the methods of the system do not take."""
    return ask.as_(None)


def _values(said: tuple[str, ...]) -> list[Any]:
    """The arguments as Python has them. Raises `BadSettings` for what XML-RPC cannot carry."""
    if said == ("-",):
        text = sys.stdin.read(LONGEST + 1)
        try:
            values = json.loads(text) if len(text) <= LONGEST else None
        except ValueError as error:
            raise BadSettings(f"-: expected a JSON array of arguments: {error}") from error
        if not isinstance(values, list):
            raise BadSettings(f"-: expected a JSON array of arguments, of at most {LONGEST} characters")
        return values
    return [_value(text) for text in said]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if text[:1] in "[{":
            raise BadSettings(f"{text}: begins as JSON and is none; quote names in it with double quotes") from None
        return text


def _shown(answer: Any) -> str:
    return answer if isinstance(answer, str) else pprint.pformat(answer, width=120, sort_dicts=False)
