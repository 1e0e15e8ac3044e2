"""The sealed log: whole, in order, signed; any change is noticed and the honest rest stays readable."""

import json
import pathlib
import random
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from auditd.sealing import Log
from auditd.segments import COLUMNS, write
from planetlab import flowlog, keys
from planetlab.errors import BadSettings
from planetlab.files import signing_key
from planetlab.flowlog import START, Manifest, Tampered
from tests.auditd.ground import WIRE
from tests.auditd.test_capturing import BURST
from tests.auditd.test_the_whole_audit import ADDRESSES, Audited
from tests.auditd.world import CODEEN, sent

try:
    import duckdb
except ImportError:
    duckdb = None
KEY = keys.new_p256()


def chain(count: int) -> list[bytes]:
    """Sealed manifests, one after the other."""
    made: list[bytes] = []
    for number in range(1, count + 1):
        previous = flowlog.digest(made[-1]) if made else START
        manifest = Manifest(
            node="node1.plc.example", number=number, since=number * 10, until=number * 10 + 10, rows=number,
            file=f"{number:06d}.parquet", octets=3, sha256=flowlog.digest(b"abc"), previous=previous,
        )  # fmt: skip
        made.append(flowlog.sealed(manifest, KEY))
    return made


class Tampering(SynchronousTestCase):
    def test_every_kind_of_change_anywhere_is_noticed_and_the_honest_rest_is_read(self) -> None:
        honest, chance = chain(40), random.Random(4)
        head = flowlog.digest(honest[-1])
        for trial in range(400):
            at = chance.randrange(len(honest))
            forged = list(honest)
            kind = trial % 6
            if kind == 0:  # an octet
                data = bytearray(forged[at])
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                forged[at] = bytes(data)
            elif kind == 1:
                del forged[at]
            elif kind == 2:
                other = (at + 1 + chance.randrange(len(honest) - 1)) % len(honest)
                forged[at], forged[other] = forged[other], forged[at]
            elif kind == 3:  # one of our own making
                own = evolve(flowlog.opened(forged[at], KEY.public_key()), rows=999_999)
                forged.insert(at, flowlog.sealed(own, keys.new_p256()))
            elif kind == 4:
                forged[at] = forged[at][: chance.randrange(len(forged[at]))]
            else:
                forged = forged[:at]
            good, troubles = flowlog.checked(forged, KEY.public_key(), head)
            self.assertTrue(troubles, (trial, kind, at))
            self.assertGreaterEqual(len(good), (at if kind == 5 else len(honest) - 1), (trial, kind))

    def test_a_file_that_was_changed_is_not_the_one_that_was_sealed(self) -> None:
        (manifest,) = flowlog.checked(chain(1), KEY.public_key())[0]
        flowlog.fits(manifest, b"abc")
        for data in (b"abd", b"ab", b"abcd", b""):
            self.assertRaises(Tampered, flowlog.fits, manifest, data)

    def test_an_honest_chain_has_no_trouble(self) -> None:
        honest = chain(12)
        good, troubles = flowlog.checked(honest, KEY.public_key(), flowlog.digest(honest[-1]))
        self.assertEqual((list(range(1, 13)), []), ([each.number for each in good], troubles))


