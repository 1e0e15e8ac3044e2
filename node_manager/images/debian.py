"""Images of Debian packages, made by mmdebstrap from the mirrors that this machine's own apt uses."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

APT = Path("/etc/apt")
_UNREAD = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_APT = re.compile(r"Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|Retries|AllowInsecureRepositories)\b")
_MACHINES_OWN = (
    "etc/machine-id",
    "etc/hostname",
    "etc/resolv.conf",
    "var/lib/dbus/machine-id",
    "var/log/bootstrap.log",
)


class CannotBuild(Exception):
    """The image cannot be made; the text has the last words of the program that failed."""


def build(target: Path, packages: tuple[str, ...], tell: Callable[[str], None]) -> None:
    """Make a root file system of the smallest Debian and ``packages`` at ``target``, which does not exist yet.

    ``tell`` gets each line of progress. Raises `CannotBuild`.
    """
    if not shutil.which("mmdebstrap"):
        raise CannotBuild("mmdebstrap is not installed")
    suite = _suite()
    told = sources(suite)
    if not told:
        raise CannotBuild(f"no source of {suite} main in /etc/apt/sources.list and sources.list.d")
    with tempfile.TemporaryDirectory(prefix="plfed-image.") as scratch:
        mirrors, options = Path(scratch, "image.sources"), Path(scratch, "apt.conf")
        mirrors.write_text("\n\n".join(told) + "\n", "utf-8")
        options.write_text(_apt_options(), "utf-8")
        command = ["mmdebstrap", "--variant=minbase", "--format=directory", f"--include={','.join(packages)}"]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _UNREAD]
        _follow([*command, f"--aptopt={options}", suite, str(target), str(mirrors)], tell)
    _make_nobodys(target)


def contents(root: Path) -> str:
    """Packages and versions in the image, a line each, sorted."""
    command = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return "\n".join(sorted(told.splitlines())) + "\n"


def _follow(command: list[str], tell: Callable[[str], None]) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as builder:
        assert builder.stdout
        last: list[str] = []
        for line in builder.stdout:
            last = [*last[-5:], line.rstrip()]
            if line.startswith(("I: ", "W: ", "E: ")):
                tell(line.rstrip()[3:])
    if builder.returncode:
        raise CannotBuild(f"mmdebstrap ended with {builder.returncode}: {' / '.join(last)}")


def _suite() -> str:
    rows = dict(row.split("=", 1) for row in Path("/etc/os-release").read_text("utf-8").splitlines() if "=" in row)
    return rows.get("VERSION_CODENAME", "bookworm").strip('"')


def sources(suite: str, apt: Path = APT) -> list[str]:
    """The sources in apt's directory that carry ``suite``'s main packages, a stanza of deb822 each."""
    return list(_sources(suite, apt))


def _sources(suite: str, apt: Path) -> Iterator[str]:
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text("utf-8")):
            lines = [line for line in stanza.splitlines() if not line.startswith("#")]
            fields = {key.lower(): value.split() for key, _, value in (line.partition(":") for line in lines)}
            if _carries(suite, fields.get("suites", []), fields.get("components", [])):
                yield "\n".join(lines)
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            match = re.fullmatch(
                r"deb\s+(?:\[(?P<options>.*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.*)", line
            )
            if match and _carries(suite, [match["suite"]], match["parts"].split()):
                signed = re.search(r"signed-by=(\S+)", match["options"] or "")
                yield f"Types: deb\nURIs: {match['uri']}\nSuites: {match['suite']}\nComponents: {match['parts']}" + (
                    f"\nSigned-By: {signed[1]}" if signed else ""
                )


def _carries(suite: str, suites: list[str], components: list[str]) -> bool:
    return "main" in components and any(name in (suite, f"{suite}-updates", f"{suite}-security") for name in suites)


def _apt_options() -> str:
    """How this machine's apt reaches its mirrors: proxies, and whether dates are checked."""
    told = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in told.splitlines() if _APT.match(line)) + "\n"


def _make_nobodys(root: Path) -> None:
    """Take out what should differ from sliver to sliver, and what nobody reads again."""
    for name in _MACHINES_OWN:
        (root / name).unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        for path in (root / folder).rglob("*"):
            if path.is_file():
                path.unlink()
    (root / "etc/resolv.conf").write_text("", "ascii")
    (root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n", "ascii")
    os.makedirs(root / "etc/sudoers.d", exist_ok=True)
