"""RSpec documents that somebody sent to do harm: each is refused, soon, by a sentence that says what is wrong."""

import time
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Kind
from planetlab.rspecs.versions import GENI3, SFA1
from tests.geni.documents import N1, REQUEST

GOOD = codec.write(REQUEST, GENI3)
NODE = '<node client_id="n"/>'


def rspec(inner: str, kind: str = "request") -> str:
    return f'<rspec xmlns="{GENI3.namespace}" type="{kind}">{inner}</rspec>'


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10))
HOSTILE = {
    "a document type": (f"<!DOCTYPE rspec>{rspec(NODE)}", "document type"),
    "a billion laughs": (f"<!DOCTYPE rspec [{LAUGHS}]>{rspec('&l9;')}", "document type"),
    "an entity from a file": (f'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>{rspec("&x;")}', "document type"),
    "an undefined entity": (rspec("&x;"), "XML document"),
    "no XML": ("rspec please", "XML document"),
    "nothing": ("", "XML document"),
    "half a document": (GOOD[: len(GOOD) // 2], "XML document"),
    "two documents": (rspec(NODE) * 2, "XML document"),
    "a control character": (rspec('<node client_id="\x00"/>'), "XML document"),
    "deep nesting": (rspec("<a>" * 5000 + "</a>" * 5000), "nest deeper"),
    "new names without end": (rspec("".join(f"<a{i}/>" for i in range(1000))), "different names"),
    "a name of a mile": (rspec(f"<{'a' * 10_000}/>"), "characters"),
    "elements without end": (rspec("<a/>" * 150_000), "elements are read"),
    "nodes without end": (rspec(NODE * 50_000), "at most 20000 elements node"),
    "an octet too many": (rspec("<!--" + "x" * (9 << 20) + "-->"), "octets are read"),
    "a value of a megabyte": (rspec(f'<node client_id="{"x" * (1 << 20)}"/>'), "characters are read"),
    "another root": (f'<node xmlns="{GENI3.namespace}"/>', "root element rspec"),
    "another language": ('<html xmlns="http://www.w3.org/1999/xhtml"/>', "expected one of"),
    "an unknown version": (GOOD.replace("rspec/3", "rspec/4"), "expected one of"),
    "no kind": (rspec(NODE).replace(' type="request"', ""), "rspec@type"),
    "an unknown kind": (rspec(NODE, "order"), "rspec@type"),
    "another kind": (rspec(NODE, "manifest"), "expected a document of type request"),
    "a node without a name": (rspec("<node/>"), "node@client_id: expected it to be there"),
    "a URN that is none": (rspec('<node client_id="n" component_id="plc.cornell.n1"/>'), "node@component_id"),
    "a URN of five parts": (rspec('<node client_id="n" component_id="urn:publicid:IDN+a+node+b+c"/>'), "component_id"),
    "a truth that is none": (rspec('<node client_id="n" exclusive="perhaps"/>'), "node@exclusive"),
    "a sliver type without a name": (rspec('<node client_id="n"><sliver_type/></node>'), "sliver_type@name"),
    "latitude 91": (
        rspec('<node client_id="n"><location country="US" latitude="91" longitude="0"/></node>'), "latitude",
    ),
    "no number": (rspec('<node client_id="n"><location country="US" latitude="nan"/></node>'), "latitude"),
    "port 0": (
        rspec('<node client_id="n"><services><login authentication="k" port="0"/></services></node>'), "login@port",
    ),
    "a lease for ever": (rspec('<lease slice_id="plc.a.b" start_time="1" duration="9999999999999999999"/>'), "lease"),
    "a lease of nothing": (rspec('<lease slice_id="plc.a.b" start_time="1" duration="1"/>'), "lease: expected"),
    "a lease of no time": (
        rspec(f'<lease slice_id="plc.a.b" start_time="1" duration="0"><node component_id="{N1}"/></lease>'),
        "lease@duration",
    ),
    "a time without a zone": (rspec(NODE).replace("<rspec", '<rspec expires="2026-01-01T00:00:00"'), "rspec@expires"),
    "a year that is none": (rspec(NODE).replace("<rspec", '<rspec expires="99999-01-01T00:00:00Z"'), "rspec@expires"),
    "a command without words": (rspec('<node client_id="n"><services><execute/></services></node>'), "execute@command"),
}  # fmt: skip


class HostileDocuments(SynchronousTestCase):
    def test_each_is_refused_and_told_what_is_wrong(self) -> None:
        for name, (text, expected) in HOSTILE.items():
            begun = time.process_time()
            error = self.assertRaises(BadArgument, codec.read, text, Kind.REQUEST)
            took = time.process_time() - begun
            self.assertIn(expected, str(error), name)
            self.assertLess(len(str(error)), 700, name)
            self.assertLess(took, 2.0, name)

    def test_the_good_one_between_them_is_read(self) -> None:
        self.assertEqual(REQUEST, codec.read(GOOD, Kind.REQUEST))

    def test_a_comment_splits_no_value(self) -> None:
        sfa = codec.write(REQUEST, SFA1).replace("<cpu_share>5</cpu_share>", "<cpu_share>1<!-- -->5<?x?>0</cpu_share>")
        self.assertIn(("cpu_share", "150"), codec.read(sfa, Kind.REQUEST).nodes[0].slivers[0].tags)

    @settings(max_examples=150)
    @given(st.integers(0, len(GOOD) - 1), st.integers(0, 12), st.text(max_size=6))
    def test_any_other_text_is_read_or_refused_but_breaks_nothing(self, at: int, gone: int, new: str) -> None:
        text = GOOD[:at] + new + GOOD[at + gone :]
        try:
            document = codec.read(text)
        except BadArgument:
            return
        codec.write(document, GENI3)

    def test_a_thousand_refusals_leave_no_memory_behind(self) -> None:
        texts = [text for text, _ in HOSTILE.values() if len(text) < 100_000]
        for text in texts:
            self.assertRaises(BadArgument, codec.read, text, Kind.REQUEST)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(1000 // len(texts) + 1):
                for text in texts:
                    self.assertRaises(BadArgument, codec.read, text, Kind.REQUEST)
            self.flushLoggedErrors()
            self.assertLess(tracemalloc.get_traced_memory()[0] - before, 1 << 20)
        finally:
            tracemalloc.stop()
