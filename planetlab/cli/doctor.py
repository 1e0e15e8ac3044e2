"""``plfed doctor``: is everything well? Each check is a sentence, and each that fails has a line that mends it."""

import glob
import pathlib
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import click
import treq
from attrs import asdict
from cryptography import x509
from twisted.internet.task import deferLater

from planetlab import gids
from planetlab.ask import Ask, Password
from planetlab.cli import books, place
from planetlab.cli.deep import examination
from planetlab.cli.deep.finding import Finding, judged
from planetlab.cli.deep.places import look
from planetlab.cli.run import errors_told, run
from planetlab.cli.say import Voice, as_json
from planetlab.cli.target import read_facts
from planetlab.errors import BadSettings, PlanetLabError

SLACK = 300.0  # seconds that two clocks may differ
SOON = 14 * 86400.0  # seconds before a certificate's end in which it is worth a word
OLD = 60.0  # seconds after which a file that was to be renamed has been forgotten
COMING_BACK = 10  # seconds in which a process that ended is started again, on a busy machine too
Facts = Mapping[str, Any]


@click.command("doctor")
@click.argument("where", required=False, type=click.Path(path_type=pathlib.Path))
@click.option("--facts", type=click.Path(), help="Facts file of a demo [PLFED_FACTS, or plfed-demo/facts.json].")
@click.option("--deep", is_flag=True, help="Read all books, logs and pages too: is anything lost, doubled, half made?")
@click.option(
    "--patience", default=12.0, show_default=True, help="Seconds until what --deep finds wrong is looked at again."
)
@as_json
@errors_told
def doctor(where: pathlib.Path | None, facts: str | None, deep: bool, patience: float, as_json: bool) -> None:
    """Look at every part of a running federation; ends with 1 if anything is wrong.

    WHERE is a demo's folder or its facts file, as with --facts; with --deep it may be the folder of one node or one
    authority too, whether or not its services run.
    """
    top = where if where is not None and where.is_dir() else None
    is_demo = top is None or (top / "facts.json").exists()
    if not (is_demo or deep):
        raise BadSettings(f"{top} is no demo's folder; with --deep it may be a node's or an authority's")
    if top is not None and not is_demo and not (look(top).nodes or look(top).authorities):
        raise BadSettings(f"{top}: expected the folder of a demo, of an authority or of a node")
    named = str(top / "facts.json") if top is not None else facts or (str(where) if where else None)
    known = read_facts(named) if is_demo else None

    async def work(reactor: Any) -> int:
        findings = await examine(known, reactor) if known is not None else []
        if deep:
            findings += await examination.examine(top or pathlib.Path(str((known or {})["dir"])), patience, reactor)
        bad = [finding for finding in findings if not finding.ok]
        last = (
            f"{len(bad)} of {len(findings)} checks found something wrong" if bad else f"all {len(findings)} checks well"
        )
        Voice(as_json).result([asdict(finding) for finding in findings], [*(f.line for f in findings), last])
        return 1 if bad else 0

    run(work)


async def examine(facts: Facts, reactor: Any) -> list[Finding]:
    """Every check, in the order in which one explains the next."""
    checks: list[Callable[[Facts, Any], Awaitable[list[Finding]]]] = [
        processes, pages, clocks, certificates, registries, agreements, leftovers
    ]  # fmt: skip
    findings = []
    for check in checks:
        try:
            findings += await check(facts, reactor)
        except (PlanetLabError, OSError, ValueError) as error:
            findings.append(
                Finding(check.__name__, False, str(error) or type(error).__name__, "mend what is named first")
            )
    return findings


async def processes(facts: Facts, reactor: Any) -> list[Finding]:
    """Every process that was started runs; one that has just ended is given the time in which it is started again."""
    for _ in range(COMING_BACK):
        running = place.remembered(pathlib.Path(facts["dir"]))
        dead = [process.name for process in running if not process.is_alive]
        if not dead:
            break
        await deferLater(reactor, 1.0)
    fix = "wait a few seconds; what does not come back says why in the last line of its file in log/"
    return [judged("processes", (f"{name} does not run" for name in dead), f"{len(running)} run", fix)]


async def pages(facts: Facts, reactor: Any) -> list[Finding]:
    """Every address that the facts name answers."""
    wrong, asked = [], 0
    for name, each in facts["authorities"].items():
        for interface in ("sa", "ma", "plcapi", "plcapi_plain"):
            asked += 1
            wrong += await _silent(name, each[interface], Ask(each[interface], ca=each["ca"], reactor=reactor, tries=1))
        asked += 1
        wrong += await _no_page(each["web"], reactor)
    for name, each in facts["nodes"].items():
        for url in (each["pl_conf"], each["nm"], f"unix:{each['nm_socket']}"):
            asked += 1
            wrong += await _silent(name, url, Ask(url, reactor=reactor, tries=1))
        asked += 1
        wrong += await _no_page(each["audit"], reactor)
    return [
        judged("addresses", wrong, f"{asked} answer", "see whether the process runs, and the last lines of its log")
    ]


async def _silent(name: str, url: str, ask: Ask) -> list[str]:
    try:
        await ask.call("system.listMethods")
    except PlanetLabError as error:
        if getattr(error, "fault_code", None) is None:
            return [f"{url} of {name}: {error}"]
    return []


