"""``python -m pl_conf --config FILE``: takes tickets and keeps the ledger of one node."""

import sys
import time
from secrets import SystemRandom

from pl_conf.sample import policy_sample
from pl_conf.service import PlConf
from pl_conf.settings import Settings
from planetlab.launch import Running, run_service


def _elapsed() -> float:
    """Seconds since the machine started, sleep included; nobody can set them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def serve(running: Running[Settings]) -> None:
    """Set the service up and begin."""
    place = running.config.absolute().parent
    service = PlConf(running.settings, place, running.reactor, running.clock, _elapsed, SystemRandom().random)
    await service.start(running)


def main() -> None:
    """Run until told to stop. ``--sample-policy`` prints a sample of the owner's file instead."""
    if sys.argv[1:] == ["--sample-policy"]:
        sys.stdout.write(policy_sample())
        return
    run_service(serve, Settings, "plfed-pl-conf")


if __name__ == "__main__":
    main()
