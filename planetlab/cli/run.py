"""How every command of plfed runs and ends: with 0, or with one line on standard error that says what to do, and 1."""

import contextlib
import functools
import signal
import sys
import xmlrpc.client
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure

from planetlab.errors import PlanetLabError, Refused

Command = TypeVar("Command", bound=Callable[..., Any])
INTERRUPTED = 130  # as a shell says of a command that Ctrl-C ended


def told(error: BaseException) -> str:
    """An error in one line, as an operator is told it."""
    if isinstance(error, Refused):
        return f"refused: {error} (fault {error.fault_code})"
    if isinstance(error, xmlrpc.client.Fault):
        return f"refused: {error.faultString} (fault {error.faultCode})"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def errors_told(command: Command) -> Command:
    """Let our own errors and the system's end the command in one line; anything else is a defect and shows itself."""

    @functools.wraps(command)
    def careful(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (PlanetLabError, OSError, xmlrpc.client.Error) as error:
            print(f"plfed: {told(error)}", file=sys.stderr)
            sys.exit(1)

    return careful  # type: ignore[return-value]  # wraps() gives it the signature


def run(work: Callable[[Any], Coroutine[Any, Any, int]]) -> None:
    """Run ``work(reactor)`` to its end and leave the process with the code it gives.

    A signal that stops the reactor cancels the work, and the reactor waits until the work has cleaned up.
    """
    from twisted.internet import reactor as installed  # importing it installs it, so not before a command needs it

    reactor: Any = installed
    codes: list[int] = []
    failures: list[BaseException] = []
    finished: Deferred[None] = Deferred()

    def ended(result: Any) -> None:
        if isinstance(result, Failure):
            failures.append(result.value or RuntimeError("failed without a reason"))
        else:
            codes.append(result)
        finished.callback(None)
        with contextlib.suppress(ReactorNotRunning):  # a signal may have stopped it already
            reactor.stop()

    def begin() -> None:
        main = Deferred.fromCoroutine(work(reactor))
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: None if finished.called else _cancel(main, finished)
        )
        main.addBoth(ended)

    # A shell without job control starts what runs in the background with Ctrl-C ignored, and the reactor keeps it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    reactor.callWhenRunning(begin)
    reactor.run()
    for failure in failures:
        if isinstance(failure, CancelledError):
            sys.exit(INTERRUPTED)
        raise failure
    sys.exit(codes[0] if codes else 1)


def _cancel(main: Deferred[int], finished: Deferred[None]) -> Deferred[None]:
    for number in (signal.SIGINT, signal.SIGTERM):  # one was heard; the reactor takes a second one for an accident
        signal.signal(number, _ending_already)
    main.cancel()
    return finished


def _ending_already(number: int, frame: object) -> None:
    print("plfed: ending already, which takes some seconds", file=sys.stderr)
