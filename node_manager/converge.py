"""From what is wanted and what there is, to what has to be done. Pure: the part of a round with the rules."""

from collections.abc import Mapping

from attrs import frozen

from node_manager.drivers import Found, Sliver, State
from planetlab.names import SliceName


@frozen
class Wish:
    """What is wanted of one sliver. ``runs`` None: as it is found (an idle one stays idle, a running one runs)."""

    sliver: Sliver
    runs: bool | None = True


@frozen
class Destroy:
    """Leave nothing of the sliver."""

    name: SliceName


@frozen
class Stop:
    """End its processes."""

    name: SliceName


@frozen
class Create:
    """Make it, or complete what was left half made."""

    sliver: Sliver


@frozen
class Limit:
    """Bind its rspec."""

    sliver: Sliver


@frozen
class Admit:
    """Replace its users' keys."""

    sliver: Sliver


@frozen
class Script:
    """Replace its initscript."""

    sliver: Sliver


@frozen
class Start:
    """Let it run."""

    name: SliceName


Step = Destroy | Stop | Create | Limit | Admit | Script | Start

_NOTHING: list[Step] = []


def steps_of(wish: Wish, found: Found | None) -> list[Step]:
    """The steps for one sliver that is wanted.

    A half-made one is completed by `Create`. Another reference image does not touch a sliver that is there: its users'
    files are in it; it counts when the sliver is made next.
    """
    sliver, name = wish.sliver, wish.sliver.slice
    if found is None or found.state is State.HALF or found.sliver is None:
        return [Create(sliver), *([] if wish.runs is False else [Start(name)])]
    running = found.state is State.RUNNING
    runs = running if wish.runs is None else wish.runs
    has = found.sliver
    if running is runs and has == sliver:
        return _NOTHING
    steps: list[Step] = [Stop(name)] if running and not runs else []
    if has.rspec != sliver.rspec:
        steps.append(Limit(sliver))
    if has.keys != sliver.keys:
        steps.append(Admit(sliver))
    if has.initscript != sliver.initscript:
        steps.append(Script(sliver))
    return [*steps, Start(name)] if runs and not running else steps


def steps(asked: Mapping[SliceName, Wish], found: Mapping[SliceName, Found], gone: frozenset[SliceName]) -> list[Step]:
    """The steps that turn ``found`` into ``asked``: room is made before it is given away.

    Only what is named in ``gone`` is destroyed; what is found and neither asked for nor gone is left to `strays`.
    """
    ending: list[Step] = [Destroy(name) for name in sorted(found.keys() & gone - asked.keys())]
    all_steps = [step for name in sorted(asked) for step in steps_of(asked[name], found.get(name))]
    first = [step for step in all_steps if isinstance(step, Stop)]
    changes = [step for step in all_steps if isinstance(step, Limit | Admit | Script)]
    return ending + first + changes + [step for step in all_steps if isinstance(step, Create | Start)]


@frozen
class Strays:
    """Slivers that are there and that nobody asked for: which to destroy now, which to keep and why."""

    destroy: frozenset[SliceName] = frozenset()
    kept: Mapping[SliceName, str] = {}


def strays(unasked: Mapping[SliceName, float], there: int, now: float, grace: float, most: float) -> Strays:
    """What becomes of slivers without a record.

    ``unasked`` says since when each was seen to be one (seconds of a clock that does not jump), ``there`` how many
    slivers are found in all. Each is kept for ``grace`` seconds; and when they are more than the fraction ``most`` of
    all (and more than 3), as after the loss of the books, none is destroyed until the owner says so.
    """
    if len(unasked) > max(3, most * there):
        why = f"{len(unasked)} of {there} slivers have no record; kept until asked for again or ended by the owner"
        return Strays(kept=dict.fromkeys(unasked, why))
    ripe = frozenset(name for name, since in unasked.items() if now - since >= grace)
    kept = {
        name: f"no record of it; kept for {grace - now + since:.0f} s more"
        for name, since in unasked.items()
        if name not in ripe
    }
    return Strays(ripe, kept)
