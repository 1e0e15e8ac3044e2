"""Whatever is logged stands on one line, and holds no secret."""

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from planetlab import logs
from planetlab.redact import one_line, redacted

NASTY = "a\r\nADMIN logged in\x1b[31m\u202e\u200b\x00\x9b"


def written(as_json: bool, text: str, **fields: object) -> str:
    stream = io.StringIO()
    publisher = LogPublisher(logs.observer(stream, as_json))
    Logger("planetlab.example", observer=publisher).info(text, **fields)
    return stream.getvalue()


class Lines(SynchronousTestCase):
    def test_log_injection_stays_on_its_line(self) -> None:
        for as_json in (False, True):
            line = written(as_json, "{who} called", who=NASTY)
            self.assertEqual(1, line.count("\n"))
            self.assertTrue(line.endswith("\n"))
            self.assertFalse(set("\r\x1b\u202e\u200b\x00\x9b") & set(line))

    @settings(max_examples=40)
    @given(st.text())
    def test_any_text_is_one_line_and_json_that_can_be_read(self, text: str) -> None:
        said = json.loads(written(True, "{text_}", text_=text, n=3))
        self.assertEqual((3, "info", "planetlab.example"), (said["n"], said["level"], said["from"]))
        self.assertEqual(1, written(False, "{text_}", text_=text).count("\n"))

    def test_a_field_is_bounded(self) -> None:
        self.assertLess(len(written(True, "{long}", long="x" * 100_000)), 10_000)

    def test_an_incident_has_its_traceback_and_number(self) -> None:
        stream = io.StringIO()
        log = Logger("planetlab.example", observer=LogPublisher(logs.observer(stream, True)))
        try:
            raise KeyError(NASTY)
        except KeyError:
            log.failure("incident {incident}", Failure(), incident="0badcafe")
        self.assertEqual(1, stream.getvalue().count("\n"))
        said = json.loads(stream.getvalue())
        self.assertEqual(("0badcafe", "critical"), (said["incident"], said["level"]))
        self.assertTrue(any("KeyError" in row for row in said["trace"]))

    def test_twisteds_chatter_is_left_out_and_its_warnings_are_not(self) -> None:
        stream = io.StringIO()
        log = Logger("twisted.web.server", observer=LogPublisher(logs.observer(stream)))
        log.info("a connection")
        log.warn("trouble")
        self.assertNotIn("a connection", stream.getvalue())
        self.assertIn("trouble", stream.getvalue())

    def test_a_stream_that_nobody_reads_is_no_error(self) -> None:
        class Broken(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        log = Logger("x", observer=LogPublisher(logs.observer(Broken())))
        log.info("said to nobody")
        self.assertEqual([], self.flushLoggedErrors())


class Secrets(SynchronousTestCase):
    def test_none_of_a_call_is_shown(self) -> None:
        call = [
            {"AuthMethod": "password", "Username": "pi@x.org", "AuthString": "s3cret"},
            {"session": "s3cret"},
            {"AuthMethod": "hmac", "node_id": 3, "value": "s3cret"},
            {"password": "s3cret", "key": "s3cret", "ssh_key": "s3cret", "nested": [{"Token": "s3cret"}]},
            b"s3cret",
        ]
        shown = repr(redacted(call))
        self.assertNotIn("s3cret", shown)
        self.assertIn("pi@x.org", shown)
        self.assertIn("'key_type': 'ssh'", repr(redacted({"key_type": "ssh"})))

    def test_what_is_large_or_deep_is_cut(self) -> None:
        deep: list[object] = []
        for _ in range(5000):
            deep = [deep]
        self.assertLess(len(repr(redacted(deep))), 100)
        self.assertLess(len(repr(redacted([["x" * 10_000] * 1000] * 3))), 50_000)
        self.assertEqual(10, len(one_line("x" * 50, 10)))
