"""``python -m slice_authority --config FILE``."""

from planetlab.serve import run_service
from slice_authority.service import main as serve
from slice_authority.settings import Settings


def main() -> None:
    """Run a slice authority until it is told to stop."""
    run_service(serve, Settings, "plfed-slice-authority")


if __name__ == "__main__":
    main()
