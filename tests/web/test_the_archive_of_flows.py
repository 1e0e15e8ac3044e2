"""The archive: it takes in what nodes have sealed and nothing else, and finds who sent what."""

import functools
import http.server
import json
import pathlib
import random
import re
import tempfile
import threading
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from auditd import rows, segments
from planetlab import audit_statements as statements
from planetlab import flowlog, keys
from planetlab.audit_statements import Statement
from planetlab.clock import SetClock
from planetlab.errors import BadArgument, Unreachable
from planetlab.flowlog import START, Manifest, Tampered
from web import archive as web_archive
from web.archive import ArchivePages
from web.pull import Puller
from web.questions import Question
from web.store import Archive

try:
    import duckdb
except ImportError:
    duckdb = None
KEY = keys.new_p256()
PEM = keys.public_pem(KEY.public_key()).decode()
NOON, HOUR = 1_800_000_000, 3600
NODE = "node1.plc.example"
DESTINATIONS = ("203.0.113.0/24", "203.0.113.77", "2001:db8::/48", "2001:db8:0:0:8000::5", "::/0")
SLICES = {16: ("princeton_codeen", "plc", "slice"), 17: ("nyu_coral", "plc", "slice"), 0: ("", "", "unknown")}


def flows(count: int, since: int, seed: int) -> rows.Rows:
    """Flows of one hour: both versions, every slice."""
    chance = np.random.default_rng(seed)
    found = rows.empty(count)
    six = chance.random(count) < 0.3
    found["s_lo"] = rows.pair(ip_address("192.0.2.10"))[1]
    found["d_hi"] = np.where(six, np.uint64(0x20010DB800000000), np.uint64(0))
    lo = np.where(six, np.uint64(0x8000000000000000), np.uint64(rows.MAPPED | 0xCB007100))
    found["d_lo"] = lo + chance.integers(0, 400, count).astype(np.uint64)
    found["slice"] = chance.choice(np.array([16, 17, 0]), count)
    found["proto"], found["packets"], found["octets"] = 17, chance.integers(1, 9, count), 60
    found["ports"] = 5555 << 16 | chance.integers(1, 6, count)
    found["last"] = since * 1_000_000 + chance.integers(0, HOUR * 1_000_000, count)
    found["first"] = found["last"] - chance.integers(0, 200_000_000, count)
    return found


