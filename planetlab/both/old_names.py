"""Methods that the last release no longer exports and clients in the field still call, made from a table of rows."""

from typing import Any

from attrs import evolve, frozen

from planetlab.both.old_rows import ROWS, Names, Old
from planetlab.calls import Call
from planetlab.methods import Api, Argument, Method
from planetlab.shapes import Of, Shape


@frozen
class _Renamed:
    """A shape whose struct members, filter keys or listed names are called otherwise on the wire."""

    inner: Shape
    names: Names

    @property
    def wire(self) -> str:
        return self.inner.wire

    def text(self) -> str:
        return self.inner.text()

    def read(self, value: Any, where: str) -> Any:
        if isinstance(value, dict):
            value = {_named(key, self.names): item for key, item in value.items()}
            if "-SORT" in value:
                value["-SORT"] = _sorted_by(value["-SORT"], self.names)
        elif isinstance(value, list) and where == "return_fields":
            value = [_named(item, self.names) if isinstance(item, str) else item for item in value]
        return self.inner.read(value, where)


def _named(said: str, names: Names) -> str:
    """``said`` by its new name; the prefixes of a filter's key stay before it."""
    bare = said.lstrip("~<>[]&|")
    return said[: len(said) - len(bare)] + names.get(bare, bare)


def _sorted_by(said: Any, names: Names) -> Any:
    """What a filter sorts by, under new names; each may have a sign before it."""
    if isinstance(said, list):
        return [_sorted_by(each, names) for each in said]
    if not isinstance(said, str):
        return said
    bare = said.lstrip("+-")
    return said[: len(said) - len(bare)] + names.get(bare, bare)


def api_of(today: Api) -> Api:
    """The old names of the methods in ``today``."""
    api = Api()
    for row in ROWS:
        if row.new in today:
            api.add(_method(row, today[row.new]))
    return api


def _method(row: Old, new: Method) -> Method:
    accepts = list(new.accepts)
    if row.packs:
        kept, struct = accepts[: row.keeps], accepts[row.keeps]
        packed = [Argument(name, _member(struct.shape, row.renames.get(name, name))) for name in row.packs]
        accepts = [*kept, *packed, Argument(struct.name, struct.shape, optional=True, default={})]
    if row.order:
        accepts = [accepts[row.order.index(place)] for place in range(len(row.order))]
    renamed = tuple(evolve(argument, shape=_Renamed(argument.shape, row.renames)) for argument in accepts)
    return evolve(
        new,
        name=row.name,
        accepts=renamed if row.renames else tuple(accepts),
        body=_body(row, new),
        doc=f"Do as {new.name} does; its name until release 4.",
        status="removed",
        example=None,
    )


def _member(struct: Shape, name: str) -> Shape:
    """The shape of a member; what today's struct does not know was a text, and is not kept."""
    return getattr(struct, "members", {}).get(name, Of(str, nil=True))


def _body(row: Old, new: Method) -> Any:
    back = {today: old for old, today in row.renames.items()}

    def body(call: Call, *args: Any) -> Any:
        said = list(args)
        if row.packs:
            kept, values, rest = (
                said[: row.keeps],
                said[row.keeps :][: len(row.packs)],
                said[row.keeps + len(row.packs) :],
            )
            named = {row.renames.get(name, name): value for name, value in zip(row.packs, values, strict=True)}
            said = [*kept, {**(rest[0] if rest and isinstance(rest[0], dict) else {}), **named}]
        if row.order:
            said = [said[place] for place in row.order]
        if back:
            call.store.for_wire = False  # the members of its rows get their old names below
        return _told(new.body(call, *said), back)

    return body


def _told(value: Any, names: Names) -> Any:
    if not names or not isinstance(value, list):
        return value
    return [{names.get(key, key): item for key, item in row.items()} if isinstance(row, dict) else row for row in value]
