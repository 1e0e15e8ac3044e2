"""Pages of whole interfaces, printed from their declarations, and the page of older names."""

from collections.abc import Mapping
from pathlib import Path

from mgmt_authority import service as ma
from planetlab import reference
from planetlab.both import old_rows
from planetlab.methods import Api
from slice_authority import of_2004
from slice_authority import service as sa
from slice_authority.sfa import older, older_slivers, registry, slivers
from slice_authority.sfa.listening import together

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
APIS: Mapping[str, tuple[str, Api]] = {
    "sfa-registry.md": ("The SFA registry interface", together(registry.api, older.api)),
    "sfa-aggregate.md": ("The SFA aggregate interface", together(slivers.api, older_slivers.api)),
}


def pages() -> dict[str, str]:
    """The text of each page, by file name."""
    whole = {name: reference.markdown(title, api) for name, (title, api) in APIS.items()}
    return {**whole, "old-names.md": old_names()}


def old_names() -> str:
    """Every name that the last release no longer exports: what it does here, or why it is not answered."""
    today = {row.name: f"[{row.new}](api/{row.new}.md)" for row in old_rows.ROWS}
    declared = {**sa.old, **sa.older, **ma.older}
    calls = {name: str(work.__doc__).partition("\n")[0] for name, (work, _) in of_2004.CALLS.items()}
    said = {name: today.get(name) or method.doc.partition("\n")[0] for name, method in declared.items()}
    lines = [
        "# Names of older releases",
        "",
        "Printed by `make docs` from `planetlab/both/old_rows.py` and the methods beside it. They are answered on",
        "`/PLCAPI/` and `plcapi_plain`; `/SA/` knows those of version 3 alone, whose names begin with Slice.",
        "",
        f"## The {len(said)} that are answered",
        "",
        *(f"* {name}: {text}" for name, text in sorted(said.items())),
        "",
        f"## The {len(calls)} of 2004",
        "",
        *(f"* {name}: {text}" for name, text in sorted(calls.items())),
        "",
        f"## The {len(old_rows.NOT_MAPPED)} that are not, and why",
        "",
        *(f"* {name}: {why}" for name, why in sorted(old_rows.NOT_MAPPED.items())),
    ]
    return "\n".join(lines) + "\n"
