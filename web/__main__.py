"""``python -m web --config FILE``: the public pages of one authority."""

from pathlib import Path

from planetlab.ask import Ask, Password
from planetlab.errors import BadSettings
from planetlab.launch import Running, run_service
from planetlab.limits import Limits, hardened_site
from web.front import Front, Records
from web.settings import Settings

_READERS = Limits(body=64 << 10, idle=15.0)  # readers only read


async def serve(running: Running[Settings]) -> None:
    """Set the pages up and begin."""
    stated, place = running.settings, running.config.absolute().parent
    password, ca = _read(place / stated.password_file).decode().strip(), _read(place / stated.ca)
    who = Password(stated.username, password)
    ask = Ask(stated.plcapi, ca=ca, auth=who, timeout=stated.patience, tries=2, reactor=running.reactor)
    front = Front(stated.name, stated.plcapi, ca, Records(ask, running.clock.now, stated.fresh))
    for where in stated.listen:
        await running.listen(where, hardened_site(front, running.reactor, _READERS))
    await running.operator(stated.operator_listen)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from error


def main() -> None:
    """Run until told to stop."""
    run_service(serve, Settings, "plfed-web")


if __name__ == "__main__":
    main()
