"""``python -m mgmt_authority --config FILE``."""

from mgmt_authority.service import main as serve
from mgmt_authority.settings import Settings
from planetlab.serve import run_service


def main() -> None:
    """Run a management authority until it is told to stop."""
    run_service(serve, Settings, "plfed-mgmt-authority")


if __name__ == "__main__":
    main()
