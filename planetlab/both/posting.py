"""Handing the outbox's mails to the relay, outside of every call and transaction.

Each mail goes once to each recipient, those of one in the order they were written. While the relay is away they wait
in the registry; one that the relay refuses for good is told in the log and not tried again; one that waited
``mails.PATIENCE`` is given up. A relay that takes a mail and dies before it says so may get it a second time, under the
same Message-ID. Of the processes that share a registry the one that claims the outbox first posts, until it ends.
"""

from typing import Any

from twisted.logger import Logger

from planetlab.both.desk import Desk
from planetlab.both.settings import Common
from planetlab.errors import BadArgument, BadSettings, PeerError
from planetlab.failpoints import failpoint
from planetlab.launch import Running
from planetlab.mail import Letter, Relay
from planetlab.registry import mails
from planetlab.registry.mails import Mail
from planetlab.registry.opening import hold

log = Logger()

EVERY = 5.0  # seconds
FAILURES = 2  # in a row, after which a round ends


class Post:
    """The outbox of one registry, and the relay its mails go to."""

    def __init__(self, desk: Desk, relay: Any, clock: Any, registry: str, name: str, reply_to: str) -> None:
        self._desk, self._relay, self._clock = desk, relay, clock
        self._registry, self._name, self._reply_to = registry, name, reply_to
        self._claim: int | None = None

    @classmethod
    def of(cls, running: Running[Any], desk: Desk) -> "Post":
        """The post of a running authority. Raises `BadSettings` for a relay that is none."""
        stated: Common = running.settings
        host, _, port = stated.relay.rpartition(":")
        if not host or not port.isdigit():
            raise BadSettings(f"{running.config}: relay: expected host:port, got {stated.relay!r}")
        relay = Relay(host.strip("[]"), int(port), f"{stated.name} Support <{stated.support}>", running.reactor)
        name = f"{stated.hrn}@{stated.web_host}"
        return cls(desk, relay, running.clock, str(stated.registry), name, stated.support)

    async def round(self) -> int:
        """Hand in what waits; how many mails the relay took."""
        if not self._is_ours():
            return 0
        held: set[str] = set()
        taken = failures = 0
        for mail in await self._desk.look(mails.waiting):
            if held & set(mail.everybody):
                continue
            waiting = await self._hand_in(mail)
            held |= waiting
            if waiting == set(mail.everybody):
                failures += 1
            else:
                taken, failures = taken + (not waiting), 0
            if failures == FAILURES:
                break
        return taken

    async def _hand_in(self, mail: Mail) -> set[str]:
        """Offer a mail to the relay; for whom it waits still."""
        letter = Letter(mail.recipients, mail.subject, mail.body, cc=mail.copies, reply_to=self._reply_to)
        waiting, keep = set[str](), mails.sent
        try:
            waiting = set(await self._relay.send(letter, self._clock.now(), f"<{mail.mail_id}.{self._name}>"))
            failpoint("mail.taken")
        except BadArgument as error:
            log.warn("mail {number} can never be sent: {error}", number=mail.mail_id, error=str(error))
            keep = mails.refused
        except PeerError as error:
            log.warn("mail {number} waits: {error}", number=mail.mail_id, error=str(error))
            waiting = set(mail.everybody)
        if waiting:
            await self._desk.job(lambda store: mails.failed(store, mail, waiting))
        else:
            await self._desk.job(lambda store: keep(store, mail.mail_id))
        return waiting

    def _is_ours(self) -> bool:
        if self._claim is None:
            try:
                self._claim = hold(self._registry, "outbox")
            except BadSettings:
                return False
        return True
