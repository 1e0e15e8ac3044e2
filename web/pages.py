"""The public pages of an authority as values: what is asked for each, and what is shown of the answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

Row = dict[str, Any]


@frozen
class Column:
    """One column: the record's field, its heading, and how a cell is shown (text, link, time or state)."""

    field: str
    label: str
    kind: str = "text"


@frozen
class Page:
    """A page with one table: ``method`` is asked with ``filter`` for the fields of ``columns``, and nothing else is."""

    path: str
    title: str
    caption: str
    method: str
    filter: Mapping[str, Any]
    columns: tuple[Column, ...]

    @property
    def fields(self) -> list[str]:
        """The fields to ask for."""
        return [column.field for column in self.columns]


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
MENU = (("/", "Front"), *((f"/{page.path}", page.title) for page in PAGES.values()))


def told(page: Page, records: list[Row]) -> list[Row]:
    """The records as the page tells them: lists as their lengths, times as texts in UTC, links that are links."""
    first = page.columns[0].field
    return sorted(
        ({column.field: _cell(column.kind, record.get(column.field)) for column in page.columns} for record in records),
        key=lambda row: str(row[first]),
    )


def stamp(now: float) -> str:
    """A time as text, in UTC to the second."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cell(kind: str, value: Any) -> Any:
    if kind == "count":
        return len(value or ())
    if kind == "time":
        return stamp(value) if value else "never"
    if kind == "link":  # a site's or slice's own text: only what leads to a page becomes a link
        return value if str(value).startswith(("http://", "https://")) else ""
    return "" if value is None else value