async def _no_page(url: str, reactor: Any) -> list[str]:
    try:
        response = await treq.get(url, timeout=5, persistent=False, reactor=reactor)
        await response.content()
    except Exception as error:  # whatever keeps a page from us is what is to be told
        return [f"{url}: {error or type(error).__name__}"]
    return [] if response.code == 200 else [f"{url} answers {response.code}"]


async def clocks(facts: Facts, reactor: Any) -> list[Finding]:
    """Authorities and we agree on the time, as far as a ticket needs it."""
    wrong = []
    for name, each in facts["authorities"].items():
        response = await treq.get(each["web"], timeout=5, persistent=False, reactor=reactor)
        await response.content()
        said = (response.headers.getRawHeaders("Date") or [""])[0]
        off = parsedate_to_datetime(said).timestamp() - time.time() if said else 0.0
        if abs(off) > SLACK:
            wrong.append(f"the clock of {name} differs by {off:.0f} s")
    return [judged("clocks", wrong, f"within {SLACK:.0f} s", "run a time service on both machines")]


async def certificates(facts: Facts, reactor: Any) -> list[Finding]:
    """TLS certificates and GIDs are in time, and each chain leads to its root."""
    now, findings = time.time(), []
    for name, each in facts["authorities"].items():
        folder = pathlib.Path(each["ca"]).parent
        wrong = [line for file in ("ca.pem", "server.pem") for line in _overdue(folder / file, now)]
        fix = f"remove the file and run `plfed init {folder} --hrn {name}`, which makes what is missing"
        findings.append(judged(f"certificates of {name}", wrong, "in time", fix))
        chain = gids.read_chain((folder / "ticket.pem").read_bytes())
        try:
            gids.verify(chain, chain[-1:], now)
            bad = []
        except PlanetLabError as error:
            bad = [str(error)]
        fix = "ask the authority above for a new certificate: `plfed certify` there"
        findings.append(judged(f"chain of {name}", bad, f"{len(chain)} certificates up to {chain[-1].hrn}", fix))
    return findings


def _overdue(path: pathlib.Path, now: float) -> list[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    left = certificate.not_valid_after_utc.timestamp() - now
    return [f"{path} ends in {left / 86400:.0f} days"] if left < SOON else []


async def registries(facts: Facts, reactor: Any) -> list[Finding]:
    """Every database file is whole."""
    files = sorted(pathlib.Path(facts["dir"]).rglob("*.db"))
    wrong = [f"{file}: {line}" for file in files for line in books.damage(file)]
    return [judged("database files", wrong, f"{len(files)} are whole", "stop the service and restore its last copy")]


async def agreements(facts: Facts, reactor: Any) -> list[Finding]:
    """On every node ledger and node manager name the same slivers, and its authority knows their slices."""
    findings = []
    for name, node in facts["nodes"].items():
        socket = pathlib.Path(node["nm_socket"])
        slivers = await Ask(f"unix:{socket}", reactor=reactor, tries=1).call("Slivers")
        wished = await Ask(f"unix:{socket.parent / 'pl_conf.sock'}", reactor=reactor, tries=1).call("Wishes")
        made = {(one["authority"], one["name"]) for one in slivers}
        asked = {(one["authority"], one["name"]) for one in wished}
        wrong = [f"{slice_name} of {hrn} is wished for and not there" for hrn, slice_name in sorted(asked - made)]
        wrong += [f"{slice_name} of {hrn} is there and nobody wishes it" for hrn, slice_name in sorted(made - asked)]
        # A delegated sliver may outlive its slice, until its ticket ends; nobody but its holder can give it back.
        polled = {(one["authority"], one["name"]) for one in wished if one["instantiation"] == "plc-instantiated"}
        wrong += await _unknown_slices(facts, node["authority"], polled, reactor)
        fix = "wait for the next round (some seconds), or look for the slice in the log of pl_conf"
        findings.append(judged(f"slivers of {name}", wrong, f"{len(made)}, as wished", fix))
    return findings


async def _unknown_slices(facts: Facts, hrn: str, asked: set[tuple[str, str]], reactor: Any) -> list[str]:
    each = facts["authorities"][hrn]
    admin = each["persons"]["admin"]
    auth = Password(admin["Username"], admin["AuthString"])
    own = sorted(slice_name for authority, slice_name in asked if authority == hrn)
    found = (
        await Ask(each["plcapi"], ca=each["ca"], auth=auth, reactor=reactor).call("GetSlices", own, ["name"])
        if own
        else []
    )
    unknown = set(own) - {one["name"] for one in found}
    return [f"{slice_name} is unknown to {hrn}" for slice_name in sorted(unknown)]


async def leftovers(facts: Facts, reactor: Any) -> list[Finding]:
    """Nothing is left of what is gone: half-written files, mounts, control groups."""
    folder = pathlib.Path(facts["dir"])
    now = time.time()
    stale = [path for path in folder.rglob("*.tmp") if now - path.stat().st_mtime > OLD]
    mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    inside = [mount for mount in mounts if mount.startswith(f"{folder}/")]
    real = any(node["driver"] == "container" for node in facts["nodes"].values())
    # glob.glob and not Path.glob: groups of others may go while we look
    groups = [] if real else glob.glob(f"/sys/fs/cgroup/**/{place.group(folder)}-*", recursive=True)
    wrong = [f"{path} was never finished" for path in stale] + [f"{mount} is still mounted" for mount in inside]
    wrong += [f"{path} is of slivers that are gone" for path in groups]
    return [
        judged("leftovers", wrong, "none", "end the demo, remove what is named (rm, umount, rmdir), start it again")
    ]