class Sealed(TestCase):
    """A node's log of three hours, in a folder that a plain web server hands out."""

    if duckdb is None:
        skip = "the package duckdb is not installed"

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.log = self.folder / "site" / "log"
        self.log.mkdir(parents=True)
        self.sent = [flows(400, NOON + n * HOUR, n) for n in range(3)]
        previous = START
        for number, found in enumerate(self.sent, 1):
            previous = self.seal(number, found, previous)
        self.index(3, previous)
        handler = functools.partial(Files, directory=str(self.folder / "site"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.archive = Archive(self.folder / "archive")
        self.addCleanup(lambda: self.archive.close())
        self.puller = Puller(self.archive, {NODE: self.url}, "token", reactor)

    def seal(self, number: int, found: rows.Rows, previous: str) -> str:
        name = f"{number:06d}-x.parquet"
        segments.write(found, SLICES, NODE, self.log / name)
        data, since = (self.log / name).read_bytes(), (NOON + (number - 1) * HOUR) * 1_000_000
        gaps: tuple[dict[str, Any], ...] = (
            ({"lack": "blind", "since": since, "until": since + 1},) if number == 2 else ()
        )
        manifest = Manifest(
            node=NODE, number=number, since=since, until=since + HOUR * 1_000_000, rows=len(found), file=name,
            octets=len(data), sha256=flowlog.digest(data), previous=previous, gaps=gaps,
        )  # fmt: skip
        sealed = flowlog.sealed(manifest, KEY)
        (self.log / f"{number:06d}.manifest").write_bytes(sealed)
        return flowlog.digest(sealed)

    def index(self, count: int, head: str, **more: Any) -> None:
        listed = [{"number": n, "kept": True} for n in range(1, count + 1)]
        told = {"key": PEM, "head": head, "segments": listed, **more}
        (self.log / "index.json").write_text(json.dumps(told))

    def pull(self) -> "Deferred[int]":
        return Deferred.fromCoroutine(self.puller.pull(NODE, self.url))


class Files(http.server.SimpleHTTPRequestHandler):
    """Plain files, in parts where parts are asked for; may break off after so many bytes."""

    most = 1 << 30

    def do_GET(self) -> None:
        path = pathlib.Path(self.translate_path(self.path))
        if self.headers.get("Authorization") != "Bearer token" or not path.is_file():
            self.send_error(404)
            return
        data, start = path.read_bytes(), 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        part = data[start : start + (Files.most if path.suffix == ".parquet" else len(data))]
        self.wfile.write(part)

    def log_message(self, *told: Any) -> None:
        """Say nothing."""


class Pulling(Sealed):
    async def test_a_pull_that_breaks_off_anywhere_goes_on_from_there_and_ends_with_the_same_bytes(self) -> None:
        self.patch(Files, "most", 3000)
        for _ in range(40):
            try:
                await self.pull()
                break
            except Unreachable:
                continue
        log = self.archive.node(NODE)
        self.assertEqual([], log.wanting())
        for number in (1, 2, 3):
            sealed = (self.log / f"{number:06d}-x.parquet").read_bytes()
            self.assertEqual(sealed, log.file(log.manifests[number]).read_bytes())

    async def test_pulling_twice_and_by_another_process_changes_nothing(self) -> None:
        self.assertEqual(3, await self.pull())
        self.assertEqual(0, await self.pull())
        self.puller.archive = Archive(self.folder / "archive")
        self.assertEqual(0, await self.pull())

    async def test_a_file_that_was_changed_at_the_node_does_not_get_in(self) -> None:
        path = self.log / "000002-x.parquet"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        await self.assertFailure(self.pull(), Tampered)
        log = self.archive.node(NODE)
        self.assertEqual([2, 3], [manifest.number for manifest in log.wanting()])
        self.assertEqual([], list(log.folder.glob("*.part")))

    async def test_segments_that_vanish_are_noticed(self) -> None:
        await self.pull()
        self.index(2, "")
        await self.assertFailure(self.pull(), Tampered)

    async def test_a_node_that_shows_another_key_is_not_believed(self) -> None:
        await self.pull()
        self.index(3, "", key=keys.public_pem(keys.new_p256().public_key()).decode())
        error = await self.assertFailure(self.pull(), Tampered)
        self.assertIn("another key", str(error))

    async def test_an_index_that_is_none_is_refused(self) -> None:
        for text in (
            "[]",
            "{}",
            "x",
            '{"key": 1, "segments": []}',
            json.dumps({"key": PEM, "segments": [{"number": "x"}]}),
        ):
            (self.log / "index.json").write_text(text)
            await self.assertFailure(self.pull(), Tampered)

    async def test_one_node_that_is_away_does_not_keep_the_others_waiting(self) -> None:
        self.puller.nodes = {"away.plc.example": "http://127.0.0.1:9", **self.puller.nodes}
        await Deferred.fromCoroutine(self.puller.round())
        self.assertEqual(["away.plc.example"], list(self.puller.errors))
        self.assertEqual([], self.archive.node(NODE).wanting())


class Searching(Sealed):
    async def test_counts_are_those_of_a_plain_search_for_many_questions(self) -> None:
        await self.pull()
        every, chance = np.concatenate(self.sent), random.Random(3)
        for _ in range(60):
            since = NOON + chance.randrange(3 * HOUR)
            question = Question(
                since=since, until=since + chance.randrange(1, HOUR), skew=0.0,
                to=ip_network(chance.choice(DESTINATIONS)),
                slice=chance.choice(("", "princeton_codeen")), port=chance.choice((None, 3)),
            )  # fmt: skip
            expected = [flow for flow in every if fits(flow, question)]
            found = self.archive.search(question, most=10_000)
            self.assertEqual(len(expected), len(found), question)
            packets = sum(struct["packets"] for struct in self.archive.senders(question))
            self.assertEqual(sum(int(flow["packets"]) for flow in expected), packets)

    async def test_the_four_standing_questions(self) -> None:
        await self.pull()
        every = np.concatenate(self.sent)
        day = Question(since=NOON - HOUR, until=NOON + 9 * HOUR, skew=0.0)
        codeen = every[every["slice"] == 16]
        told = {struct["slice"]: struct["destinations"] for struct in self.archive.many_destinations(day, 10)}
        self.assertEqual(
            len(set(zip(codeen["d_hi"].tolist(), codeen["d_lo"].tolist(), strict=True))), told["princeton_codeen"]
        )
        ports = self.archive.ports(Question(since=day.since, until=day.until, slice="princeton_codeen"))
        self.assertEqual({1, 2, 3, 4, 5}, {struct["port"] for struct in ports})
        hours = [s["octets"] for s in self.archive.by_hour(day) if s["slice"] == "princeton_codeen"]
        self.assertEqual(60 * len(codeen), sum(hours))

    async def test_an_answer_says_what_it_rests_on(self) -> None:
        await self.pull()
        told = self.archive.coverage(Question(since=NOON + HOUR + 600, until=NOON + HOUR + 700))
        self.assertIn(
            (NODE, float(NOON + HOUR), True, 1), [(c["node"], c["since"], c["here"], len(c["gaps"])) for c in told]
        )
        self.assertEqual([], self.archive.coverage(Question(since=NOON - 90 * HOUR, until=NOON - 80 * HOUR)))


class Merging(Sealed):
    """Hours that are over become one file for all nodes."""

    def asked(self) -> list[Any]:
        day = Question(since=NOON - HOUR, until=NOON + 9 * HOUR, skew=0.0)
        part = Question(since=NOON + HOUR / 2, until=NOON + 2 * HOUR, skew=0.0, to=ip_network("203.0.113.0/26"))
        return [
            sorted(map(repr, self.archive.search(part, most=10_000))),
            *(self.archive.senders(each) for each in (day, part)),
            *(self.archive.many_destinations(each, 5) for each in (day, part)),
            *(self.archive.ports(each) for each in (day, part)),
            *(self.archive.by_hour(each) for each in (day, part)),
        ]

    def hours(self) -> list[str]:
        folder = self.archive.folder
        return sorted(str(path.relative_to(folder)) for path in folder.glob("hours/*/*/*.parquet"))

    async def test_a_merged_hour_answers_what_the_nodes_own_files_did(self) -> None:
        await self.pull()
        before = self.asked()
        self.assertEqual(3, self.archive.tidy(NOON + 4.0 * HOUR, 9e9, 9e9))
        self.assertEqual(3, len(self.hours()))
        self.assertEqual(before, self.asked())
        self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0)
        self.assertEqual([], list(self.archive.node(NODE).folder.glob("*.parquet")))
        self.assertEqual(before, self.asked())
        self.archive.close()
        self.archive = Archive(self.archive.folder)
        self.assertEqual(before, self.asked())

    async def test_merged_segments_are_not_pulled_again_and_still_count_as_here(self) -> None:
        await self.pull()
        self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0)
        self.assertEqual(0, await self.pull())
        told = self.archive.coverage(Question(since=NOON, until=NOON + 3 * HOUR))
        self.assertEqual([True, True, True], [each["here"] for each in told])

    async def test_an_hour_that_goes_on_or_has_just_ended_is_not_merged(self) -> None:
        await self.pull()
        self.assertEqual(2, self.archive.tidy(NOON + 3.0 * HOUR + 60, 9e9, 9e9))

    async def test_a_node_that_comes_late_is_merged_into_the_hour_once(self) -> None:
        await self.pull()
        self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0)
        late = self.archive.node("late.plc.example")
        found = flows(50, NOON, 9)
        part = late.folder / "x.part"
        segments.write(found, SLICES, late.name, part)
        manifest = self.manifest_of(late.name, len(found), part.read_bytes())
        late.meet(PEM)
        late.add(flowlog.sealed(manifest, KEY))
        self.archive.admit(late, manifest, part)
        day = Question(since=NOON - HOUR, until=NOON + 9 * HOUR, skew=0.0)
        before = self.archive.senders(day)
        self.assertEqual(1, self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0))
        self.assertEqual(before, self.archive.senders(day))
        self.assertEqual(0, self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0))
        self.assertEqual(1250, sum(struct["flows"] for struct in before))

    def manifest_of(self, node: str, count: int, data: bytes) -> Manifest:
        return Manifest(
            node=node, number=1, since=NOON * 1_000_000, until=(NOON + HOUR) * 1_000_000, rows=count, file="x.parquet",
            octets=len(data), sha256=flowlog.digest(data), previous=START,
        )  # fmt: skip

    async def test_flows_older_than_is_kept_are_deleted_and_not_pulled_again(self) -> None:
        await self.pull()
        self.archive.tidy(NOON + 4.0 * HOUR, 9e9, 9e9)
        self.archive.tidy(NOON + HOUR + 86400.0 + 60, days=1.0, segment_days=1.0)
        self.assertEqual(2, len(self.hours()))
        self.assertEqual(0, await self.pull())
        told = self.archive.coverage(Question(since=NOON, until=NOON + 3 * HOUR))
        self.assertEqual([False, True, True], [each["here"] for each in told])

    async def test_a_merge_that_was_cut_off_leaves_the_hour_as_it_was(self) -> None:
        await self.pull()
        self.archive.tidy(NOON + 4.0 * HOUR, 9e9, 9e9)
        before, (path, *_) = self.asked(), self.archive.folder.glob("hours/*/*/*")
        path.with_suffix(".tmp").write_bytes(b"PAR1 half")
        self.archive.close()
        self.archive = Archive(self.archive.folder)
        self.assertEqual(before, self.asked())
        self.assertEqual([], list(self.archive.folder.glob("hours/*/*/*.tmp")))

    async def test_a_node_does_not_get_flows_in_that_are_not_its_own_or_of_another_time_or_no_flows(self) -> None:
        liar = self.archive.node("liar.plc.example")
        liar.meet(PEM)
        part = liar.folder / "x.part"
        segments.write(flows(5, NOON, 1), SLICES, NODE, part)
        others = part.read_bytes()
        segments.write(flows(5, NOON + HOUR, 1), SLICES, liar.name, part)
        later = part.read_bytes()
        for data in (others, later, b"PAR1" * 99, b""):
            part.write_bytes(data)
            self.assertRaises(Tampered, self.archive.admit, liar, self.manifest_of(liar.name, 5, data), part)
            self.assertFalse(part.exists())
        part.write_bytes(others)
        self.assertRaises(Tampered, self.archive.admit, liar, self.manifest_of(NODE, 5, others), part)


