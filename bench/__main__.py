"""``make bench``: print this machine's figures, or as JSON with ``--json``."""

import json
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from attrs import asdict

from bench import archive, audit, edge, federation, fleet, geni, node, papers, polls, readers, rotation, sfa, wire
from bench.measure import Amount, Figure

PARTS: dict[str, Callable[[], Iterable[Figure | Amount]]] = {
    "archive": archive.figures,
    "audit": audit.figures,
    "edge": edge.figures,
    "federation": federation.figures,
    "fleet": fleet.figures,
    "geni": geni.figures,
    "node": node.figures,
    "papers": papers.figures,
    "polls": polls.figures,
    "readers": readers.figures,
    "rotation": rotation.figures,
    "sfa": sfa.figures,
    "wire": wire.figures,
}


def main(arguments: Sequence[str]) -> None:
    """Print the figures of the parts that are named, or of all."""
    chosen = [name for name in arguments if name != "--json"] or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        sys.exit(f"bench: there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    found = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ended)
    for name in chosen:
        with _closed(PARTS[name]()) as figures:
            for each in figures:
                found.append({"part": name, **asdict(each)})
                print(f"{name:<8} {each.line}", file=sys.stderr if "--json" in arguments else sys.stdout, flush=True)
    if "--json" in arguments:
        print(json.dumps(found, indent=1))


def _ended(number: int, frame: FrameType | None) -> None:
    """Have what was begun cleaned up, and end; who asks again is not heard until that is done."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


@contextmanager
def _closed(figures: Iterable[Figure | Amount]) -> Iterator[Iterable[Figure | Amount]]:
    """The same, and a part that is left in the middle cleans up at once."""
    try:
        yield figures
    finally:
        if isinstance(figures, Generator):
            figures.close()


if __name__ == "__main__":
    main(sys.argv[1:])
