"""Answers become HTML, JSON, CSV or plain text; the same rows in each."""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from auditd import tell, written, zones
from auditd.answers import MOST_STRUCTS, PAGE, Answer
from auditd.asking import Query
from auditd.clean import cell, line
from auditd.settings import Settings

KINDS = {
    "html": "text/html", "json": "application/json", "csv": "text/csv", "txt": "text/plain", "xarf": "application/json",
    "statement": "text/plain",
}  # fmt: skip

BUDGET = 30_000  # bytes of a page for people
FEWEST = 5  # rows of a table that it shows at least
PIECE, FLOWS = 500, 2500  # rows, flows that are told at once, in some milliseconds
KEPT = ("from", "until", "skew", "slice", "port", "protocol", "zone")  # of a query: what links to the same page keep


class Renderer:
    """The templates, read once."""

    def __init__(self, settings: Settings, desk: bool = False, can_pause: bool = False) -> None:
        """``desk``: whether cases can be opened here; ``can_pause``: whether strangers may pause."""
        self.desk, self.can_pause = desk, can_pause
        self._settings = settings
        self._templates = Environment(
            loader=PackageLoader("auditd"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters.update(
            local=zones.told, octets=tell.octets, seen=line, path=lambda text: quote(str(text), safe=":/")
        )
        self._style = self._templates.get_template("style.css").render()
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self.policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )

    def html(self, answer: Answer, state: dict[str, Any], page: int, path: str, query: Query, rows: int = PAGE) -> str:
        """A page for people: ``page`` of the table, counted from 1; ``query``: what was asked, which links keep.

        Where ``rows`` of the table would make it larger than `BUDGET`, it shows fewer, beginning with the same.
        """
        told = self._html(answer, state, page, path, query, rows)
        longer = len(answer.table) > rows // 2 or answer.shortened
        while len(told.encode("utf-8", "replace")) > BUDGET and rows > FEWEST and longer:
            page, rows = 2 * page - 1, rows // 2
            told = self._html(answer, state, page, path, query, rows)
        return told

    def _html(self, answer: Answer, state: dict[str, Any], page: int, path: str, query: Query, rows: int) -> str:
        pages = max(1, -(-len(answer.table) // rows))
        shown = answer.table[(page - 1) * rows : page * rows]
        everywhere = {"desk": self.desk, "can_pause": self.can_pause, "settings": self._settings, "style": self._style}
        table = {"table": shown, "rows": len(answer.table), "page": page, "pages": pages}
        kept = [(name, query[name]) for name in KEPT if query.get(name)]
        asked = {
            "zone": zones.read(query.get("zone", "")), "zone_told": query.get("zone", "").strip(),
            "kept": f"?{urlencode(kept)}" if kept else "", "asked_fields": [each for each in kept if each[0] != "zone"],
            "fields": {name: query.get(name, "") for name in KEPT},
            "more_kept": f"&rows={rows}" if rows != PAGE else "",
        }  # fmt: skip
        shorter = {name: answer.facts[name][: len(answer.facts[name]) * rows // PAGE] for name in answer.shortened}
        return self._templates.get_template(answer.template).render(
            **{**everywhere, **state, **table, **asked, "title": answer.title, "path": path, **answer.facts, **shorter}
        )

    def json(self, answer: Answer) -> Iterator[str]:
        """For programs, in pieces."""
        told = _json(answer.json)
        if answer.rows is None:
            yield f"{told}\n"
            return
        before = f'{told[:-1]},"{answer.rows_name}":[' if answer.rows_name else "["
        after = "]}\n" if answer.rows_name else "]\n"
        most = min(len(answer.rows), answer.most_rows)
        step = FLOWS if isinstance(answer.rows, tell.Flows) else PIECE
        for begin in range(0, most, step):
            end = min(begin + step, most)
            yield f"{before}{self._some(answer.rows, slice(begin, end))}{after if end == most else ''}"
            before = ","
        if not most:
            yield before + after

    def _some(self, rows: Sequence[dict[str, Any]], at: slice) -> str:
        """Some rows for programs, commas between."""
        return written.flows(*rows.rows(at)) if isinstance(rows, tell.Flows) else _json(rows[at])[1:-1]

    def xarf(self, reports: list[dict[str, Any]]) -> str:
        """For abuse desks: an array of reports."""
        return json.dumps(reports, ensure_ascii=True, indent=1) + "\n"

    def csv(self, answer: Answer) -> Iterator[str]:
        """For tables: a head line, then a line per row; in pieces."""
        yield _lines([answer.columns])
        for begin in range(0, min(len(answer.table), MOST_STRUCTS), PIECE):
            some = answer.table[begin : min(begin + PIECE, MOST_STRUCTS)]
            yield _lines([cell(_plain(struct[name])) for name in answer.columns] for struct in some)

    def txt(self, answer: Answer, state: dict[str, Any]) -> str:
        """For terminals: what every page says first, then the table in columns."""
        lines = [answer.title, f"{state['now_utc']} (UTC), the hour since {state['since_utc']}"]
        if state["simulated"]:
            lines.append("SIMULATED: this node reads a recording, not its own packets.")
        lines += [
            f"GAP {gap['since_utc']} to {gap['until_utc']}: {gap['reason']}" for gap in state["gaps"]
        ]  # fmt: skip
        cells = [
            [*answer.columns],
            *[[line(_plain(s[name]), 60) for name in answer.columns] for s in answer.table[:1000]],
        ]
        widths = [max(map(len, column)) for column in zip(*cells[:1000], strict=True)] if answer.columns else []
        lines += ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells[:1000]]
        return "\n".join(text.rstrip() for text in lines) + "\n"


def _json(told: Any) -> str:
    return json.dumps(told, ensure_ascii=True, separators=(",", ":"))


def _lines(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else value
