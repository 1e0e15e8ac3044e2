"""``plfed demo``: a whole federation on loopback, run in the foreground and taken away again when it ends."""

import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from planetlab.cli import place, plan
from planetlab.cli.federation import Federation, Wishes
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json
from planetlab.cli.story import Story
from planetlab.cli.target import DEFAULT_DIR, read_facts

BASE_PORT = 8700
MOST_NODES = 50


@click.command("demo")
@click.option("--dir", "directory", type=click.Path(), help=f"Where to keep it; a second run resumes. [{DEFAULT_DIR}]")
@click.option("--base-port", type=click.IntRange(1024, 60_000), default=BASE_PORT, show_default=True)
@click.option("--nodes", type=click.IntRange(1, MOST_NODES), default=3, show_default=True, help="Nodes of plc.")
@click.option("--driver", type=click.Choice(["auto", "memory", "container"]), default="auto", show_default=True)
@click.option("--facts", type=click.Path(), help="Where to write the facts, as JSON. [facts.json in DIR]")
@click.option("--once", is_flag=True, help="Play the story, tell each step, end with 0 or 1.")
@click.option(
    "--json", "as_json", is_flag=True, help="The facts, or with --once the story, as JSON on standard output."
)
@errors_told
def demo(
    directory: str | None, base_port: int, nodes: int, driver: str, facts: str | None, once: bool, as_json: bool
) -> None:
    """Run authorities plc, plc.japan under it, and epfl beside them, with N nodes of plc and one of epfl.

    Everything is on loopback, and nothing leaves this machine. Ctrl-C ends it and leaves nothing outside DIR.
    """
    if once and directory is None:
        with tempfile.TemporaryDirectory(prefix="plfed-", ignore_cleanup_errors=False) as temporary:
            _run(pathlib.Path(temporary), base_port, nodes, driver, facts, once, as_json)
    else:
        _run(pathlib.Path(directory or DEFAULT_DIR).absolute(), base_port, nodes, driver, facts, once, as_json)


def _run(
    path: pathlib.Path, base_port: int, nodes: int, driver: str, facts: str | None, once: bool, as_json: bool
) -> None:
    voice, began = Voice(as_json), time.monotonic()
    wishes = Wishes(path, base_port, driver, pathlib.Path(facts).absolute() if facts else None)

    async def work(reactor: Any) -> int:
        federation = Federation(plan.plan(nodes), wishes, reactor, voice)
        try:
            await federation.start()
            voice.line(f"ready in {time.monotonic() - began:.1f} s")
            if once:
                return await play(federation.facts, reactor, voice, lambda: not federation.ending)
            voice.result(federation.facts, federation.banner())
            await federation.until_told_to_end()
            return 0
        finally:
            await federation.end()

    with place.held(path, place.PASSAGE):
        run(work)


def always() -> bool:
    """Whoever plays the story has not been told to end."""
    return True


@click.command("story")
@click.option("--facts", type=click.Path(), help="Facts file of a demo [PLFED_FACTS, or plfed-demo/facts.json].")
@as_json
@errors_told
def story(facts: str | None, as_json: bool) -> None:
    """Play the story on a demo that runs; ends with 0 if all of it came out as told."""
    known = read_facts(facts)
    run(lambda reactor: play(known, reactor, Voice(as_json)))


async def play(facts: Mapping[str, Any], reactor: Any, voice: Voice, is_wanted: Callable[[], bool] = always) -> int:
    """Play the story once; 0 if all of it came out as told."""
    told, began = Story(facts, reactor, voice, f"story{int(time.time())}", is_wanted), time.monotonic()
    well = await told.play()
    seconds = time.monotonic() - began
    steps = [{"step": s.name, "seconds": round(s.seconds, 3), "ok": s.ok, "seen": s.seen} for s in told.steps]
    line = f"the story came out {'well' if well else 'BADLY'} in {seconds:.1f} s"
    voice.result({"ok": well, "seconds": round(seconds, 3), "steps": steps}, [line])
    return 0 if well else 1
