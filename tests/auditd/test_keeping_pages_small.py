"""Pages for people stay below 30 kB whatever they have to show, and lose nothing by it."""

import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from auditd import rows
from auditd.directory import Directory
from auditd.gaps import Gap, Lack
from tests.auditd.world import NOON, SETTINGS, S, World

LONG = [f"{'s' * 40}_{'l' * 19}{n:04d}" for n in range(60)]
TO = "2001:db8:1111:2222:3333:4444:5555"
ZONE = f"?zone={quote('+13:45')}"
FROM = "&from=2027-01-15T07:00:00.123456%2B13:45&until=2027-01-15T21:00:00.123456%2B13:45&skew=3600"
COUNT = 400


def crowded() -> World:
    """A node of which everything that is told is as long as it may be."""
    world = World(
        evolve(SETTINGS, node=f"{'a' * 60}.{'b' * 60}.plc.example", authority_name="N" * 200,
               authority_url=f"https://{'u' * 200}.example/", archive_url=f"https://{'v' * 200}.example/",
               slice_mail=f"SLICE@{'s' * 60}.example")
    )  # fmt: skip
    authority = "plc." + ".".join(["x" * 50] * 4)
    world.own(also=[
        {"slice": name, "authority": authority, "kind": "mark", "tag": str(n + 1), "from": 0.0}
        for n, name in enumerate(LONG)
    ])  # fmt: skip
    ours = {sender.slice: n for sender, n in world.audit.owners.senders().items()}
    chance, found = np.random.default_rng(1), rows.empty(COUNT)
    found["s_hi"], found["s_lo"] = 0x20010DB8AAAABBBB, 0xCCCCDDDDEEEE0001
    found["d_hi"] = 0x20010DB811112222
    found["d_lo"] = np.uint64(0x3333444455550000) + chance.integers(0, 300, COUNT).astype(np.uint64)
    found["slice"] = [ours[LONG[n % len(LONG)]] for n in range(COUNT)]
    found["proto"] = np.resize(np.array([6, 17, 58, 132, 136, 33], np.uint8), COUNT)
    found["ports"] = 40000 << 16 | np.arange(10000, 10000 + COUNT)
    found["flags"], found["packets"], found["octets"] = 255, 10**9 + np.arange(COUNT), 10**12
    found["last"] = NOON * S - chance.integers(0, 3500 * S, COUNT)
    found["first"] = found["last"] - 100 * S
    found["how"] = np.where(np.arange(COUNT) % 2, rows.HOW_PACKETS_ONLY, 0)
    world.audit.hour.add(found, 1000.0)
    for second in range(60):
        moment = (NOON - 100 - second) * S
        world.audit.gaps.add(Gap(Lack.LOSS, moment, moment + 5 * S, "r" * 200, 10**12))
    world.audit.owners_error = "e" * 200
    directory = Directory("", Path("unused"), None, lambda: None)
    directory.purposes = dict.fromkeys(LONG, ("p" * 2000, f"https://{'q' * 250}"))
    object.__setattr__(world.pages._answers, "directory", directory)
    return world


class KeepingPagesSmall(SynchronousTestCase):
    def test_no_page_is_larger_than_30_kb_however_long_everything_on_it_is(self) -> None:
        world = crowded()
        paths = ("/", "/slices", "/destinations", "/summary", "/health", "/paste", f"/slice/{LONG[0]}", f"/to/{TO}:7",
                 f"/to/{TO}:0/112", "/to/2001:db8:1111::/48", "/to/::/0", "/nowhere" * 30)  # fmt: skip
        for path in paths:
            for query in (ZONE, ZONE + FROM, f"{ZONE}{FROM}&slice={LONG[0]}&port=65535&protocol=udp-lite"):
                page = world.get(path + query)
                self.assertLessEqual(len(page.body), 30_000, path + query)
        for lines in ("<é&" * 30 + "\n", f"SRC={TO}:1 DST=192.0.2.10 {'<b>&' * 90}\n"):
            page = world.post("/paste", {"lines": lines * (5000 // len(lines))})
            self.assertEqual(200, page.status)
            self.assertLessEqual(len(page.body), 30_000)

    def test_a_table_of_fewer_rows_a_page_still_shows_every_row_once(self) -> None:
        world, path, ports = crowded(), f"/to/2001:db8:1111::/48{ZONE}", list[str]()
        for _ in range(COUNT):
            page = world.get(path).text
            ports += re.findall(r"5555:[0-9a-f]+ (1\d{4})<td", page)
            more = re.search(r'href="([^"]+)">More rows', page)
            if more is None:
                break
            path = more[1].replace("&amp;", "&")
        self.assertEqual(
            sorted(str(port) for port in range(10000, 10000 + COUNT) if (port - 10000) % 6 != 2), sorted(ports)
        )

    def test_what_is_longer_than_any_answer_needs_is_refused_by_name(self) -> None:
        for name in ("slice", "from", "zone", "rows"):
            told = World().json(f"/to/192.0.2.1.json?{name}={'9' * 101}")
            self.assertEqual(name, told["error"]["argument"])

    def test_what_cannot_be_read_is_refused_in_the_form_that_was_asked_for(self) -> None:
        for query in ("page=0", "rows=7", f"slice={'x' * 200}"):
            for ending, kind in (("json", "application/json"), ("csv", "text/plain"), ("xarf", "application/json")):
                page = World().get(f"/to/192.0.2.1.{ending}?{query}")
                self.assertEqual((400, f"{kind}; charset=utf-8"), (page.status, page.headers["content-type"]), query)