class Asking(Sealed):
    def ask(self, query: dict[str, str], as_json: bool = True) -> tuple[int, Any]:
        pages = ArchivePages("plc", self.archive, SetClock(NOON + 3.0 * HOUR), reactor)
        code, body = pages.answer(query, as_json, NOON + 3.0 * HOUR)
        return code, json.loads(body) if as_json else body.decode()

    async def test_an_address_is_answered_with_who_sent_there(self) -> None:
        await self.pull()
        code, told = self.ask({"to": "203.0.113.7"})
        self.assertEqual(200, code)
        self.assertTrue(told["flows"])
        self.assertEqual({"203.0.113.7"}, {flow["destination"] for flow in told["flows"]})
        text = self.ask({"to": "203.0.113.7"}, as_json=False)[1]
        self.assertEqual(len(told["flows"]), len(re.findall("<td>203[.]0[.]113[.]7[:<]", text)))
        self.assertIn('href="/archive.json?to=203.0.113.7"', text)

    async def test_a_page_for_people_stays_small_and_says_that_there_is_more(self) -> None:
        await self.pull()
        code, text = self.ask({"to": "203.0.113.0/24"}, as_json=False)
        self.assertEqual(200, code)
        self.assertLess(len(text.encode()), 30_000)
        self.assertRegex(text, r"60 of \d{3,} or more")

    async def test_who_asks_for_a_slice_reads_of_networks_and_not_of_addresses(self) -> None:
        await self.pull()
        _, told = self.ask({"slice": "nyu_coral"})
        networks = {"203.0.113.0/24", "203.0.114.0/24", "2001:db8::/48"}
        self.assertEqual(networks, {flow["destination"] for flow in told["flows"]})

    def test_an_end_of_a_flow_is_one_word_and_has_a_port_where_its_protocol_has(self) -> None:
        for address, protocol, expected in (
            ("192.0.2.1", 17, "192.0.2.1:53"), ("2001:db8::1", 6, "[2001:db8::1]:53"), ("192.0.2.1", 1, "192.0.2.1"),
            ("2001:db8::/48", 58, "2001:db8::/48"), ("192.0.2.0/24", 132, "192.0.2.0/24:53"),
        ):  # fmt: skip
            row = {"source": address, "source_port": 53, "protocol": protocol}
            self.assertEqual(expected, web_archive._end(row, "source"))

    async def test_no_log_is_not_the_same_as_nothing_sent(self) -> None:
        await self.pull()
        self.assertIn("Nothing of the kind was sent", self.ask({"to": "198.51.100.1"}, as_json=False)[1])
        _, text = self.ask({"to": "198.51.100.1", "from": "1000", "until": "2000"}, as_json=False)
        self.assertIn("There is no log of that time here", text)

    def test_what_cannot_be_asked_is_named(self) -> None:
        for query, argument in (
            ({"to": "banana"}, "to"), ({"to": "10.0.0.0/8"}, "to"), ({"port": "53"}, "to"),
            ({"to": "10.0.0.1", "from": "noon"}, "from"), ({"to": "10.0.0.1", "port": "x"}, "port"),
            ({"to": "10.0.0.1", "from": "5", "until": "4"}, "until"), ({"to": "10.0.0.1", "from": "5"}, "until"),
        ):  # fmt: skip
            code, told = self.ask(query)
            self.assertEqual((400, argument), (code, told["error"]["argument"]), query)
            code, text = self.ask({**query, "slice": "<script>"} if "to" in query else query, as_json=False)
            self.assertNotIn("<script>", text)