class Keeping(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def filled(self, count: int) -> Log:
        log = Log(self.folder / "log", signing_key(self.folder / "key", "log key"))
        for number in range(1, count + 1):
            name = f"{number:06d}-x.parquet"
            (log.folder / name).write_bytes(b"x" * 100)
            log.add(
                Manifest(node="n", number=number, since=0, until=number * 3_600_000_000, rows=1, file=name, octets=100,
                         sha256=flowlog.digest(b"x" * 100), previous=log.head)
            )  # fmt: skip
        return log

    def test_it_goes_on_where_an_earlier_run_stopped(self) -> None:
        head = self.filled(3).head
        (self.folder / "log" / "000004-x.parquet.tmp").write_bytes(b"half a segment")
        again = Log(self.folder / "log", signing_key(self.folder / "key", "log key"))
        self.assertEqual((4, head), (again.following(), again.head))
        self.assertEqual([], list((self.folder / "log").glob("*.tmp")))

    def test_files_go_after_their_days_or_beyond_the_budget_and_manifests_stay(self) -> None:
        log = self.filled(10)
        log.trim(now=10 * 3600.0, days=1, budget=450)
        self.assertEqual([False] * 6 + [True] * 4, [each["kept"] for each in log.index()["segments"]])
        log.trim(now=10 * 3600.0, days=1 / 24, budget=10_000)
        self.assertEqual(2, sum(each["kept"] for each in log.index()["segments"]))
        again = Log(log.folder, log.key)
        self.assertEqual(10, len(again.manifests))

    def test_the_key_is_the_nodes_alone(self) -> None:
        signing_key(self.folder / "key", "log key")
        self.assertEqual(0o600, (self.folder / "key").stat().st_mode & 0o777)
        (self.folder / "key").write_bytes(keys.private_pem(keys.new_rsa()))
        self.assertRaises(BadSettings, signing_key, self.folder / "key", "log key")

    @unittest.skipIf(duckdb is None, "the package duckdb is not installed")
    def test_a_segment_is_read_by_any_engine_of_parquet(self) -> None:
        path = self.folder / "it's.parquet"
        found = sent(CODEEN, at=1000, slice=16, packets=3)
        write(found, {16: (CODEEN, "plc", "slice")}, "node1.plc.example", path)
        with duckdb.connect() as engine:
            row = engine.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchone()
        told = dict(zip(COLUMNS, row or (), strict=True))
        self.assertEqual((CODEEN, "plc", "node1.plc.example"), (told["slice"], told["authority"], told["node"]))
        self.assertEqual((5555, 53, 3, 17), tuple(told[name] for name in ("sport", "dport", "packets", "proto")))
        self.assertEqual((0, 0xFFFF << 32 | 0xC6336407), (told["d_hi"], told["d_lo"]))

    @unittest.skipIf(duckdb is None, "the package duckdb is not installed")
    def test_a_segment_without_flows_has_the_columns_of_every_other(self) -> None:
        told = []
        for number, found in enumerate((sent(CODEEN, at=1000, slice=16), sent(CODEEN)[:0])):
            path = self.folder / f"{number}.parquet"
            write(found, {16: (CODEEN, "plc", "slice")}, "node1.plc.example", path)
            with duckdb.connect() as engine:
                told.append(engine.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall())
        self.assertEqual(told[0], told[1])


class Pulling(Audited):
    if duckdb is None:
        skip = "the package duckdb is not installed"

    def ask(self, path: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def test_a_kill_in_the_middle_of_sealing_leaves_an_honest_chain(self) -> None:
        log = self.folder / "data" / "log"
        for name in ("segment.written", "segment.sealed"):
            self.audit.kill()
            self.audit.wait()
            self.begin(f"{name}:kill", segment_seconds=2.0, segment_lag=1.0, idle=0.3, active=0.5)
            self.audit.wait(timeout=60)
            again = Log(log, signing_key(self.folder / "data" / "log.key", "log key"))
            chain = [path.read_bytes() for path in sorted(log.glob("*.manifest"))]
            good, troubles = flowlog.checked(chain, again.key.public_key())
            self.assertEqual((len(chain), []), (len(good), troubles), name)
            for manifest in good:
                flowlog.fits(manifest, (log / manifest.file).read_bytes())
        self.assertGreaterEqual(len(good), 1)

    def test_what_was_sent_is_sealed_and_pulled_with_the_token_only(self) -> None:
        self.audit.kill()
        self.audit.wait()
        (self.folder / "token").write_text("open sesame\n")
        self.begin(segment_seconds=6.0, segment_lag=2.5, idle=0.5, active=1.0, log_token_file="token")
        self.ground.node.run(BURST, ADDRESSES["nyu_coral"], WIRE, "33434", "10")
        sent_at = time.time()
        for path in ("/log/index.json", "/log/000001.manifest"):
            self.assertEqual(401, self.ask(path)[0])
            self.assertEqual(401, self.ask(path, Authorization="Bearer no")[0])
        token = {"Authorization": "Bearer open sesame"}
        self.assertEqual(404, self.ask("/log/../log.key", **token)[0])

        def index() -> Any:
            return json.loads(self.ask("/log/index.json", **token)[1])

        self.until(lambda: any(each["until"] > sent_at + 1 for each in index()["segments"]))
        told = index()
        key = keys.load_public(told["key"].encode())
        manifests = [self.ask(f"/log/{each['number']:06d}.manifest", **token)[1] for each in told["segments"]]
        assert isinstance(key, ec.EllipticCurvePublicKey)
        good, troubles = flowlog.checked(manifests, key, told["head"])
        self.assertEqual((len(manifests), []), (len(good), troubles))
        packets = 0
        for manifest in good:
            status, data = self.ask(f"/log/{manifest.file}", **token)
            self.assertEqual(200, status)
            flowlog.fits(manifest, data)
            status, part = self.ask(f"/log/{manifest.file}", **token, Range="bytes=10-19")
            self.assertEqual((206, data[10:20]), (status, part))
            path = self.folder / "pulled.parquet"
            path.write_bytes(data)
            with duckdb.connect() as engine:
                row = engine.execute(
                    "SELECT sum(packets) FROM read_parquet(?) WHERE slice = 'nyu_coral' AND dport = 33434", [str(path)]
                ).fetchone()
            packets += (row or (0,))[0] or 0
        self.assertEqual(10, packets)
