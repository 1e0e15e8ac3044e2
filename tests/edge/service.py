"""A whole service of a few lines, run as a program of its own by the claims on starting and stopping."""

from attrs import field, frozen
from twisted.internet import task

from planetlab.errors import Unavailable
from planetlab.serve import ApiResource, Running, hardened_site, mount, run_service
from tests.edge.example import api, greet


@frozen(kw_only=True)
class Settings:
    """A service that is an example."""

    listen: str = field(default="tcp:0:interface=127.0.0.1", metadata={"doc": "Where it listens, an endpoint."})
    operator: str = field(default="", metadata={"doc": "Where it tells of its health; nowhere if empty."})
    needs: str = field(default="", metadata={"doc": "A tool that is not there."})
    hangs: bool = field(default=False, metadata={"doc": "Whether a thread hangs at the end."})
    slow: float = field(default=0.0, metadata={"doc": "Seconds that a call takes."})


async def serve(running: Running[Settings]) -> None:
    """Set up, and say where."""
    stated = running.settings
    if stated.needs:
        raise Unavailable(f"{stated.needs} is not installed; apt-get install {stated.needs}")

    async def slowly(thunk: object) -> object:
        if stated.slow:
            print("in work", flush=True)
        await task.deferLater(running.reactor, stated.slow)
        return thunk() if callable(thunk) else thunk

    resource = ApiResource(api, greet, run=lambda method, thunk: slowly(thunk))
    address = await running.listen(stated.listen, hardened_site(mount({"": resource}), running.reactor))
    await running.operator(stated.operator)
    if stated.hangs:
        running.at_end(lambda: running.reactor.callInThread(_hang))
    running.at_end(lambda: print("closed", flush=True))
    print(address, flush=True)


def _hang() -> None:
    import threading

    threading.Event().wait()


if __name__ == "__main__":
    run_service(serve, Settings, "plfed-example")
