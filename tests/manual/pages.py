"""What a page says: the declaration, the faults that calls without it got, and one call with its answer.

Every call is made twice, in two registries with secrets of their own; where the answers differ, the page has an
ellipsis, so that it says only what is so each time.
"""

import pprint
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from planetlab.methods import Argument, Method
from planetlab.shapes import ListOf, Shape, Struct
from tests.manual.refusals import Refusal

WIDTH = 100
LONGEST = 400  # characters of a string that are shown
HALVES = {
    "SA": "the slice authority, at `/SA/` and `/PLCAPI/`",
    "MA": "the management authority, at `/MA/` and `/PLCAPI/`",
    "BOTH": "both authorities, at `/SA/`, `/MA/` and `/PLCAPI/`",
    "GEN": "every interface itself",
}
CALLERS = {
    "admin": "an administrator", "pi": "the site's PI", "user": "a user of the site", "tech": "a tech of the site",
    "node": "the node node1.princeton.example, with its key", "nobody": "nobody in particular",
    "a session": "the PI, by a session",
}  # fmt: skip


@frozen
class _Differs:
    """What is not the same each time."""

    text: str

    def __repr__(self) -> str:
        return self.text


@frozen
class Asked:
    """A call that was made, and what came: an answer, or a fault's code and text."""

    name: str
    args: tuple[Any, ...]
    answer: Any


@frozen
class Page:
    """One method's."""

    method: Method | None
    half: str
    signature: str
    doc: str
    who: str
    calls: tuple[Asked, ...]
    faults: tuple[tuple[int, str], ...] = ()
    refusals: tuple[Refusal, ...] = ()


def same(one: Any, other: Any, timed: bool = False) -> Any:
    """What two answers have in common."""
    if isinstance(one, float) and timed:
        return _Differs("…")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [same(mine, yours, timed) for mine, yours in zip(one, other, strict=True)]
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return {key: same(one[key], other[key], timed) for key in one}
    if isinstance(one, str):
        return _shorter(one, other)
    return one if one == other else _Differs("…")


def _shorter(one: str, other: Any) -> str:
    """The lines that two texts begin with alike, as long as they can be shown."""
    if one == other:
        return one if len(one) <= LONGEST else one[:LONGEST] + "…"
    lines = one.splitlines(keepends=True), str(other).splitlines(keepends=True)
    kept = []
    for mine, yours in zip(*lines, strict=False):
        if mine != yours:
            break
        kept.append(mine)
    return "".join(kept)[:LONGEST] + "…"


def shown(asked: Asked) -> str:
    """A call and its answer as `plcsh` shows them."""
    args = ", ".join(pprint.pformat(arg, width=WIDTH, sort_dicts=False) for arg in asked.args)
    call = f">>> {asked.name}({args})".replace("\n", "\n... ")
    return f"{call}\n{pprint.pformat(asked.answer, width=WIDTH, sort_dicts=False)}"


def text(name: str, page: Page) -> str:
    """The page as Markdown."""
    lines = [f"# {name}", "", "    " + page.signature, "", page.doc, "", f"Answered by {HALVES[page.half]}."]
    if page.method is not None:
        lines += _declared(page.method)
    lines += ["", "## Example", "", f"Called by {CALLERS[page.who]}.", "", "```python"]
    lines += [shown(asked) for asked in page.calls]
    return "\n".join([*lines, "```", ""])


def _declared(method: Method) -> list[str]:
    said = []
    if method.status != "current":
        said.append("Deprecated.")
    said.append(f"Roles: {', '.join(sorted(method.roles)) or 'any'}.")
    if method.auth and "any" not in method.auth:
        said.append(f"Authenticates by {' or '.join(method.auth)} only.")
    if method.reads:
        said.append("Changes nothing.")
    arguments = [line for argument in method.wire_arguments for line in _argument(argument)]
    returns = [f"`{_brief(method.returns)}`{_told(method.returns)}", *_members(method.returns)]
    return [" ".join(said), "", "## Arguments", "", *arguments, "", "## Returns", "", *returns]


def _argument(argument: Argument) -> list[str]:
    if argument.name == "auth":
        return ["* `auth`: the struct that says who calls"]
    optional = ", may be left out" if argument.optional else ""
    head = f"* `{argument.name}`: `{_brief(argument.shape)}`{optional}{_told(argument.shape)}"
    return [head, *(f"    {line}" for line in _members(argument.shape) if line)]


def _brief(shape: Shape) -> str:
    """The type, without the members that stand below it."""
    if isinstance(shape, Struct) and not shape.name:
        return "struct"
    if isinstance(shape, ListOf) and len(shape.items) == 1 and not shape.nil:
        return f"[{_brief(shape.items[0])}]"
    return shape.text()


def _members(shape: Shape) -> list[str]:
    """A line for each member of a struct, or of the structs in a list."""
    while isinstance(shape, ListOf) and len(shape.items) == 1 and not shape.nil:
        shape = shape.items[0]
    if not isinstance(shape, Struct) or shape.name or not shape.members:
        return []
    return ["", *(f"* `{name}`: `{inner.text()}`{_told(inner)}" for name, inner in sorted(shape.members.items()))]


def _told(shape: Shape) -> str:
    said = getattr(shape, "doc", "")
    return f" – {said}" if said else ""


def with_faults(page: Page, name: str) -> str:
    """The page with the faults that calls got which were not as declared."""
    head, example, rest = text(name, page).partition("## Example")
    if not page.faults:
        return head + example + rest
    rows = [f"* {code}: `{said}`" for code, said in page.faults]
    if page.refusals:
        rows += ["", "Told to calls that were as declared, and to others:", ""]
        rows += [f"* {one.code}: `{one.text}`, {one.call}".replace("\n", " ") for one in page.refusals]
    return "\n".join([f"{head}## Faults", "", *rows, "", f"{example}{rest}"])


def index(pages: Mapping[str, Page]) -> str:
    """The first page: every method with its sentence, by who answers it."""
    lines = ["# The PLC API, method by method", "", _INTRODUCTION]
    for half, by in HALVES.items():
        names = sorted(name for name, page in pages.items() if page.half == half)
        lines += ["", f"## Answered by {by}: {len(names)}", ""]
        lines += [f"* [{name}]({name}.md): {pages[name].doc.splitlines()[0]}" for name in names]
    return "\n".join([*lines, ""])


_INTRODUCTION = """\
Each page has the declaration that the server checks calls by, faults that it answered calls with, and a call that was
made, with what it was answered. The faults are those of calls that the tests make: not as declared, of things that are
not there or there already, beyond limits, or by whom it is not for. `make docs` makes the calls and writes the pages; a
test makes them again and compares. All begin with the same small registry, at the same time; where an answer is not the
same each time, as a key or a signature is not, a page has an ellipsis. Calls are shown as in `plcsh`, which puts the
first argument, `auth`, there by itself."""
