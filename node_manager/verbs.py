"""Privileged operations that the node's owner lets slices have: each a program with arguments that are checked.

A verb is declared once, in the owner's settings; a slice may use it when the owner names the slice, or when its
authority gave it the tag ``vsys`` with the verb's name and the owner honours tags for this verb. No shell reads what a
slice says: each argument must match its pattern as a whole and becomes one word of the program's command line. The
program runs with the node manager's power, gets the slice's name as its first argument, and is ended when it is slow
or says too much.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.python.failure import Failure

from planetlab.errors import BadArgument, BadSettings, Forbidden, Unavailable

MOST_SAID = 65_536  # bytes of output that a caller is told
MOST_GIVEN = 1024  # bytes of one argument
MOST_AT_ONCE = 16  # programs that run for slices at the same time
MOST_OF_ONE = 4  # of these, for one slice
_LEADER = "/usr/bin/setsid"  # makes a program the leader of a group, which ends together


@frozen(kw_only=True)
class Verb:
    """One operation, as the owner declares it."""

    name: str = field(metadata={"doc": "What slices call it."})
    program: tuple[str, ...] = field(metadata={"doc": "The program, by its full path, and its first arguments."})
    arguments: tuple[str, ...] = field(
        default=(), metadata={"doc": "A regular expression for each argument of the slice's; it must match as a whole."}
    )
    slices: tuple[str, ...] = field(default=(), metadata={"doc": "Who may use it: site_label, or an hrn to say whose."})
    by_tag: bool = field(default=False, metadata={"doc": "Whether slices with the tag vsys of this name may, too."})
    seconds: float = field(default=30.0, metadata={"doc": "How long it may run."})

    def must_be_usable(self) -> None:
        """Raise `BadSettings` for a declaration that cannot work."""
        if not self.program or not self.program[0].startswith("/"):
            raise BadSettings(f"verb {self.name}: expected a program by its full path, got {list(self.program)!r}")
        for pattern in self.arguments:
            try:
                re.compile(pattern)
            except re.error as error:
                raise BadSettings(f"verb {self.name}: {pattern!r} is no regular expression: {error}") from error

    def is_for(self, names: frozenset[str], tags: Mapping[str, str]) -> bool:
        """Whether a slice of these names may use it; the tag may list several verbs, with commas."""
        tagged = self.name in (word.strip() for word in tags.get("vsys", "").split(","))
        return bool(names & set(self.slices)) or (self.by_tag and tagged)

    def command(self, name: str, given: list[str]) -> list[str]:
        """The command line for what a slice gave. Raises `BadArgument` naming the argument."""
        if len(given) != len(self.arguments):
            raise BadArgument(f"{self.name} takes {len(self.arguments)}, got {len(given)}", "arguments")
        for number, (pattern, text) in enumerate(zip(self.arguments, given, strict=True)):
            if len(text.encode()) > MOST_GIVEN or "\0" in text or not re.fullmatch(pattern, text):
                raise BadArgument(f"expected text that matches {pattern}, got {text!r:.60}", f"arguments[{number}]")
        return [*self.program, name, *given]


def find(verbs: Iterable[Verb], wanted: str, names: frozenset[str], tags: Mapping[str, str]) -> Verb:
    """The verb of this name, if the slice may use it. Raises `Forbidden`, which lists those that it may."""
    mine = [verb for verb in verbs if verb.is_for(names, tags)]
    for verb in mine:
        if verb.name == wanted:
            return verb
    listed = ", ".join(sorted(verb.name for verb in mine)) or "none"
    raise Forbidden(f"{min(names, key=len)} has no verb {wanted!r:.60} on this node; it has: {listed}")


@frozen(kw_only=True)
class Done:
    """How a program ended."""

    code: int  # its exit code; minus the signal's number when a signal ended it
    output: bytes
    errors: bytes

    def wire(self) -> dict[str, Any]:
        """As a struct; what is no UTF-8 is shown as replacement characters."""
        return {
            "code": self.code,
            "output": self.output.decode("utf-8", "replace"),
            "errors": self.errors.decode("utf-8", "replace"),
        }


class _Run(ProcessProtocol):
    transport: Any  # Twisted's type does not say that it has a number

    def __init__(self) -> None:
        self.done: Deferred[Done] = Deferred()
        self._said = {1: b"", 2: b""}

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._said[childFD] += data
        if len(self._said[childFD]) > MOST_SAID:
            self._said[childFD] = self._said[childFD][:MOST_SAID]
            self.end()

    def end(self) -> None:
        """End it at once, with all that it has begun, and hear no more of what may be left of that."""
        if self.transport.pid:  # not collected yet, so that its number is its own
            os.kill(self.transport.pid, signal.SIGKILL)  # by itself: on a busy machine it may lead no group yet
            with suppress(ProcessLookupError):
                os.killpg(self.transport.pid, signal.SIGKILL)
        self.transport.loseConnection()

    def processEnded(self, reason: Failure = connectionDone) -> None:
        value = reason.value
        code = 0 if isinstance(value, ProcessDone) else getattr(value, "exitCode", None)
        ended_by = getattr(value, "signal", None) or 0
        self.done.callback(Done(code=-ended_by if code is None else code, output=self._said[1], errors=self._said[2]))


class Runner:
    """Runs the commands of verbs, a few at a time."""

    def __init__(self, reactor: Any) -> None:
        self._spawn: IReactorProcess = reactor
        self._time: IReactorTime = reactor
        self._busy: Counter[str] = Counter()

    async def run(self, command: list[str], seconds: float, name: str = "") -> Done:
        """Run a command for slice ``name`` to its end, or to the end of its time.

        Raises `Unavailable` when too many run.
        """
        if self._busy[name] >= MOST_OF_ONE:
            raise Unavailable(f"{MOST_OF_ONE} programs run for {name} now; ask again when one has ended")
        if self._busy.total() >= MOST_AT_ONCE:
            raise Unavailable(f"{MOST_AT_ONCE} programs run for slices now; ask again in a moment")
        self._busy[name] += 1
        running = _Run()
        try:
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
            self._spawn.spawnProcess(running, _LEADER, [_LEADER, *command], environment, "/")
            limit = self._time.callLater(seconds, running.end)
            try:
                return await running.done
            finally:
                if limit.active():
                    limit.cancel()
        except OSError as error:
            raise Unavailable(f"{command[0]} cannot be run: {error.strerror}") from error
        finally:
            self._busy -= Counter([name])
