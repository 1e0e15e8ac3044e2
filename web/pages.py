"""The public pages of an authority as values: what is asked for each, and what is shown of the answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

Row = dict[str, Any]


@frozen
class Column:
    """One column: the record's field, heading, and how a cell is shown (text, link, time, age, count, sum, state)."""

    field: str
    label: str
    kind: str = "text"


@frozen
class Page:
    """A page with one table: ``method`` is asked with ``filter`` for the fields of ``columns``, and nothing else is.

    A method that takes no filter has None; then only the columns' fields are kept of what it answers.
    """

    path: str
    title: str
    caption: str
    method: str
    filter: Mapping[str, Any] | None
    columns: tuple[Column, ...]

    @property
    def fields(self) -> list[str]:
        """The fields to ask for."""
        return [column.field for column in self.columns]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the method is asked with."""
        return () if self.filter is None else (dict(self.filter), self.fields)


SITES = Page(
    "sites",
    "Sites",
    "Organisations with persons, nodes and slices here.",
    "GetSites",
    {"enabled": True},
    (
        Column("login_base", "Login base"),
        Column("name", "Name"),
        Column("url", "Home", "link"),
        Column("node_ids", "Nodes", "count"),
        Column("slice_ids", "Slices", "count"),
    ),
)
NODES = Page(
    "nodes",
    "Nodes",
    "Machines that give slivers, with the state they last reported.",
    "GetNodes",
    {},
    (
        Column("hostname", "Host name"),
        Column("boot_state", "State", "state"),
        Column("last_contact", "Last contact", "time"),
        Column("slice_ids", "Slices", "count"),
    ),
)
SLICES = Page(
    "slices",
    "Slices",
    "What runs here, and where its people say what it is for.",
    "GetSlices",
    {},
    (
        Column("name", "Name"),
        Column("description", "What it is for"),
        Column("url", "More", "link"),
        Column("expires", "Expires", "time"),
        Column("node_ids", "Nodes", "count"),
    ),
)
PAGES = {page.path: page for page in (SITES, NODES, SLICES)}
MENU = (("/", "Front"), *((f"/{page.path}", page.title) for page in PAGES.values()), ("/peers", "Peers"))


def told(page: Page, records: list[Row]) -> list[Row]:
    """The records as the page tells them: lists as their lengths, times as texts in UTC, links that are links."""
    first = page.columns[0].field
    return sorted(
        ({column.field: _cell(column.kind, record.get(column.field)) for column in page.columns} for record in records),
        key=lambda row: str(row[first]),
    )


def age(seconds: int) -> str:
    """How long ago, in the largest unit of which there are two; ``never`` below 0."""
    if seconds < 0:
        return "never"
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def stamp(now: float) -> str:
    """A time as text, in UTC to the second."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cell(kind: str, value: Any) -> Any:
    if kind == "count":
        return len(value or ())
    if kind == "sum":
        return sum(value.values()) if isinstance(value, dict) else 0
    if kind == "age":  # seconds, -1 for never; the page says them in words
        return value if isinstance(value, int) else -1
    if kind == "time":
        return stamp(value) if value else "never"
    if kind == "link":  # a site's or slice's own text: only what leads to a page becomes a link
        return value if str(value).startswith(("http://", "https://")) else ""
    return "" if value is None else value
