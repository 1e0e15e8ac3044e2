"""Sensors: figures of this node as comma-separated lines over HTTP, `GET` and `HEAD`, on the loopback.

``/`` lists them. A snapshot sensor answers at once and closes; a streaming one sends a line a second until either
side closes. Figures come from the kernel, those of slivers from the driver's last sample.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from node_manager.drivers import Found
from node_manager.usage import History, Usage, slicestat_line
from planetlab.errors import BadArgument, NotFound
from planetlab.names import SliceName

NUMBER = re.compile("[0-9]{1,10}", re.ASCII)
COLUMNS = ("ip", "name")  # of the sensor of nodes
MOST_STREAMS = 32  # connections that are sent lines


class Kernel:
    """The kernel's figures of this machine."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def loads(self) -> tuple[str, str, str]:
        """Load averages over 1, 5 and 15 minutes."""
        one, five, fifteen, *_ = (self._proc / "loadavg").read_text().split()
        return one, five, fifteen

    def uptime(self) -> str:
        """Seconds since the machine started."""
        return (self._proc / "uptime").read_text().split()[0]

    def meminfo(self) -> dict[str, int]:
        """Amounts by name, KiB."""
        lines = (line.split() for line in (self._proc / "meminfo").read_text().splitlines())
        return {line[0].rstrip(":"): int(line[1]) for line in lines if len(line) > 1}

    def cores(self) -> int:
        """How many processor cores there are."""
        return sum(line.startswith("processor") for line in (self._proc / "cpuinfo").read_text().splitlines())


class Figures:
    """The sensors' answers, as text. Raises `NotFound` for what there is not."""

    def __init__(
        self,
        kernel: Kernel,
        history: History,
        found: Callable[[], Mapping[SliceName, Found]],
        nodes: Callable[[], str] = lambda: "",
    ) -> None:
        """``nodes`` gives a line of address and name for each node that is known."""
        self._kernel = kernel
        self._nodes = nodes
        self._history = history
        self._found = found
        self.sensors: dict[str, tuple[str, Callable[[list[str]], list[str]]]] = {
            "load": ("1-minute load average", lambda _: [kernel.loads()[0]]),
            "load5": ("5-minute load average", lambda _: [kernel.loads()[1]]),
            "load15": ("15-minute load average", lambda _: [kernel.loads()[2]]),
            "uptime": ("seconds since the node started", lambda _: [kernel.uptime()]),
            "meminfo": ("name and KiB", lambda _: [f"{name},{kib}" for name, kib in kernel.meminfo().items()]),
            "slices": ("slice and user id and state", lambda _: self._slices()),
            "nodes": ("/ip/name or one of them or both the other way round: of every node known", self._listed),
            "bandwidth": ("/SLICE: kbit/s sent over 1 and 5 and 15 minutes and received the same", self._bandwidth),
            "cpu": ("/SLICE: percent of one processor and seconds used", self._cpu),
            "memory": ("/SLICE: KiB resident and KiB of address space", self._memory),
            "processes": ("/SLICE: processes and how many of them were active lately", self._processes),
            "disk": ("/SLICE: KiB of own files", self._disk),
        }

    def answer(self, path: list[str]) -> list[str]:
        """The lines of a sensor; ``path`` is its name and its arguments."""
        if not path or path == [""]:
            return [f"{name},{what}" for name, (what, _) in sorted(self.sensors.items())]
        try:
            _, sensor = self.sensors[path[0]]
        except KeyError:
            raise NotFound(f"no sensor {path[0]!r:.60}; there are {', '.join(sorted(self.sensors))}") from None
        return sensor(path[1:])

    def slicestat(self) -> list[str]:
        """A line for each running slice."""
        memory = self._kernel.meminfo().get("MemTotal", 0) * 1024
        told = ((name, self._found().get(name), self._history.of(name)) for name in self._history.names())
        return [slicestat_line(name, found.uid, usage, memory) for name, found, usage in told if found and usage]

    def _slices(self) -> list[str]:
        return [f"{name},{found.uid},{found.state}" for name, found in sorted(self._found().items())]

    def _listed(self, arguments: list[str]) -> list[str]:
        columns = [each for each in arguments if each] or list(COLUMNS)
        if unknown := [each for each in columns if each not in COLUMNS]:
            raise NotFound(f"no column {unknown[0]!r:.60}; there are {', '.join(COLUMNS)}")
        rows = (dict(zip(COLUMNS, line.split(","), strict=False)) for line in self._nodes().splitlines())
        return [",".join(row.get(column, "") for column in columns) for row in rows]

    def _usage(self, arguments: list[str]) -> Usage:
        said = arguments[0] if arguments else ""
        try:
            usage = self._history.of(self._numbered(int(said)) if NUMBER.fullmatch(said) else SliceName.parse(said))
        except BadArgument as error:
            raise NotFound(str(error)) from error
        if usage is None:
            raise NotFound(f"no running sliver of {arguments[0]} on this node")
        return usage

    def _numbered(self, number: int) -> SliceName:
        """The slice that its authority gave this number, as the first sensors were asked."""
        for name, found in self._found().items():
            if number and found.sliver is not None and found.sliver.slice_id == number:
                return name
        raise NotFound(f"no sliver here is of slice number {number}")

    def _bandwidth(self, arguments: list[str]) -> list[str]:
        usage = self._usage(arguments)
        return [",".join(f"{rate:.1f}" for rate in (*usage.sent, *usage.received))]

    def _cpu(self, arguments: list[str]) -> list[str]:
        usage = self._usage(arguments)
        return [f"{usage.cpu:.1f},{usage.stats.cpu:.2f}"]

    def _memory(self, arguments: list[str]) -> list[str]:
        stats = self._usage(arguments).stats
        return [f"{stats.memory // 1024},{stats.virtual // 1024}"]

    def _processes(self, arguments: list[str]) -> list[str]:
        stats = self._usage(arguments).stats
        return [f"{stats.processes},{stats.active}"]

    def _disk(self, arguments: list[str]) -> list[str]:
        return [str(self._usage(arguments).stats.disk // 1024)]


class Page(Resource):
    """Answers from lines. What there is not is 404, with a line that says what there is."""

    isLeaf = True

    def __init__(self, lines: Callable[[list[str]], list[str]], reactor: IReactorTime | None = None) -> None:
        """With a ``reactor``, a path that begins with ``stream`` sends its lines again each second."""
        super().__init__()
        self._lines = lines
        self._reactor = reactor
        self._streams = 0

    def render_GET(self, request: Any) -> Any:
        path = [part.decode("utf-8", "replace") for part in request.postpath]
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"cache-control", b"no-store")
        if self._reactor is not None and path[:1] == ["stream"]:
            return self._stream(request, path[1:])
        return self._once(request, path)

    def _once(self, request: Any, path: list[str]) -> bytes:
        try:
            return "".join(f"{line}\n" for line in self._lines(path)).encode()
        except NotFound as error:
            request.setResponseCode(404)
            return f"{error}\n".encode()

    def _stream(self, request: Any, path: list[str]) -> Any:
        if self._streams >= MOST_STREAMS:
            request.setResponseCode(503)
            return b"too many streams; come back later\n"
        first = self._once(request, path)
        if request.code != 200 or request.method == b"HEAD":
            return first
        request.write(first)
        again = LoopingCall(lambda: request.write(self._once(request, path)))
        again.clock = self._reactor  # type: ignore[assignment]  # any IReactorTime will do
        self._streams += 1

        def over(_: object) -> None:
            self._streams -= 1
            again.stop()

        request.notifyFinish().addBoth(over)
        again.start(1.0, now=False)
        return NOT_DONE_YET
