"""``make bench``: print this machine's figures, or as JSON with ``--json``."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence

from attrs import asdict

from bench import archive, audit, edge, federation, fleet, geni, node, papers, polls, readers, sfa, wire
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
    for name in chosen:
        for each in PARTS[name]():
            found.append({"part": name, **asdict(each)})
            print(f"{name:<8} {each.line}", file=sys.stderr if "--json" in arguments else sys.stdout, flush=True)
    if "--json" in arguments:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
