"""Keeps the door in step with the slivers: who may sign in, and an sshd that runs."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from node_manager.door.accounts import Account, write
from node_manager.door.entrance import Asked, Entrance, Inside
from node_manager.door.sshd import ENTER, Sshd
from node_manager.drivers import DriverError, Found, State
from planetlab.names import SliceName

_LONGEST = 60.0  # seconds between two starts of an sshd that ends each time
USER, GROUP = 1000, 1001  # the slice's account inside, counted from the sliver's first id


class Attaches(Protocol):
    """A driver that can run programs on somebody's descriptors."""

    def attach(
        self,
        name: SliceName,
        command: str,
        files: Sequence[int],
        terminal: bool = False,
        environment: tuple[tuple[str, str], ...] = (),
    ) -> Inside: ...


def slices(found: Mapping[SliceName, Found]) -> list[Account]:
    """The accounts of the slivers whose users have keys; of one that stands still they are told so by a sentence."""
    return [
        Account(name=str(name), uid=each.uid + USER, gid=each.uid + GROUP, keys=each.sliver.keys, command=ENTER)
        for name, each in found.items()
        if each.state is not State.HALF and each.sliver and each.sliver.keys
    ]


def whose(uid: int, found: Mapping[SliceName, Found], why: Callable[[SliceName], str] = lambda name: "") -> SliceName:
    """The slice one of whose ids this is, if it runs. Raises `DriverError`, which says ``why`` it does not."""
    for name, each in found.items():
        if each.uid <= uid < each.uid + each.uids:
            if each.state is State.RUNNING:
                return name
            raise DriverError(f"{name} does not run on this node: {why(name) or f'it is {each.state}'}")
    raise DriverError(f"user id {uid} belongs to no sliver that runs")


@define
class _Again:
    """When an sshd that has ended is started again: at once, then after ever longer pauses."""

    at: float = 0.0
    pause: float = 1.0

    def is_due(self, runs: bool, now: float) -> bool:
        """Whether to start it now."""
        if now < self.at:
            return False
        if runs:
            self.pause = 1.0
            return False
        self.at, self.pause = now + self.pause, min(_LONGEST, 2 * self.pause)
        return True


@frozen(kw_only=True)
class Keeper:
    """The door of one node."""

    log = Logger()

    folder: Path
    sshd: Sshd
    driver: Attaches | None  # None where nobody can enter, and only the other accounts are of use
    found: Callable[[], Mapping[SliceName, Found]]
    why: Callable[[SliceName], str] = lambda name: ""  # why a sliver stands still, for who would come in
    others: Callable[[], list[Account]]  # accounts beside the slivers', such as controllers'
    reactor: Any
    in_thread: Callable[[Callable[[], Any]], "Deferred[Any]"]
    _said: list[list[Account]] = field(factory=list, init=False)
    _folder: list[int] = field(factory=list, init=False)
    _ports: list[Any] = field(factory=list, init=False)
    _again: _Again = field(factory=_Again, init=False)

    def open(self) -> None:
        """Begin to let people in."""
        (self.folder / "entrance.sock").unlink(missing_ok=True)
        self._folder.append(os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        path = f"/proc/self/fd/{self._folder[0]}/entrance.sock"  # the folder's own path may be too long for a socket's
        self._ports.append(self.reactor.listenUNIX(path, Entrance(self._enter, self.reactor), mode=0o666))
        self.refresh()

    def refresh(self) -> None:
        """Bring the accounts to what there is, and start an sshd that has ended."""
        now = [*slices(self.found()), *self.others()]
        if [now] != self._said:
            write(self.folder, now)
            self._said[:] = [now]
        if self._again.is_due(self.sshd.runs, self.reactor.seconds()):
            self.log.info("sshd starts; what it says is in {folder}/sshd.log", folder=str(self.folder))
            self.sshd.start()

    async def close(self) -> None:
        """Let nobody in any more; who is inside stays."""
        for port in self._ports:
            await port.stopListening()
        for folder in self._folder:
            os.close(folder)
        self.sshd.stop()

    def _enter(self, uid: int, asked: Asked, files: list[int]) -> "Deferred[Inside]":
        name, driver = whose(uid, self.found(), self.why), self.driver
        if driver is None:
            raise DriverError(f"{name} is only remembered on this node; nobody can enter it")
        return self.in_thread(lambda: driver.attach(name, asked.command, files, asked.terminal, asked.environment))
