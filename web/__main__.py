"""``python -m web --config FILE``: the public pages of one authority."""

from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from planetlab.ask import Ask, Password
from planetlab.clock import Clock
from planetlab.errors import BadSettings
from planetlab.launch import Running, run_service
from planetlab.limits import Limits, hardened_site
from web.archive import ArchivePages, Both
from web.books import OptOuts
from web.front import Front, Records
from web.optout import OptOutPages, Rules
from web.pull import Puller
from web.settings import Settings
from web.store import Archive

_log = Logger()
_READERS = Limits(body=64 << 10, idle=15.0)  # readers only read


async def serve(running: Running[Settings]) -> None:
    """Set the pages up and begin."""
    stated, place = running.settings, running.config.absolute().parent
    password, ca = _read(place / stated.password_file).decode().strip(), _read(place / stated.ca)
    who = Password(stated.username, password)
    ask = Ask(stated.plcapi, ca=ca, auth=who, timeout=stated.patience, tries=2, reactor=running.reactor)
    archive = _archive(running, place) if stated.archive_dir else None
    optouts = _optouts(running, place)
    elsewhere = tuple(name for name, pages in (("archive", archive), ("optout", optouts)) if pages is not None)
    front = Front(stated.name, stated.plcapi, ca, Records(ask, running.clock.now, stated.fresh), elsewhere)
    resource = Both(front, archive, optouts)
    for where in stated.listen:
        await running.listen(where, hardened_site(resource, running.reactor, _READERS))
    await running.operator(stated.operator_listen)


def _optouts(running: Running[Settings], place: Path) -> OptOutPages | None:
    """The opt-out list, where there is a place for it."""
    stated = running.settings
    file = stated.optout_file or (f"{stated.archive_dir}/optouts.db" if stated.archive_dir else "")
    if not file:
        return None
    (place / file).parent.mkdir(parents=True, exist_ok=True)
    books = OptOuts(place / file)
    running.at_end(books.close)
    return OptOutPages(stated.name, Rules(books, stated.optout_days), running.clock)


def _archive(running: Running[Settings], place: Path) -> ArchivePages:
    """The archive's pages, and the rounds in which the nodes' logs are pulled."""
    stated = running.settings
    archive = Archive(place / stated.archive_dir)
    nodes = dict(_node(each) for each in stated.archive_nodes)
    token = _read(place / stated.archive_token_file).decode().strip() if stated.archive_token_file else ""
    puller = Puller(archive, nodes, token, running.reactor)
    tidier = Tidier(archive, running.clock, stated, running.reactor)
    running.at_end(tidier.ended)
    for work in (puller.start_round, tidier.start_round):
        loop = LoopingCall(work)
        loop.clock = running.reactor
        loop.start(stated.archive_period)
        running.at_end(loop.stop)
    return ArchivePages(stated.name, archive, running.clock, running.reactor)


@define(eq=False)
class Tidier:
    """Merges hours and deletes what is too old, in a thread."""

    archive: Archive
    clock: Clock
    stated: Settings
    reactor: Any
    _at_work: Deferred[Any] | None = field(default=None, init=False)

    def start_round(self) -> None:
        """Begin, unless an earlier round goes on."""
        if self._at_work is None:
            days, own = self.stated.archive_days, self.stated.archive_segment_days
            pool = self.reactor.getThreadPool()
            self._at_work = deferToThreadPool(self.reactor, pool, self.archive.tidy, self.clock.now(), days, own)
            self._at_work.addErrback(lambda failure: _log.failure("the archive could not be tidied", failure))
            self._at_work.addBoth(self._done)

    def _done(self, result: Any) -> None:
        self._at_work = None

    async def ended(self) -> None:
        """Wait for the round that goes on, and let the engine go."""
        if self._at_work is not None:
            await self._at_work
        self.archive.close()


def _node(text: str) -> tuple[str, str]:
    name, _, url = text.partition(" ")
    if not name or not url.startswith(("http://", "https://")):
        raise BadSettings(f"archive_nodes: expected a host name, a space and an address, got {text!r}")
    return name, url.strip()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from error


def main() -> None:
    """Run until told to stop."""
    run_service(serve, Settings, "plfed-web")


if __name__ == "__main__":
    main()
