"""How long each phase of a refresh took, under the names that RefreshPeer answers with."""

import time

from attrs import define, field

PHASES = ("site", "keys", "persons", "nodes", "local_nodes", "slices", "sites-persons", "persons-roles")
OF_NOUNS = {"Site": "site", "Key": "keys", "Person": "persons", "Node": "nodes", "Slice": "slices"}


@define
class Stopwatch:
    """Seconds per phase, as they pass here."""

    seconds: dict[str, float] = field(factory=dict)
    since: float = field(factory=time.monotonic)

    def lap(self, phase: str) -> None:
        """A phase has ended."""
        now = time.monotonic()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self.since
        self.since = now

    def lap_of(self, noun: str) -> None:
        """The phase of this noun has ended, or one that is of no noun."""
        self.lap(OF_NOUNS.get(noun, noun))

    def told(self) -> dict[str, float]:
        """Every phase's seconds, in the order of the phases."""
        return {phase: self.seconds.get(phase, 0.0) for phase in ("transport", "peer_db", *PHASES)}
