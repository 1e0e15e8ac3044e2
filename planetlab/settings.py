"""Settings: one frozen class per service, read from one TOML file, from which the sample file is printed too.

Each field has a type, mostly a default, and a sentence in ``metadata={"doc": …}`` (which says the unit). A nested class
is a table, a tuple of classes an array of tables. A key nobody declared is an error, so a typing error does not pass
for a default. Every error is one sentence that names the file, the key, what was expected and what stands there.
"""

import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

from planetlab.errors import BadSettings, PlanetLabError

T = TypeVar("T")
MOST = 1 << 20  # octets of a settings file


class _Wrong(Exception):
    """A value is not of its declared kind."""


def _exactly(kind: type, said: str) -> Callable[[Any, type], Any]:
    def check(value: Any, _: type) -> Any:
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise _Wrong(f"expected {said}, got {_shown(value)}")
        return value

    return check


def _shown(value: Any) -> str:
    said = json.dumps(value, default=str)
    return said if len(said) <= 60 else said[:57] + "..."


def _parsed(value: Any, kind: Any) -> Any:
    if not isinstance(value, str):
        raise _Wrong(f"expected text, got {_shown(value)}")
    try:
        return kind.parse(value)
    except PlanetLabError as error:
        raise _Wrong(error.detail) from error


def _path(value: Any, _: type) -> Path:
    if not isinstance(value, str):
        raise _Wrong(f"expected a path, got {_shown(value)}")
    return Path(value)


def _is_word(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "parse")


def _is_choice(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is Union or origin is UnionType


def _choice(kind: Any) -> Callable[[Any], Any]:
    """Read ``X | None`` of scalars and classes: TOML has no nil, so what stands there is an ``X``."""
    kinds = [one for one in get_args(kind) if one is not NoneType]

    def read(value: Any) -> Any:
        error: Exception | None = None
        for one in kinds:
            try:
                return _converter.structure(value, one)
            except (_Wrong, BaseValidationError) as wrong:
                error = wrong
        raise error or _Wrong(f"got {_shown(value)}")

    return read


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    scalars = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
    for kind, said in scalars.items():
        converter.register_structure_hook(kind, _exactly(kind, said))
    converter.register_structure_hook(Path, _path)
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook_factory(_is_choice, lambda kind: lambda value, _: _choice(kind)(value))
    converter.register_structure_hook_func(_is_word, _parsed)
    converter.register_unstructure_hook_func(_is_word, str)
    return converter


_converter = _make_converter()


def read(cls: type[T], path: str | os.PathLike[str]) -> T:
    """The settings that the TOML file at ``path`` states. Raises `BadSettings`, one sentence."""
    path = Path(path)
    try:
        if path.stat().st_size > MOST:
            raise BadSettings(f"{path}: expected at most {MOST} octets, got {path.stat().st_size}")
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path}: expected UTF-8: {error.reason} at octet {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path}: expected TOML: {error}") from error
    return structure(cls, stated, str(path))


def structure(cls: type[T], stated: Mapping[str, Any], where: str) -> T:
    """The settings that a parsed document states; ``where`` is told in errors. Raises `BadSettings`."""
    try:
        return _converter.structure(stated, cls)
    except (BaseValidationError, _Wrong, PlanetLabError, ValueError, TypeError, KeyError) as error:
        raise BadSettings(f"{where}: {_sentence(error, cls)}") from error


