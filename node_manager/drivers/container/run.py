"""Running the system's own programs, with their last words in the error."""

import os
import subprocess
from collections.abc import Sequence

from node_manager.drivers import DriverError

LIMIT = 60.0  # seconds; none of them takes more than a fraction of one


def run(*command: str, given: str = "", allowed: Sequence[int] = (0,)) -> str:
    """What ``command`` printed. Raises `DriverError` with its last words unless it ended with an ``allowed`` code."""
    try:
        done = subprocess.run(
            command,
            input=given,
            text=True,
            capture_output=True,
            timeout=LIMIT,
            check=False,
            errors="replace",
            env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise DriverError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise DriverError(f"{command[0]} did not end within {LIMIT:.0f} s") from None
    if done.returncode not in allowed:
        words = (done.stderr.strip() or done.stdout.strip())[-400:]
        raise DriverError(f"{' '.join(command[:4])}: {words or f'exit code {done.returncode}'}")
    return done.stdout
