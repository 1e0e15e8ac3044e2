"""``python -m node_manager.tool``: which driver a node would use, and the end of all its slivers.

Both work on the settings of a node manager that does not run. ``sweep`` leaves the books alone: a node manager that is
started again makes the slivers anew.
"""

import argparse
import json
import sys
import time

from node_manager.drivers import Driver, DriverError
from node_manager.drivers.choice import choose
from node_manager.settings import Settings
from planetlab import settings
from planetlab.errors import PlanetLabError


def sweep(driver: Driver) -> list[str]:
    """Destroy every sliver; the names of those that were there."""
    names = sorted(driver.look())
    for name in names:
        driver.destroy(name)
    return [str(name) for name in names]


def main() -> None:
    """Do what the command line says; print one JSON object."""
    parser = argparse.ArgumentParser(prog="node_manager.tool", description=__doc__)
    parser.add_argument("what", choices=("driver", "sweep"))
    parser.add_argument("--config", required=True, help="the node manager's settings, TOML")
    options = parser.parse_args()
    try:
        driver, note = choose(settings.read(Settings, options.config), time.time)
        try:
            gone = sweep(driver) if options.what == "sweep" else []
        finally:
            driver.close()
    except (PlanetLabError, DriverError, OSError) as error:
        sys.exit(f"plfed-node-manager: {' '.join(str(error).split())}")
    print(json.dumps({"driver": driver.name, "note": note, "destroyed": gone}))


if __name__ == "__main__":
    main()
