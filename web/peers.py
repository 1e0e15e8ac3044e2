"""The page of peers: which other authorities this one knows, whether they count, and how old what is known of them is.

What an operator has to look at is said as one word. What exactly is wrong is for operators: `plfed peer list`.
"""

from typing import Any

from web.pages import Column, Page, Row

FRESH, SILENT, OVER, SUSPENDED, ALARM, NEVER = "fresh", "silent", "over", "suspended", "alarm", "never heard"
WORDS = {
    FRESH: "it answered when it was asked last",
    SILENT: "it did not answer as it must; what it said before stays in force",
    OVER: "its statement is over: nothing new of it is taken, what is there stays",
    SUSPENDED: "nothing of it counts until its operator here resumes it",
    ALARM: "it said what no honest authority says; an operator has to look",
    NEVER: "its objects were never taken over",
}
"""How a peer is, in one word, and what each word means."""

PEERS = Page(
    "peers",
    "Peers",
    "Other authorities that this one knows. How each is: " + "; ".join(f"{word}: {why}" for word, why in WORDS.items()),
    "GetPeerBooks",
    None,
    (
        Column("peername", "Name"),
        Column("hrn", "In the federation"),
        Column("kind", "Kind"),
        Column("how", "How it is", "state"),
        Column("age", "Statement heard", "age"),
        Column("objects_age", "Objects taken over", "age"),
        Column("objects", "Objects", "sum"),
    ),
)


def how(record: Row) -> str:
    """A peer's one word: the worst that is true of it."""
    if record.get("alarm"):
        return ALARM
    if record.get("state") == "suspended":
        return SUSPENDED
    if record.get("frozen"):
        return OVER
    if record.get("failures"):
        return SILENT
    ages: list[Any] = [record.get("age"), record.get("objects_age")]
    return FRESH if any(isinstance(age, int) and age >= 0 for age in ages) else NEVER


def prepared(records: list[Row]) -> list[Row]:
    """The records with the one word in them."""
    return [{**record, "how": how(record)} for record in records]
