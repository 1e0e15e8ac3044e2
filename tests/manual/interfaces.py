"""Pages of whole interfaces, printed from their declarations."""

from collections.abc import Mapping
from pathlib import Path

from planetlab import reference
from planetlab.methods import Api
from slice_authority.sfa import older, older_slivers, registry, slivers
from slice_authority.sfa.listening import together

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
APIS: Mapping[str, tuple[str, Api]] = {
    "sfa-registry.md": ("The SFA registry interface", together(registry.api, older.api)),
    "sfa-aggregate.md": ("The SFA aggregate interface", together(slivers.api, older_slivers.api)),
}


def pages() -> dict[str, str]:
    """The text of each page, by file name."""
    return {name: reference.markdown(title, api) for name, (title, api) in APIS.items()}
