"""A stranger's journey on real networks: address in, slice out, complaint filed, pause in force, status seen."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
from collections.abc import Mapping
from typing import Any

from auditd.pauses import TABLE
from tests.auditd import browser
from tests.auditd.ground import NODE, WIRE, WithGround
from tests.auditd.test_capturing import BURST
from tests.auditd.test_the_whole_audit import NM
from tests.waiting import until

LACKING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
BROWSER = """
import json, sys, urllib.error, urllib.request
host, path, form = sys.argv[1:]
try:
    with urllib.request.urlopen("http://" + host + path, form.encode() if form else None, timeout=60) as answer:
        print(json.dumps([answer.status, answer.url.partition(host)[2], answer.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, path, error.read().decode()]))
except OSError:
    print(json.dumps([0, path, ""]))
"""


class Placed(WithGround):
    """A node with a slice and its audit on one side, a stranger on the other."""

    more: Mapping[str, Any] = {}  # further settings of the audit

    def begin(self) -> None:
        """Start what else is needed."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        super().setUp()
        self.ground.sliver_address("10.128.0.1")
        owner = {"slice": "nyu_coral", "authority": "plc", "kind": "address", "tag": "10.128.0.1", "from": 1.0}
        (self.folder / "owners").write_text(json.dumps([owner]))
        self.start(sys.executable, str(NM), str(self.folder / "nm.sock"), str(self.folder / "owners"))
        settings = {
            "node": "node1.plc.example", "address": NODE, "data_dir": "data", "nm_socket": "nm.sock", "ring_mib": 4,
            "listen": ["tcp:80"], "capture_interfaces": ["up0"], "slice_mail": "SLICE@slices.plc.example",
            "authority_name": "Example Testbed", "authority_url": "https://plc.example/",
            "abuse_mail": "abuse@plc.example", "operator_mail": "support@plc.example",
            **self.more,
        }  # fmt: skip
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        (self.folder / "audit.toml").write_text("\n".join(lines))
        self.start(*self.ground.node.enter, sys.executable, "-m", "auditd", "--config", str(self.folder / "audit.toml"))
        self.begin()
        self.until(lambda: self.visit("/index.json")[0] == 200 and self.json("/index.json")["capturing"])

    def start(self, *words: str) -> None:
        with open(self.folder / "said", "ab") as said:
            child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)

    def visit(self, path: str, host: str = NODE, **form: str) -> tuple[int, str, str]:
        """What the stranger's browser gets: status, where it ended up, text."""
        status, where, text = json.loads(self.ground.wire.run(BROWSER, host, path, urllib.parse.urlencode(form)))
        return status, where, text

    def json(self, path: str, **form: str) -> Any:
        return json.loads(self.visit(path, **form)[2])

    def until(self, true: Any) -> float:
        """Seconds until something held."""
        begun = time.monotonic()
        until(true, lambda: (self.folder / "said").read_text()[-3000:])
        return time.monotonic() - begun

    def burst(self, count: int) -> None:
        program = BURST.replace(
            "    sender.sendto(", "    import contextlib\n    with contextlib.suppress(OSError): sender.sendto("
        )
        self.ground.node.run(program, "10.128.0.1", WIRE, "33434", str(count))

    def drops(self) -> str:
        """What the node's kernel has been told to drop."""
        words = [*self.ground.node.enter, "nft", "list", "table", "inet", TABLE]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout

    def assert_nothing_is_sent(self) -> None:
        """What the slice sends now does not leave the node."""
        self.until(lambda: f"{WIRE} " in self.drops())
        before = self.sent()
        self.burst(5)
        time.sleep(1.0)  # what leaves is on the page well within that
        self.assertEqual(before, self.sent())

    def sent(self) -> int:
        """How many packets the page says were sent to the stranger."""
        return sum(flow["packets"] for flow in self.json(f"/to/{WIRE}.json?port=33434")["flows"])


