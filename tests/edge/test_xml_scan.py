"""What is told of XML before it is read."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from planetlab.xml_scan import scan


class Scan(SynchronousTestCase):
    def refusal(self, data: bytes) -> str:
        return str(self.assertRaises(BadArgument, scan, data))

    def test_what_is_too_much_is_told(self) -> None:
        for data, said in (
            (b"<a>" * 40, "elements nest deeper than 32"),
            (b"<r>" + b"<a/>" * 100_001, "at most 100000 elements are read"),
            (b"<r>" + b"".join(b"<t%d/>" % i for i in range(301)), "at most 300 different names"),
            (b"<r>" + b"".join(b'<t a%d="1"/>' % i for i in range(301)), "at most 300 different names"),
            (b"<r>" + b"".join(b"<?p%d x?>" % i for i in range(301)), "at most 300 different names"),
            (b'<r xmlns:%s="x"/>' % (b"n" * 300), "names have at most 200 characters"),
            (b"<" + b"t" * 300 + b"/>", "names have at most 200 characters"),
            (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type declaration is not accepted"),
            (b"<a>", "expected an XML document: no element found"),
            (b"", "expected an XML document"),
            (b"<a>&b;</a>", "expected an XML document: undefined entity"),
        ):
            self.assertIn(said, self.refusal(data))

    def test_a_document_in_order_passes(self) -> None:
        scan(b"<?xml version='1.0'?>\n<t:ticket xmlns:t='urn:x' id='1'><slice/>text<!-- c --></t:ticket>")
