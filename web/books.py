"""The opt-out list on disk: which networks want no packets, from when until when."""

from importlib.resources import files
from pathlib import Path

from attrs import frozen

from planetlab.books import opened

VERSION = 1
_KEPT = 90 * 86400.0  # seconds that one is kept after its end, for those who ask what became of it


@frozen(kw_only=True)
class OptOut:
    """One network's wish. Times are seconds since the epoch."""

    token: str
    prefix: str
    asked_from: str  # the network that the connection proved
    made: float
    until: float
    why: str = ""


class OptOuts:
    """All of them."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the file. Raises `BadSettings` when it cannot be used."""
        self._db = opened(path, "the opt-out list", files("web") / "schema" / "optouts-1.sql", VERSION)

    def add(self, optout: OptOut) -> None:
        """Write one down, and forget those that ended long ago."""
        values = (optout.token, optout.prefix, optout.asked_from, optout.made, optout.until, optout.why)
        self._db.execute("DELETE FROM optouts WHERE until < ?", (optout.made - _KEPT,))
        self._db.execute("INSERT INTO optouts VALUES (?, ?, ?, ?, ?, ?)", values)

    def end(self, token: str, now: float) -> None:
        """It shall hold no longer."""
        self._db.execute("UPDATE optouts SET until = ? WHERE token = ? AND until > ?", (now, token, now))

    def by_token(self, token: str) -> OptOut | None:
        """The one that ``token`` opens."""
        found = self._db.execute(
            "SELECT token, prefix, asked_from, made, until, why FROM optouts WHERE token = ?", (token,)
        ).fetchone()
        names = ("token", "prefix", "asked_from", "made", "until", "why")
        return OptOut(**dict(zip(names, found, strict=True))) if found else None

    def made_since(self, since: float, asked_from: str = "") -> int:
        """How many were made, by one network or by all."""
        return int(
            self._db.execute(
                "SELECT count(*) FROM optouts WHERE made > ? AND (? = '' OR asked_from = ?)",
                (since, asked_from, asked_from),
            ).fetchone()[0]
        )

    def in_force(self, now: float) -> list[tuple[str, float]]:
        """The prefixes that hold, each with the last moment at which it does."""
        return self._db.execute(
            "SELECT prefix, max(until) FROM optouts WHERE until > ? GROUP BY prefix ORDER BY prefix", (now,)
        ).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