class TheStranger(Placed):
    def test_from_the_address_to_the_slice_to_a_pause_that_holds_within_five_seconds(self) -> None:
        self.burst(10)
        self.until(lambda: self.sent() == 10)
        status, _, text = self.visit("/")
        self.assertEqual(200, status)
        self.assertIn(f"to your address {WIRE}", text)
        self.assertIn("nyu_coral", text)
        complaint = self.json("/complain.json", message="What are you looking for?")
        self.assertEqual((["nyu_coral"], 403), (complaint["slices"], self.visit("/pause", prefix="10.77.0.9")[0]))
        status, case, text = self.visit("/pause", hours="1")
        self.assertEqual((200, True), (status, case.startswith("/case/")))
        taken = self.until(lambda: f"{WIRE} " in self.drops())
        begun = time.monotonic()
        self.drops()
        self.assertLess(taken, 5.0 + 20 * (time.monotonic() - begun))  # five seconds, and what asking takes here
        self.assert_nothing_is_sent()
        told = self.json(f"{case}.json")
        self.assertEqual((True, ""), (told["paused"], told["pause_error"]))
        self.visit(case, do="lift")
        self.until(lambda: f"{WIRE} " not in self.drops())
        before = self.sent()
        self.burst(5)
        self.until(lambda: self.sent() == before + 5)

    @unittest.skipIf(shutil.which("w3m") is None, "w3m, a text browser, is not installed")
    def test_it_reads_well_in_a_text_browser(self) -> None:
        self.burst(10)
        self.until(lambda: self.sent() == 10)
        for path, expected in (
            ("/", ("What did you send me?", f"sent 10 packets (480 B) to your address {WIRE}", "Make it stop")),
            (f"/to/{WIRE}", ("nyu_coral", "33434", "Write to the people responsible for nyu_coral")),
            ("/summary", ("Stacked areas, from the bottom", "nyu_coral", "Figures by slice")),
        ):
            done = subprocess.run(
                [*self.ground.wire.enter, "w3m", "-dump", "-cols", "160", f"http://{NODE}{path}"],
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            for text in expected:
                self.assertIn(text, " ".join(done.stdout.split()))

    def text_browser(self, path: str, **form: str) -> tuple[str, list[str]]:
        """What w3m shows of a page, and the addresses that its links lead to; with a form it is sent."""
        words = [*self.ground.wire.enter, "w3m", "-dump", "-cols", "160", "-o", "display_link_number=1"]
        if form:
            (self.folder / "form").write_text(urllib.parse.urlencode(form))
            words += ["-post", str(self.folder / "form")]
        done = subprocess.run([*words, f"http://{NODE}{path}"], capture_output=True, text=True, timeout=60)
        text, _, links = done.stdout.partition("References:")
        addresses = [line.split("] ", 1)[1] for line in links.splitlines() if "] " in line]
        return " ".join(text.split()), [each.removeprefix(f"http://{NODE}") for each in addresses]

    @unittest.skipIf(shutil.which("w3m") is None, "w3m, a text browser, is not installed")
    def test_the_whole_journey_in_a_text_browser(self) -> None:
        self.burst(10)
        self.until(lambda: self.sent() == 10)
        text, links = self.text_browser("/")
        self.assertIn(f"sent 10 packets (480 B) to your address {WIRE}", text)
        text, links = self.text_browser(next(link for link in links if link == f"/to/{WIRE}"))
        self.assertIn("nyu_coral", text)
        self.assertIn("What nyu_coral sent", self.text_browser("/slice/nyu_coral")[0])
        text, _ = self.text_browser(next(link for link in links if link.startswith("/complain")))
        self.assertIn("What happened, and what should stop", text)
        text, _ = self.text_browser("/complain", about=WIRE, message="What are you looking for?")
        self.assertIn("you complained What are you looking for?", text)
        text, _ = self.text_browser("/pause", prefix=WIRE, hours="1")
        self.assertIn(f"nothing is sent from this node's slices to {WIRE}", text)
        self.assert_nothing_is_sent()

    @unittest.skipIf(LACKING, f"{' and '.join(LACKING)} (packages chromium, chromium-driver) is not installed")
    def test_in_a_browser_all_is_found_filed_paused_and_seen_and_every_page_keeps_to_wcag(self) -> None:
        self.burst(10)
        self.until(lambda: self.sent() == 10)
        pictures = pathlib.Path(os.environ.get("PLFED_PICTURES", self.folder / "pictures"))
        pictures.mkdir(exist_ok=True)
        script = str(pathlib.Path(browser.__file__))
        words = [*self.ground.wire.enter, sys.executable, script, f"http://{NODE}", str(self.folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        self.assertEqual(0, done.returncode, done.stderr[-2000:])
        told = json.loads(done.stdout)
        for page, expected in (
            ("front", f"sent 10 packets (480 B) to your address {WIRE}"), ("to", "nyu_coral"),
            ("slice", "What nyu_coral sent"), ("case", "What are you looking for?"), ("complain", "Pause it now"),
            ("paused", f"nothing is sent from this node's slices to {WIRE}"), ("summary", "nyu_coral"),
        ):  # fmt: skip
            self.assertIn(expected, " ".join(told["text"][page].split()), page)
        self.assertEqual({page: [] for page in told["wrong"]}, told["wrong"])
        self.assertEqual([], told["cookies"])
        others = [url for url in told["requests"] if not url.startswith((f"http://{NODE}/", "data:"))]
        self.assertEqual([], others)
        self.assert_nothing_is_sent()
        path = urllib.parse.urlsplit(told["pause"]).path
        self.assertEqual((True, ""), tuple(self.json(f"{path}.json")[name] for name in ("paused", "pause_error")))
        for each in self.folder.glob("*.png"):
            shutil.copy(each, pictures / f"audit-{each.name}")
        self.assertEqual(7, len(list(pictures.glob("audit-*.png"))))
