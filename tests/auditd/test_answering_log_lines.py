"""A stranger pastes log lines, or takes evidence along; rates are drawn."""

import base64
import json
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.auditd.test_pages_for_strangers import HOSTILE, Balance
from tests.auditd.world import CODEEN, CORAL, VICTIM, World, sent

SYN = "2027-01-15T07:59:50Z fw DROP TCP SRC=192.0.2.10 DST=198.51.100.7 PROTO=TCP SPT=7 DPT=22 SYN"


class Pasting(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.see(
            sent(
                CORAL, at=1000, proto=6, ports=7 << 16 | 22, flags=2, s_lo=(0xFFFF << 32) | 0xC000020A, tag=3 << 30 | 9
            ),
            sent(CODEEN, at=1000, proto=17, ports=9 << 16 | 53),
        )
        owner = {"slice": CORAL, "authority": "plc", "kind": "mark", "tag": "9", "from": 1_799_999_000.0}
        self.world.own(also=[owner])

    def verdicts(self, *lines: str) -> list[str]:
        page = self.world.post("/paste.json", {"lines": "\n".join(lines)})
        return [told["verdict"] for told in json.loads(page.body)["lines"]]

    def test_a_line_finds_the_very_flow_and_its_slice(self) -> None:
        (told,) = json.loads(self.world.post("/paste.json", {"lines": SYN}).body)["lines"]
        self.assertEqual(
            ("sent", CORAL, 22), (told["verdict"], told["flows"][0]["slice"], told["flows"][0]["destination_port"])
        )
        page = self.world.post("/paste", {"lines": SYN}).text
        self.assertIn("Line 1: sent from here", page)
        self.assertIn(f"/slice/{CORAL}", page)

    def test_each_way_of_not_fitting_is_told_apart(self) -> None:
        self.assertEqual(
            ["none", "near", "older", "foreign", "unclear"],
            self.verdicts(
                SYN.replace("DPT=22", "DPT=23"),
                SYN.replace("07:59:50", "07:30:00"),
                SYN.replace("07:59:50", "05:30:00"),
                SYN.replace("192.0.2.10", "192.0.2.99"),
                "no address at all",
            ),
        )

    def test_a_line_that_names_only_us_is_taken_to_be_of_the_reader(self) -> None:
        self.assertEqual(["sent"], self.verdicts("sshd: refused connect from 192.0.2.10 port 7 ssh2"))

    def test_bare_text_may_be_posted_by_a_program(self) -> None:
        page = self.world.get("/paste.json", method="POST", headers="Content-Type: text/plain\r\n", body=SYN.encode())
        self.assertEqual("sent", json.loads(page.body)["lines"][0]["verdict"])

    def test_a_form_of_another_site_is_refused(self) -> None:
        page = self.world.post("/paste", {"lines": SYN}, headers="Origin: http://evil.example\r\n")
        self.assertEqual(403, page.status)
        self.assertEqual(200, self.world.post("/paste", {"lines": SYN}, headers="Origin: http://n\r\n").status)

    def test_hostile_lines_stay_lines(self) -> None:
        for text in HOSTILE:
            page = self.world.post("/paste", {"lines": SYN + text.encode("utf-8", "replace").decode()[:3000]})
            self.assertEqual(200, page.status)
            self.assertEqual([], Balance(page.text).active)


class TakingEvidence(SynchronousTestCase):
    def test_a_report_has_the_flows_and_their_digest(self) -> None:
        world = World()
        world.see(sent(CODEEN, at=1000), sent(CORAL, at=1000, proto=1, ports=0x0800))
        codeen, coral = json.loads(world.get(f"/to/{VICTIM}.xarf").body)
        if codeen["tags"] != [f"slice:{CODEEN}"]:
            codeen, coral = coral, codeen
        expected = ("4.2.0", "connection", "udp", "10.128.0.1", 5555, 53, VICTIM)
        names = (
            "xarf_version",
            "category",
            "protocol",
            "source_identifier",
            "source_port",
            "destination_port",
            "destination_ip",
        )
        self.assertEqual(expected, tuple(codeen[name] for name in names))
        self.assertNotIn("source_port", coral)
        (flow,) = json.loads(base64.b64decode(codeen["evidence"][0]["payload"]))
        self.assertEqual((CODEEN, 1), (flow["slice"], flow["packets"]))

    def test_there_is_no_report_where_nothing_was_sent(self) -> None:
        page = World().get("/to/203.0.113.1.xarf")
        self.assertEqual((404, "address"), (page.status, json.loads(page.body)["error"]["argument"]))


class DrawingRates(SynchronousTestCase):
    def test_what_a_flow_sent_is_spread_over_its_minutes(self) -> None:
        world = World()
        world.see(sent(CODEEN, at=1000, octets=6000, packets=100, last=1_120_000_000), sent(CORAL, at=1000, octets=70))
        world.later(125)
        told = world.json("/summary.json")
        minutes = {series["name"]: series["octets"] for series in told["slices"]}
        self.assertEqual([0, 250, 3000, 2750], minutes[CODEEN][-4:])
        self.assertEqual(70, sum(minutes[CORAL]))
        self.assertEqual(["UDP"], [series["name"] for series in told["protocols"]])

    def test_the_drawing_has_a_title_a_description_and_a_table(self) -> None:
        world = World()
        world.see(*(sent(f"10.1.0.{n}", at=1000, tag=3 << 30 | n, octets=1000 * n) for n in range(1, 30)))
        world.later(5)
        page = world.get("/summary")
        self.assertLess(len(page.body), 30_000)
        self.assertEqual(2, len(re.findall(r'<svg role="img" aria-labelledby="\w+ \w+"', page.text)))
        self.assertEqual(2, page.text.count("<details>"))
        for expected in ("(unknown mark:29)", "the rest", "UTC</text>"):
            self.assertIn(expected, page.text)
        self.assertNotIn("NaN", page.text)

    def test_an_empty_hour_has_no_drawing(self) -> None:
        self.assertIn("Nothing was sent from here in the last hour", World().get("/summary").text)
