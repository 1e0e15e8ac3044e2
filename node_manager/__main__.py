"""``plfed-node-manager --config FILE``: the part of a node that makes slivers."""

from node_manager.service import serve
from node_manager.settings import Settings
from planetlab.launch import Running, run_service


def main() -> None:
    """Run the node manager until it is told to stop."""
    run_service(_main, Settings, "plfed-node-manager")


async def _main(running: Running[Settings]) -> None:
    await serve(running)


if __name__ == "__main__":
    main()
