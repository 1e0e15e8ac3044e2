"""What an examination finds: each check is a sentence, and each that fails has a line that mends it."""

from collections.abc import Iterable

from attrs import frozen


@frozen
class Finding:
    """One check: what was looked at, whether it is well, what was seen, and what mends it.

    ``wrong`` has each violation by itself, for programs; ``seen`` all of them in a line.
    """

    check: str
    ok: bool
    seen: str
    fix: str = ""
    wrong: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The finding for people."""
        return f"{'ok  ' if self.ok else 'BAD '} {self.check}: {self.seen}" + (
            "" if self.ok else f"\n     fix: {self.fix}"
        )


def judged(check: str, wrong: Iterable[str], well: str, fix: str) -> Finding:
    """A finding from what is wrong, if anything."""
    found = tuple(wrong)
    return Finding(check, not found, "; ".join(found) or well, fix if found else "", found)


def both_times(first: Iterable[Finding], second: Iterable[Finding]) -> list[Finding]:
    """The second examination, with only those violations that the first one found too."""
    before = {finding.check: set(finding.wrong) for finding in first}
    return [
        finding if finding.ok else _only(finding, before.get(finding.check, set(finding.wrong))) for finding in second
    ]


def _only(finding: Finding, lasting: set[str]) -> Finding:
    left = [line for line in finding.wrong if line in lasting]
    return judged(finding.check, left, "well at the second look", finding.fix)
