"""What XML-RPC octets say, and which are refused."""

import datetime
import gc
import tracemalloc
import xmlrpc.client

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab import xmlrpc as ours
from planetlab.errors import BadArgument

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.binary(max_size=90)
    | st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)).map(
        lambda at: at.replace(microsecond=0)
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


def call(value: str) -> bytes:
    """A call whose one argument is the XML ``value``."""
    said = f"<methodCall><methodName>M</methodName><params><param>{value}</param></params></methodCall>"
    return said.encode()


def argument(value: str) -> object:
    return ours.loads_call(call(value))[1][0]


class Writing(SynchronousTestCase):
    @settings(max_examples=200)
    @given(VALUES)
    def test_octets_are_those_of_the_standard_library(self, value: object) -> None:
        theirs = xmlrpc.client.dumps((value,), "AddSlice", allow_none=True)
        self.assertEqual(theirs.encode(), ours.dumps_call("AddSlice", (value,)))
        theirs = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)
        self.assertEqual(theirs.encode(), ours.dumps_answer(value))

    def test_faults_are_written_as_the_standard_library_writes_them(self) -> None:
        fault = xmlrpc.client.Fault(102, "Invalid <argument>: é")
        self.assertEqual(xmlrpc.client.dumps(fault, methodresponse=True).encode(), ours.dumps_fault(fault))

    def test_control_characters_become_question_marks(self) -> None:
        sent = ours.dumps_answer("".join(map(chr, range(32))) + "\ud800\uffff")
        self.assertEqual("?" * 9 + "\t\n" + "??" + "\r" + "?" * 20, xmlrpc.client.loads(sent)[0][0])

    def test_a_carriage_return_survives(self) -> None:
        self.assertEqual("a\r\nb", ours.loads_answer(ours.dumps_answer("a\r\nb")))
        self.assertEqual("a\r\nb", xmlrpc.client.loads(ours.dumps_answer("a\r\nb"))[0][0])

    def test_an_integer_beyond_32_bit_is_an_error(self) -> None:
        for value in (2**31, -(2**31) - 1):
            self.assertRaises(OverflowError, ours.dumps_answer, value)

    def test_what_is_no_number_is_an_error(self) -> None:
        for value in (float("nan"), float("inf"), float("-inf")):
            self.assertRaises(OverflowError, ours.dumps_answer, [value])

    def test_what_xmlrpc_has_no_word_for_is_an_error(self) -> None:
        for value in (object(), {1: 2}, {1, 2}):
            self.assertRaises(TypeError, ours.dumps_answer, value)


class Reading(SynchronousTestCase):
    @settings(max_examples=200)
    @given(VALUES)
    def test_what_was_written_is_read_again(self, value: object) -> None:
        self.assertEqual(("M", (value,)), ours.loads_call(ours.dumps_call("M", (value,))))

    @settings(max_examples=300)
    @given(st.binary(max_size=200) | st.text(alphabet="<>/valueintx&; ", max_size=80).map(str.encode))
    def test_nothing_but_two_kinds_of_error_comes_of_rubbish(self, octets: bytes) -> None:
        try:
            ours.loads_call(octets)
        except (ours.Malformed, BadArgument):
            return
        self.fail(f"{octets!r} was taken for a call")

    def test_all_spellings_of_scalars(self) -> None:
        for said, value in (
            ("<value>plain</value>", "plain"),
            ("<value></value>", ""),
            ("<value/>", ""),
            ("<value> <string> a </string>\n</value>", " a "),
            ("<value><i4> -7 </i4></value>", -7),
            ("<value><i8>9999999999</i8></value>", 9999999999),
            ("<value><boolean>1</boolean></value>", True),
            ("<value><float>1.5</float></value>", 1.5),
            ("<value><nil/></value>", None),
            ("<value><ex:nil/></value>", None),
            ('<value><ex:nil xmlns:ex="urn:x"/></value>', None),
            ("<value><string>a<!-- b -->c<![CDATA[<d>]]></string></value>", "ac<d>"),
            ("<value><base64>AP8=</base64></value>", b"\x00\xff"),
            (
                "<value><dateTime.iso8601>20081101T02:03:04</dateTime.iso8601></value>",
                datetime.datetime(2008, 11, 1, 2, 3, 4),
            ),
            ("<value><array><data/></array></value>", []),
            ("<value><struct/></value>", {}),
        ):
            self.assertEqual(value, argument(said), said)
            self.assertIs(type(value), type(argument(said)), said)

    def test_an_encoding_may_be_declared(self) -> None:
        for encoding in ("utf-8", "iso-8859-1", "utf-16"):
            said = f"<?xml version='1.0' encoding='{encoding}'?>{call('<value>é</value>').decode()}"
            self.assertEqual(("M", ("é",)), ours.loads_call(said.encode(encoding)), encoding)

    def test_what_is_no_call_is_malformed(self) -> None:
        for said in (
            b"",
            b"<",
            b"<a/>",
            b"<methodCall/>",
            b"<methodResponse><params/></methodResponse>",
            b"\xff\xfe\xff",
            call("<value><int>x</int></value>"),
            call("<value><int>1_0</int></value>"),
            call("<value><int></int></value>"),
            call("<value><double>nan</double></value>"),
            call("<value><double>inf</double></value>"),
            call("<value><boolean>2</boolean></value>"),
            call("<value><base64>!!</base64></value>"),
            call("<value><dateTime.iso8601>2008-11-01</dateTime.iso8601></value>"),
            call("<value><foo/></value>"),
            call("<value><int>1</int><int>2</int></value>"),
            call("<value><struct><member><value>1</value></member></struct></value>"),
            call("<value><struct><member><name>a</name></member></struct></value>"),
            call("<value>&undeclared;</value>"),
            call("<value>\x01</value>"),
            call("<value/>")[:-3],
            call("<value/>") + b"x",
        ):
            self.assertRaises(ours.Malformed, ours.loads_call, said)

    def test_a_member_stands_once(self) -> None:
        twice = "<member><name>a</name><value>1</value></member>" * 2
        error = self.assertRaises(BadArgument, argument, f"<value><struct>{twice}</struct></value>")
        self.assertIn("'a' twice", str(error))

    def test_a_fault_is_raised(self) -> None:
        told = self.assertRaises(
            xmlrpc.client.Fault, ours.loads_answer, ours.dumps_fault(xmlrpc.client.Fault(103, "no"))
        )
        self.assertEqual((103, "no"), (told.faultCode, told.faultString))

    def test_half_an_answer_is_malformed(self) -> None:
        for said in (
            b"<methodResponse/>",
            b"<methodResponse><params/></methodResponse>",
            ours.dumps_call("M", ()),
            ours.dumps_answer(1).replace(b"params", b"fault").replace(b"<param>", b"").replace(b"</param>", b""),
        ):
            self.assertRaises(ours.Malformed, ours.loads_answer, said)