def _sentence(error: BaseException, cls: type, key: str = "") -> str:
    """What is wrong first: the innermost error, with the keys that lead to it."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = ", ".join(name for name in _keys(error.cl))
        extra = ", ".join(sorted(f"{key}.{name}" if key else name for name in error.extra_fields))
        return f"unknown key {extra}; known are {known}"
    if isinstance(error, BaseValidationError):
        inner = error.exceptions[0]
        for note in getattr(inner, "__notes__", ()):
            if (name := getattr(note, "name", None)) is not None:
                key = f"{key}.{name}" if key else str(name)
            elif (index := getattr(note, "index", None)) is not None:
                key = f"{key}[{index}]"
        return _sentence(inner, cls, key)
    if isinstance(error, KeyError):
        return f"key {key or error.args[0]} is missing"
    if "is not iterable" in str(error):
        return f"{key}: expected an array or a table"
    return f"{f'{key}: ' if key else ''}{error}"


def _keys(cls: Any) -> Iterator[str]:
    return (one.name for one in attrs.fields(attrs.resolve_types(cls)))


def unstructure(settings: Any) -> dict[str, Any]:
    """The settings as TOML values; what is None is left out, for TOML has no word for it."""
    return _pruned(_converter.unstructure(settings))  # type: ignore[no-any-return]  # a class unstructures as a dict


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _pruned(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [_pruned(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_name(key)} = {_toml(member)}" for key, member in value.items()) + "}"
    return repr(value)


def _name(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key) else _toml(key)


def _lines(value: Mapping[str, Any], table: str, cls: Any) -> Iterator[str]:
    """``value`` in TOML, tables last; ``cls`` is what the sentences are taken from, if it is a settings class."""
    known = {one.name: one for one in attrs.fields(attrs.resolve_types(cls))} if attrs.has(cls) else {}
    tables = {key: member for key, member in value.items() if _is_table(member)}
    for key, member in value.items():
        if key not in tables:
            yield from _comment(_doc(known.get(key)))
            yield f"{_name(key)} = {_toml(member)}"
    for key, member in tables.items():
        inner = f"{table}.{_name(key)}" if table else _name(key)
        for one in member if isinstance(member, list) else [member]:
            yield ""
            yield from _comment(_doc(known.get(key)))
            yield f"[[{inner}]]" if isinstance(member, list) else f"[{inner}]"
            yield from _lines(one, inner, _of(known.get(key)))


def _doc(one: Any) -> str:
    return "" if one is None else str(one.metadata.get("doc", ""))


def _of(one: Any) -> Any:
    """The settings class that a field holds, one or many of; or None."""
    kind = None if one is None else one.type
    parts = [part for part in (kind, *get_args(kind)) if isinstance(part, type)]
    return next((part for part in parts if attrs.has(part) and not _is_word(part)), None)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(i, dict) for i in value)
    )


def _comment(said: str) -> Iterator[str]:
    if said:
        yield f"# {said}"


def dumps(settings: Any) -> str:
    """``settings`` as TOML, each key under its sentence."""
    return "\n".join(_lines(unstructure(settings), "", type(settings))).lstrip("\n") + "\n"


def write(settings: Any, path: str | os.PathLike[str], mode: int = 0o600) -> None:
    """Write ``settings`` to ``path``, whole or not at all; ``mode`` keeps secrets from others."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    text = dumps(settings)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sample(cls: type) -> str:
    """The sample file: every key with its sentence and default, commented out; those without a default are named."""
    fields = attrs.fields(attrs.resolve_types(cls))
    out: list[str] = [f"# {(cls.__doc__ or cls.__name__).strip().splitlines()[0]}", ""]
    for one in (*(one for one in fields if _of(one) is None), *(one for one in fields if _of(one) is not None)):
        out += [*_comment(_doc(one)), *(f"# {line}" for line in _sampled(one, "")), ""]
    return "\n".join(out)


def _sampled(one: "attrs.Attribute[Any]", table: str) -> Iterator[str]:
    inner = _of(one)
    if inner is not None:
        name = f"{table}{_name(one.name)}"
        yield f"[{name}]" if one.type is inner else f"[[{name}]]"
        for part in attrs.fields(attrs.resolve_types(inner)):
            yield from _comment(_doc(part))
            yield from _sampled(part, f"{name}.")
        return
    factory = getattr(one.default, "factory", None)  # of attrs.Factory
    default = one.default if factory is None else factory()
    if default is attrs.NOTHING or default is None:
        yield f"{one.name} =        # {_said(one.type)}; {'may be left out' if default is None else 'must be stated'}"
    else:
        yield f"{one.name} = {_toml(_pruned(_converter.unstructure(default)))}"


def _said(kind: Any) -> str:
    if _is_choice(kind):
        return " or ".join(_said(part) for part in get_args(kind) if part is not NoneType)
    return getattr(kind, "__name__", str(kind))
