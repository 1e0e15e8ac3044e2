"""Boot media: which there are, what may be asked of each, and what their files are called. Pure."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from attrs import frozen

from planetlab.errors import BadArgument


@frozen
class Action:
    """One kind of medium: ``image`` is iso, usb or nothing for the text alone; a generic one is of no node."""

    image: str = ""
    suffix: str = ".txt"
    generic: bool = False
    key: bool = True
    shared_only: bool = False


ACTIONS = {
    "node-preview": Action(key=False),
    "node-floppy": Action(shared_only=True),
    "node-iso": Action("iso", ".iso"),
    "node-usb": Action("usb", ".usb"),
    "generic-iso": Action("iso", ".iso", generic=True, key=False, shared_only=True),
    "generic-usb": Action("usb", ".usb", generic=True, key=False, shared_only=True),
}
FLAGS = ("partition", "cramfs", "no-hangcheck", "systemd-console", "systemd-debug")
NODE_DEFAULTS = ("serial", "cramfs", "kvariant", "kargs", "no-hangcheck", "systemd-console", "systemd-debug")
YOUNG = 300.0  # seconds within which a file that was made is not made again
MOST_NAME = 255  # bytes of one part of a path


def action(name: str, node_type: str) -> Action:
    """What to make. Raises `BadArgument` for an action that is none, or none for such a node."""
    said = ACTIONS.get(name)
    if said is None:
        raise BadArgument(f"unknown action {name!r}; known are {', '.join(ACTIONS)}", "action")
    if said.shared_only and node_type == "reservable":
        raise BadArgument(f"{name} is not made for a reservable node", "action")
    return said


def options(asked: list[str] | None, for_: Action, tags: Mapping[str, str | None]) -> dict[str, str]:
    """Options by name: those given, and for those not given what the node's tags say.

    Raises `BadArgument` for one that is none, and for any with an action that gives text or what is of no node.
    """
    given: dict[str, str] = {}
    for option in asked or []:
        name, _, value = option.partition(":")
        _must_be_plain(option)
        if name in FLAGS and not value:
            given[name] = "1"
        elif name in ("serial", "variant") and (value or name == "serial"):
            given["kvariant" if name == "variant" else name] = value or "default"
        else:
            raise BadArgument(f"unknown option {option!r}; known are {', '.join(FLAGS)}, serial[:…], variant:name")
    if given and not for_.image:
        raise BadArgument("options are for images only; this action gives text", "options")
    if "partition" in given and for_.image != "usb":
        raise BadArgument("partition is for usb images only", "options")
    if given and for_.generic:
        raise BadArgument("options are for media of a node; a generic one is the same for all", "options")
    if not for_.image or for_.generic:
        return {}
    return {name: said for name in NODE_DEFAULTS if (said := tags.get(name))} | given


def kernel_arguments(given: Mapping[str, str]) -> str:
    """What the options mean to the kernel of a boot CD, on one line."""
    words = [given["kargs"]] if given.get("kargs") else []
    if serial := given.get("serial"):
        words.append("console=ttyS0,115200n8" if serial in ("default", "1") else f"console={_console(serial)}")
    words += [f"{name}=1" for name in ("no-hangcheck", "systemd-console", "systemd-debug") if given.get(name)]
    return " ".join(words)


def _console(serial: str) -> str:
    tty, _, rest = serial.partition(":")
    return f"{tty},{rest.replace(':', '')}" if rest else tty


def file_name(pattern: str, markers: Mapping[str, str]) -> tuple[str, ...]:
    """The parts of a path below the work directory: markers like %n and %s are replaced.

    Raises `BadArgument` for a path that leaves the work directory, or could be read as another one.
    """
    text = pattern
    for marker, value in markers.items():
        if marker != "%d":
            text = text.replace(marker, value)
    for wrong in ("\0", "\\", "\n", "\r"):
        if wrong in text:
            raise BadArgument(f"a file name cannot hold {wrong!r}", "filename")
    below = text.removeprefix("%d")
    if text.startswith("%d"):
        below = below.lstrip("/")
    elif text.startswith("/"):
        work = markers.get("%d", "").rstrip("/")
        if not work or not text.startswith(f"{work}/"):
            raise BadArgument("expected a name below the work directory %d", "filename")
        below = text[len(work) + 1 :]
    parts = tuple(part for part in PurePosixPath(below).parts)
    if not parts or any(part in ("..", "/") or len(part.encode()) > MOST_NAME for part in parts) or "%d" in below:
        raise BadArgument("expected a name below the work directory %d", "filename")
    if any(part.startswith(("-", ".")) for part in parts):
        raise BadArgument("a part of a file name cannot begin with - or .", "filename")
    return parts


def _must_be_plain(option: str) -> None:
    if not option.isascii() or not option.isprintable() or len(option) > 200 or " " in option:
        raise BadArgument(f"expected a plain word of at most 200 characters, got {option!r}", "options")


def markers(work: str, name: str, for_: Action, plc: Any, family: Mapping[str, str], version: str) -> dict[str, str]:
    """What each marker of a file name stands for."""
    safe = {"%n": name, "%s": for_.suffix, "%p": plc.name, "%f": family["nodefamily"], "%a": family["arch"]}
    return {"%d": work, **{key: said.replace("/", "_") for key, said in safe.items()}, "%v": version.replace("/", "_")}