class Stating(Sealed):
    """The archive's signed answers."""

    def stated(self, query: dict[str, str]) -> Statement:
        pages = ArchivePages("plc", self.archive, SetClock(NOON + 3.0 * HOUR), reactor)
        code, body = pages.stated(query, False, NOON + 3.0 * HOUR)
        self.assertEqual(200, code, body)
        key = keys.load_public(pages.key({}, False, 0.0)[1])
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return statements.verified(body, key)

    async def test_a_no_names_the_segments_it_rests_on_and_every_gap(self) -> None:
        await self.pull()
        told = self.stated({"to": "198.51.100.1", "from": str(NOON), "until": str(NOON + 3 * HOUR)})
        self.assertEqual((0, False, "198.51.100.1"), (told.flows, told.complete, told.about))
        (rests,) = told.rests_on
        self.assertEqual((NODE, 1, 3), (rests["node"], rests["first"], rests["last"]))
        manifest = (self.log / "000003.manifest").read_bytes()
        self.assertEqual(flowlog.digest(manifest), rests["manifest"])
        self.assertEqual([("blind", NOON + HOUR)], [(gap["lack"], gap["since"]) for gap in told.gaps])

    async def test_a_time_without_a_log_is_a_gap_and_so_is_a_node_that_was_never_pulled_from(self) -> None:
        await self.pull()
        self.archive.node("away.plc.example")
        told = self.stated({"to": "198.51.100.1", "from": str(NOON - HOUR), "until": str(NOON + HOUR)})
        spans = {(gap["node"], gap["since"], gap["until"]) for gap in told.gaps}
        expected = {(NODE, NOON - HOUR, NOON), ("away.plc.example", NOON - HOUR, NOON + HOUR)}
        self.assertLessEqual(expected, spans)
        self.assertFalse(told.complete)
        full = self.stated({"to": "198.51.100.1", "from": str(NOON), "until": str(NOON + HOUR - 1), "node": NODE})
        self.assertTrue(full.complete, full.gaps)

    async def test_a_yes_counts_what_a_search_finds_also_after_merging(self) -> None:
        await self.pull()
        query = {"to": "203.0.113.7", "from": str(NOON), "until": str(NOON + 3 * HOUR)}
        question = Question(since=NOON, until=NOON + 3 * HOUR, to=ip_network("203.0.113.7"), skew=0.0)
        expected = len(self.archive.search(question))
        self.assertEqual(expected, self.stated(query).flows)
        self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0)
        self.assertEqual(expected, self.stated(query).flows)

    def test_what_no_statement_can_be_about_is_refused(self) -> None:
        pages = ArchivePages("plc", self.archive, SetClock(NOON + 3.0 * HOUR), reactor)
        for query in ({}, {"slice": "nyu_coral"}, {"to": "10.0.0.0/8"}, {"to": "10.0.0.1", "node": "x"}):
            self.assertEqual(400, pages.stated(query, False, NOON + 3.0 * HOUR)[0], query)


class Naming(SynchronousTestCase):
    def test_a_node_whose_name_is_a_path_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            archive = Archive(pathlib.Path(folder))
            for name in ("../x", "/etc", "", ".", "a/b", "A", "x" * 300):
                self.assertRaises(BadArgument, archive.node, name)


def fits(flow: rows.Rows, question: Question) -> bool:
    """The same question, asked of one flow in plain Python."""
    address = rows.address(int(flow["d_hi"]), int(flow["d_lo"]))
    if question.to is not None:
        mapped = ip_address(f"::ffff:{address}") if isinstance(address, IPv4Address) else address
        if (address if question.to.version == address.version else mapped) not in question.to:
            return False
    name = SLICES[int(flow["slice"])][0]
    return (
        question.slice in ("", name)
        and question.port in (None, int(flow["ports"]) & 0xFFFF)
        and int(flow["last"]) >= question.since * 1e6
        and int(flow["first"]) <= question.until * 1e6
    )
