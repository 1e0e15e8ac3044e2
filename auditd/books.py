"""The cases on disk: complaints, pauses, what happened to them, and the letters that still have to go out."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from auditd.cases import Case, Event, State
from planetlab.books import opened

VERSION = 1
_KEPT = 90 * 86400.0  # seconds that a case is kept


@frozen
class Outgoing:
    """A letter that is due: what about, and how often it was tried."""

    number: str  # of the case
    kind: str  # new, overdue, answered
    tries: int


class Books:
    """One node's cases. Times are seconds since the epoch."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the file. Raises `BadSettings` when it cannot be used."""
        self._db = opened(path, "the audit's cases", files("auditd") / "schema" / "cases-1.sql", VERSION)

    def keep(self, case: Case, event: Event, *letters: str) -> None:
        """Write a case as it is now, with what happened to it and the kinds of letters that are due for it."""
        told = {**asdict(case), "state": str(case.state)}
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT OR REPLACE INTO cases (number, token, owner_token, opened, network, pause_until, state, told) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (case.number, case.token, case.owner_token, case.opened, case.network, case.pause_until,
                 str(case.state), json.dumps(told)),
            )  # fmt: skip
            self._db.execute(
                "INSERT INTO events (number, at, who, what, text) VALUES (?, ?, ?, ?, ?)",
                (case.number, event.at, event.who, event.what, event.text),
            )
            for kind in letters:
                self._db.execute("INSERT OR IGNORE INTO letters (number, kind) VALUES (?, ?)", (case.number, kind))

    def by_token(self, token: str) -> tuple[Case, bool] | None:
        """The case that ``token`` opens, and whether it is the owner's."""
        found = self._db.execute(
            "SELECT told, owner_token FROM cases WHERE token = ? OR owner_token = ?", (token, token)
        ).fetchone()
        return (_case(found[0]), found[1] == token) if found else None

    def by_number(self, number: str) -> Case:
        """The case of this number."""
        return _case(self._db.execute("SELECT told FROM cases WHERE number = ?", (number,)).fetchone()[0])

    def events(self, number: str) -> list[Event]:
        """What happened to a case, oldest first."""
        found = self._db.execute("SELECT at, who, what, text FROM events WHERE number = ? ORDER BY id", (number,))
        return [Event(*row) for row in found]

    def opened_since(self, since: float, network: str = "", pauses: bool = False) -> int:
        """How many cases were opened, of one network or of all; ``pauses``: of those, the ones with a pause."""
        return int(
            self._db.execute(
                "SELECT count(*) FROM cases "
                "WHERE opened > ? AND (? = '' OR network = ?) AND (? = 0 OR pause_until > 0)",
                (since, network, network, int(pauses)),
            ).fetchone()[0]
        )

    def paused(self, now: float) -> list[Case]:
        """The cases whose pause is in force."""
        return [_case(row[0]) for row in self._db.execute("SELECT told FROM cases WHERE pause_until > ?", (now,))]

    def unanswered(self) -> list[Case]:
        """The cases that somebody should still answer."""
        found = self._db.execute("SELECT told FROM cases WHERE state IN ('new', 'forwarded', 'seen')")
        return [_case(row[0]) for row in found]

    def due(self, now: float) -> list[Outgoing]:
        """The letters to send now, in the order in which they were due."""
        found = self._db.execute(
            "SELECT number, kind, tries FROM letters WHERE sent IS NULL AND not_before <= ? ORDER BY id LIMIT 20",
            (now,),
        )
        return [Outgoing(*row) for row in found]

    def sent(self, letter: Outgoing, now: float) -> None:
        """The relay has taken it."""
        self._db.execute("UPDATE letters SET sent = ? WHERE number = ? AND kind = ?", (now, letter.number, letter.kind))

    def later(self, letter: Outgoing, not_before: float) -> None:
        """It could not be handed in; try again then."""
        self._db.execute(
            "UPDATE letters SET tries = tries + 1, not_before = ? WHERE number = ? AND kind = ?",
            (not_before, letter.number, letter.kind),
        )

    def forget(self, now: float) -> None:
        """Drop cases that are old."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for table in ("letters", "events"):
                self._db.execute(
                    f"DELETE FROM {table} WHERE number IN (SELECT number FROM cases WHERE opened < ?)", (now - _KEPT,)
                )
            self._db.execute("DELETE FROM cases WHERE opened < ?", (now - _KEPT,))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def _case(text: str) -> Case:
    told: dict[str, Any] = json.loads(text)
    told["slices"] = tuple((name, authority) for name, authority in told["slices"])
    told["flows"] = tuple(told["flows"])
    return Case(**{**told, "state": State(told["state"])})