LAUGHS = b"""<!DOCTYPE l [<!ENTITY a "ha">%s]><methodCall><methodName>&j;</methodName></methodCall>""" % b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
)


class Bombs(SynchronousTestCase):
    def test_a_million_arrays_inside_each_other_are_refused_at_the_33rd(self) -> None:
        said = call("<value><array><data>" * 100_000)
        error = self.assertRaises(BadArgument, ours.loads_call, said)
        self.assertEqual("at most 32 arrays and structs are accepted inside each other", str(error))

    def test_thirty_two_are_accepted(self) -> None:
        self.assertIsInstance(argument("<value><array><data>" * 32 + "</data></array></value>" * 32), list)

    def test_billion_laughs_and_every_other_document_type_are_refused(self) -> None:
        for said in (
            LAUGHS,
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><methodCall/>',
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + call("<value>&b;</value>"),
            b"<!DOCTYPE methodCall>" + call("<value/>"),
        ):
            error = self.assertRaises(BadArgument, ours.loads_call, said)
            self.assertIn("document type", str(error))

    def test_too_many_values_are_refused_where_they_stand(self) -> None:
        said = call("<value><array><data>" + "<value/>" * 100_000)
        error = self.assertRaises(BadArgument, ours.loads_call, said)
        self.assertEqual("at most 50000 values are accepted in one document", str(error))

    def test_a_name_that_no_method_has_is_not_sent_back_whole(self) -> None:
        said = b"<methodCall><methodName>" + b"x" * 900_000 + b"</methodName></methodCall>"
        error = self.assertRaises(BadArgument, ours.loads_call, said)
        self.assertEqual("a method's name has at most 255 characters, got 900000", str(error))

    def test_the_size_is_looked_at_before_anything_else(self) -> None:
        error = self.assertRaises(BadArgument, ours.loads_call, b" " * 101, octets=100)
        self.assertEqual("at most 100 octets are accepted in one document, got 101", str(error))

    def test_an_integer_of_five_thousand_digits_is_refused_at_sight(self) -> None:
        self.assertRaises(ours.Malformed, argument, f"<value><int>{'9' * 5000}</int></value>")
        self.assertRaises(BadArgument, argument, f"<value><i8>{2**63}</i8></value>")
        self.assertRaises(BadArgument, argument, "<value><double>1e999</double></value>")

    def test_a_thousand_hostile_documents_leave_nothing_behind(self) -> None:
        def rubbish(turn: int) -> None:
            said = "".join(f"<t{turn}_{i}/>" for i in range(100))
            for attempt in (call(said), call("<value><array><data>" * 40), LAUGHS, call(f"<value>{said}</value>")):
                self.assertRaises((ours.Malformed, BadArgument), ours.loads_call, attempt)

        rubbish(0)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for turn in range(250):
                rubbish(turn)
            gc.collect()
            self.assertLess(tracemalloc.get_traced_memory()[0] - before, 200_000)
        finally:
            tracemalloc.stop()
