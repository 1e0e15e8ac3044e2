"""Mails, written in the transaction that causes them and sent afterwards; what repeats too soon is not written."""

import json
from collections.abc import Iterable

from attrs import frozen

from planetlab.registry.store import Row, Store

PATIENCE = 5 * 86_400  # seconds after which a mail that the relay never took is given up, as mail servers do
DAMPED = 3600  # seconds within which the same kind of mail about the same thing is written once


@frozen
class Mail:
    """One mail that waits to be sent."""

    mail_id: int
    recipients: tuple[str, ...]
    copies: tuple[str, ...]
    subject: str
    body: str

    @property
    def everybody(self) -> tuple[str, ...]:
        """All addresses it goes to."""
        return self.recipients + self.copies


def write(
    store: Store, recipients: Iterable[str], subject: str, body: str, copies: Iterable[str] = (), kind: str = ""
) -> bool:
    """Put a mail into the outbox. With a ``kind``, only if none of that kind was written within the last hour."""
    to = sorted(set(recipients))
    if not to:
        return False
    since = int(store.now) - DAMPED
    if kind and store.ask("SELECT 1 FROM outbox WHERE kind = ? AND written > ? LIMIT 1", [kind, since]):
        return False
    store.change(
        "INSERT INTO outbox (recipients, copies, subject, body, kind, written) VALUES (?, ?, ?, ?, ?, ?)",
        [json.dumps(to), json.dumps(sorted(set(copies))), subject, body, kind, int(store.now)],
    )
    return True


def waiting(store: Store, most: int = 200) -> list[Mail]:
    """The mails to be sent, oldest first."""
    rows = store.ask(
        "SELECT mail_id, recipients, copies, subject, body FROM outbox WHERE sent IS NULL AND written > ? "
        "ORDER BY mail_id LIMIT ?",
        [int(store.now) - PATIENCE, most],
    )
    return [
        Mail(
            row["mail_id"],
            tuple(json.loads(row["recipients"])),
            tuple(json.loads(row["copies"])),
            row["subject"],
            row["body"],
        )
        for row in rows
    ]


def sent(store: Store, mail_id: int) -> None:
    """A mail was taken by the mail server."""
    store.change("UPDATE outbox SET sent = ? WHERE mail_id = ?", [int(store.now), mail_id])


def refused(store: Store, mail_id: int) -> None:
    """A mail was refused for good: it waits no more, and ``tries`` of -1 says that it was never taken."""
    store.change("UPDATE outbox SET sent = ?, tries = -1 WHERE mail_id = ?", [int(store.now), mail_id])


def failed(store: Store, mail: Mail, waiting: set[str]) -> None:
    """A mail was not taken for those in ``waiting``; it will be tried again for them, and for nobody else."""
    to = [each for each in mail.recipients if each in waiting]
    copies = [each for each in mail.copies if each in waiting]
    store.change(
        "UPDATE outbox SET tries = tries + 1, recipients = ?, copies = ? WHERE mail_id = ?",
        [json.dumps(to or copies), json.dumps(copies if to else []), mail.mail_id],
    )


def forget(store: Store, before: float) -> int:
    """Delete mails that were sent, or written and given up, before."""
    return store.change("DELETE FROM outbox WHERE sent < ?1 OR written < ?1", [int(before)])


def account(store: Store, person: Row, enabled: bool) -> None:
    """Tell a person that the account was enabled or disabled."""
    plc = store.plc
    now = "enabled" if enabled else "disabled"
    body = (
        f"Hello {person['first_name']} {person['last_name']},\n\n"
        f"your account {person['email']} at {plc.name} has been {now}.\n\n"
        f"Questions go to {plc.support}.\n"
    )
    write(store, [person["email"]], f"{plc.name} account {now}", body)


def from_template(
    store: Store,
    message_id: str,
    recipients: Iterable[str],
    values: dict[str, str],
    copies: Iterable[str] = (),
    kind: str = "",
) -> bool:
    """Send a message template with ``%(name)s`` replaced; nothing when it is unknown or disabled."""
    rows = store.ask("SELECT subject, template FROM messages WHERE message_id = ? AND enabled = 1", [message_id])
    if not rows:
        return False
    filled = {name: filling(rows[0][name] or "", values) for name in ("subject", "template")}
    return write(store, recipients, filled["subject"], filled["template"], copies, kind)


def filling(template: str, values: dict[str, str]) -> str:
    """``%(name)s`` and ``%(name)d`` replaced by values; unknown names stay as they are."""
    text = template
    for name, value in values.items():
        text = text.replace(f"%({name})s", str(value)).replace(f"%({name})d", str(value))
    return text.replace("%%", "%")
