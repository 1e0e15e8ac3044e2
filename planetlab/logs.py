"""Logs: twisted.logger's events to stderr, as lines for people or as JSON lines for programs.

Whatever an event carries may have come off the wire, so every line is one line: control and direction characters are
written as escapes, and no field is longer than a bound.
"""

import functools
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    eventAsText,
    formatEvent,
    globalLogBeginner,
)
from zope.interface import implementer

from planetlab.redact import one_line

_FIELD = 4000  # characters of one field
_TRACE = 20_000  # characters of a traceback
_OURS = ("log_", "message", "isError", "failure", "why", "format", "time", "system", "logLevel", "id", "printed")


@implementer(ILogObserver)
class TextLines:
    """``2026-11-21T10:00:00Z warn planetlab.gate: what happened``, a traceback indented below."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info).name
        line = f"{_time(event)} {level} {event.get('log_namespace', '-')}: {one_line(_text(event), _FIELD)}\n"
        _put(self._stream, line + "".join(f"    {one_line(row, _FIELD)}\n" for row in _trace(event)))


@implementer(ILogObserver)
class JsonLines:
    """One object per line: ``time level from text`` and the event's own fields; a traceback is ``trace``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        said: dict[str, Any] = {
            "time": _time(event),
            "level": event.get("log_level", LogLevel.info).name,
            "from": event.get("log_namespace", "-"),
            "text": one_line(_text(event), _FIELD),
        }
        for key, value in event.items():
            if not key.startswith(_OURS) and key not in said:
                said[key] = _plain(value)
        if trace := _trace(event):
            said["trace"] = [one_line(row, _FIELD) for row in trace]
        _put(self._stream, json.dumps(said, ensure_ascii=True) + "\n")


def _time(event: Mapping[str, Any]) -> str:
    seconds, rest = divmod(event.get("log_time", 0.0), 1.0)
    return f"{_second(int(seconds))}.{int(rest * 1000):03}Z"


@functools.lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _text(event: LogEvent) -> str:
    """The event's sentence; Twisted's own formatter, which takes longer, where a plain format will not do."""
    said = event.get("log_format")
    if isinstance(said, str) and "()" not in said:
        try:
            return said.format_map(event)
        except Exception:  # an event that cannot be formatted as it says is still to be told
            return formatEvent(event)
    return formatEvent(event)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return one_line(value if isinstance(value, str) else str(value), _FIELD)


def _trace(event: LogEvent) -> list[str]:
    if event.get("log_failure") is None:
        return []
    return eventAsText(event, includeTimestamp=False, includeSystem=False)[-_TRACE:].splitlines()[1:]


def _put(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):  # nobody reads our stderr any more; that is no reason to fail
        return


_LOW = (None, LogLevel.debug, LogLevel.info)
_NOISE = ("twisted.internet", "twisted.web", "twisted.protocols", "log_legacy")


@implementer(ILogFilterPredicate)
class _IsWorth:
    """Leaves out Twisted's own remarks below a warning, which tell of each connection's coming and going."""

    def __call__(self, event: LogEvent) -> Any:
        chatter = str(event.get("log_namespace", "")).startswith(_NOISE) or "log_legacy" in event
        return PredicateResult.no if chatter and event.get("log_level") in _LOW else PredicateResult.maybe


def observer(stream: TextIO, as_json: bool = False, level: str = "info") -> ILogObserver:
    """What writes events of ``level`` (``debug info warn error``) and above to ``stream``."""
    lines = JsonLines(stream) if as_json else TextLines(stream)
    enough = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))
    return FilteringLogObserver(lines, [_IsWorth(), enough])


def begin(as_json: bool = False, level: str = "info", stream: TextIO | None = None) -> None:
    """Send the process's log to stderr; what libraries print there stays theirs."""
    globalLogBeginner.beginLoggingTo([observer(stream or sys.stderr, as_json, level)], redirectStandardIO=False)
