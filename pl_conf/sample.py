"""The sample of an owner's policy file, printed from the classes of `pl_conf.policy`."""

import json
from typing import Any

from attrs import NOTHING, Attribute, fields

from pl_conf.policy import Ceilings, Names, Policy, Root, Window

TABLES: tuple[tuple[str, type], ...] = (("sliver", Ceilings), ("allow", Names), ("deny", Names))
ARRAYS: tuple[tuple[str, type], ...] = (("root", Root), ("calendar", Window))
HEAD = """\
# The owner's rules for this node. What is commented out stands at its default.
# The file is read again when it changes; one that cannot be used leaves the last rules in force.
# The narrowest of all ceilings counts: sliver, root, calendar.
"""


def policy_sample() -> str:
    """The whole file: every key with its sentence and its default; one empty entry of each array of tables."""
    tables = dict(TABLES)
    parts = [HEAD, *(_line(each) for each in fields(Policy) if each.name not in tables | dict(ARRAYS))]
    sentences = {each.name: each.metadata.get("doc", "") for each in fields(Policy)}
    for name, kind in TABLES:
        parts += [f"\n# {sentences[name]}\n[{name}]\n", *map(_line, fields(kind))]
    for name, kind in ARRAYS:
        parts += [f"\n# {sentences[name]}; one such table for each\n# [[{name}]]\n", *map(_line, fields(kind))]
    return "".join(parts)


def _line(each: "Attribute[Any]") -> str:
    value = "" if each.default is NOTHING else json.dumps(each.default)  # JSON's scalars and arrays are TOML's
    return f"# {each.metadata.get('doc', '')}\n# {each.name} = {value}\n"
