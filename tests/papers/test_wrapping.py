"""Documents that carry a true signature and mean something else, and documents that only want to cost."""

import base64
import copy
import hashlib
import hmac

from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from planetlab import keys, xmldsig
from planetlab.refusals import REASONS, BadTicket
from planetlab.tickets import open_ticket, seal_xmldsig
from planetlab.trust import Roots
from planetlab.xmldsig import DS
from tests.papers.authorities import CODEEN, NOW, plc, public

TRUST = Roots((plc().root(),))
SEALED = seal_xmldsig(CODEEN, plc().ticket_key)
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
FOREIGN = "urn:somebody:else"


def fresh() -> etree._Element:
    return etree.fromstring(SEALED)


def evil(root: etree._Element) -> etree._Element:
    """The document with another slice in it, and without its signature."""
    twin = copy.deepcopy(root)
    for signature in twin.findall(f"{{{DS}}}Signature"):
        twin.remove(signature)
    twin[0].set("name", "evil_slice")
    return twin


# Where the true document goes, and who stands in its place; each gets the root and the evil twin, gives a document.
def under_the_twin(root, twin):
    twin.append(root)
    return twin


def beside_in_the_signature(root, twin):
    signature = root[-1]
    root.remove(signature)
    etree.SubElement(signature, f"{{{DS}}}Object").append(root)
    twin.append(signature)
    return twin


def twin_in_an_object(root, twin):
    etree.SubElement(root[-1], f"{{{DS}}}Object").append(twin)
    return root


def twin_first(root, twin):
    root.insert(0, twin[0])
    return root


def twin_last(root, twin):
    root.insert(1, twin[0])
    return root


def in_a_wrapper(root, twin):
    wrapper = etree.SubElement(twin, "wrapper")
    signature = root[-1]
    wrapper.append(root)
    twin.append(signature)
    return twin


def signature_in_the_slice(root, twin):
    root[0].append(root[-1])
    return root


def signature_twice(root, twin):
    root.append(copy.deepcopy(root[-1]))
    return root


SHAPES = (
    under_the_twin,
    beside_in_the_signature,
    twin_in_an_object,
    twin_first,
    twin_last,
    in_a_wrapper,
    signature_in_the_slice,
    signature_twice,
)


# What is done to a shape besides.
def as_it_is(document):
    return etree.tostring(document)


def with_one_id_for_all(document):
    for element in (document, *document.iter("ticket", "slice")):
        element.set("Id", "ticket")
    for reference in document.iter(f"{{{DS}}}Reference"):
        reference.set("URI", "#ticket")
    return etree.tostring(document)


def by_reference_to_an_id(document):
    for element in document.iter("ticket"):
        element.set(XML_ID, "ref0")
        break
    for reference in document.iter(f"{{{DS}}}Reference"):
        reference.set("URI", "#ref0")
    return etree.tostring(document)


def with_comments(document):
    return (
        etree.tostring(document).replace(b"princeton_", b"princeton<!-- -->_").replace(b"<slice ", b"<!--x--><slice ")
    )


def in_other_namespaces(document):
    document.append(etree.Element(f"{{{FOREIGN}}}slice", name="evil_slice"))
    return (
        etree.tostring(document)
        .replace(b"<slice ", b'<s:slice xmlns:s="urn:s" ', 1)
        .replace(b"</slice>", b"</s:slice>", 1)
    )


MANNERS = (as_it_is, with_one_id_for_all, by_reference_to_an_id, with_comments, in_other_namespaces)


class Wrapping(SynchronousTestCase):
    def refused(self, document: bytes, *reasons: str) -> None:
        error = self.assertRaises(BadTicket, open_ticket, document, TRUST, NOW)
        self.assertIn(error.reason, reasons or REASONS, str(error))

    def test_the_eight_shapes_in_five_manners(self):
        seen = set()
        for shape in SHAPES:
            for manner in MANNERS:
                root = fresh()
                document = manner(shape(root, evil(root)))
                seen.add(document)
                self.refused(document, "wrapped", "malformed", "forged")
        self.assertEqual(40, len(seen))

    def test_wrapped_is_the_reason_of_the_plain_shapes(self):
        for shape in (under_the_twin, beside_in_the_signature, signature_in_the_slice, signature_twice):
            root = fresh()
            self.refused(as_it_is(shape(root, evil(root))), "wrapped")

    def test_a_reference_to_a_part_is_wrapped(self):
        self.refused(SEALED.replace(b'URI=""', b'URI="#ref0"'), "wrapped")
        self.refused(SEALED.replace(b' URI=""', b""), "wrapped")
        self.refused(SEALED.replace(b'URI=""', b'URI="http://example.org/ticket"'), "wrapped")

    def test_two_references_are_wrapped(self):
        start, end = SEALED.index(b"<Reference"), SEALED.index(b"</Reference>") + len(b"</Reference>")
        self.refused(SEALED[:end] + SEALED[start:end] + SEALED[end:], "wrapped")

    def test_a_transform_that_selects_something_else_is_wrapped(self):
        enveloped = b'<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        nothing = (
            b'<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>false()</XPath></Transform>'
        )
        for transforms in (enveloped + nothing, nothing, nothing + enveloped, enveloped * 2, b""):
            self.refused(SEALED.replace(enveloped, transforms), "wrapped", "malformed")

    def test_key_info_is_nobodys_word(self):
        for info in (b"<KeyInfo/>", b"<KeyInfo><KeyName>plc</KeyName></KeyInfo>", b"<Object/>"):
            self.refused(SEALED.replace(b"</SignatureValue>", b"</SignatureValue>" + info), "wrapped", "malformed")

    def test_text_split_by_a_comment_is_refused(self):
        self.refused(SEALED.replace(b"true", b"tr<!-- -->ue"), "malformed")
        self.refused(SEALED.replace(b"true", b"tr<?x?>ue"), "malformed")
        self.refused(SEALED.replace(b"true", b"tr<![CDATA[u]]>e"), "malformed")

    def test_algorithms_that_prove_nothing_are_refused(self):
        method = b"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
        for name in (b"none", b"", DS.encode() + b"hmac-sha1", DS.encode() + b"dsa-sha1", method + b" "):
            self.refused(SEALED.replace(method, name), "forged")

    def test_an_hmac_keyed_with_the_public_key_is_refused(self):
        method = b"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
        document = SEALED.replace(b"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", method)
        info = document[document.index(b"<SignedInfo>") : document.index(b"</SignedInfo>") + 13]
        for pem in (keys.public_pem(public(plc().ticket_key)), plc().gid.pem):
            value = base64.b64encode(hmac.new(pem, info, hashlib.sha256).digest())
            start, end = document.index(b"<SignatureValue>") + 16, document.index(b"</SignatureValue>")
            self.refused(document[:start] + value + document[end:], "forged")

    def test_an_empty_or_cut_signature_is_refused(self):
        start, end = SEALED.index(b"<SignatureValue>") + 16, SEALED.index(b"</SignatureValue>")
        self.refused(SEALED[:start] + SEALED[end:], "malformed")
        self.refused(SEALED[:start] + SEALED[start : start + 64] + SEALED[end:], "forged")

    def test_the_same_content_in_another_spelling_is_refused(self):
        spellings = {
            "quotes": SEALED.replace(b'id="31"', b"id='31'"),
            "space in a tag": SEALED.replace(b"<nodes>", b"<nodes >"),
            "empty element": SEALED.replace(b"/>", b"></node>", 1),
            "reference": SEALED.replace(b"pi@princeton", b"p&#105;@princeton"),
            "declaration": SEALED.replace(b"utf-8", b"us-ascii"),
            "mark": b"\xef\xbb\xbf" + SEALED,
            "utf-16": SEALED.decode().replace("utf-8", "utf-16").encode("utf-16"),
            "line ends": SEALED.replace(b"\n", b"\r\n"),
            "wrapping": SEALED.replace(b"<SignatureValue>", b"<SignatureValue>\n \n"),
            "namespace": SEALED.replace(b"<Signature xmlns", b'<Signature xmlns:ds="urn:x" xmlns'),
        }
        for name, document in spellings.items():
            self.assertNotEqual(SEALED, document, name)
            self.refused(document, "malformed", "forged")

    def test_the_order_of_attributes_is_no_content_and_varied_in_v3(self):
        document = SEALED.replace(b'id="31" name="princeton_codeen"', b'name="princeton_codeen" id="31"')
        self.assertNotEqual(SEALED, document)
        self.assertEqual(CODEEN, open_ticket(document, TRUST, NOW))

    def test_a_later_editions_facts_are_not_overlooked(self):
        later = SEALED.replace(b"urn:plfed:ticket:1", b"urn:plfed:ticket:2")
        root = etree.fromstring(later)
        signature = root[-1]
        root.remove(signature)
        sealed = xmldsig.seal(root, plc().ticket_key)
        self.refused(sealed, "malformed")


class Costing(SynchronousTestCase):
    """Each ends in a refusal well within a second."""

    def refused(self, document: bytes, *reasons: str) -> None:
        error = self.assertRaises(BadTicket, open_ticket, document, TRUST, NOW)
        self.assertIn(error.reason, reasons)

    def test_entities_never_expand(self):
        laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
        bombs = [
            b'<!DOCTYPE ticket [<!ENTITY l0 "lol">' + laughs + b"]><ticket>&l9;</ticket>",
            b'<!DOCTYPE ticket [<!ENTITY a "' + b"x" * 50_000 + b'">]><ticket>' + b"&a;" * 50_000 + b"</ticket>",
            b'<!DOCTYPE ticket [<!ENTITY x SYSTEM "file:///etc/passwd">]><ticket>&x;</ticket>',
            b'<!DOCTYPE ticket SYSTEM "http://127.0.0.1:9/x.dtd"><ticket/>',
            b'<!DOCTYPE ticket [<!ATTLIST ticket a CDATA "b">]>' + SEALED.partition(b"\n")[2],
            b'<!DOCTYPE ticket [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><ticket/>',
            b"<!DOCTYPE ticket><ticket/>",
        ]
        for bomb in bombs:
            self.refused(bomb, "malformed")

    def test_names_that_a_parser_would_never_forget_are_refused_before_it_sees_them(self):
        """lxml keeps each name for the life of the process: a stranger could fill a node with refused tickets."""
        self.refused(b"<t>" + b"".join(b"<n%d/>" % n for n in range(400)) + b"</t>", "malformed")
        self.refused(b"<t><" + b"n" * 300 + b"/></t>", "malformed")

    def test_depth_count_and_size_have_limits(self):
        self.refused(b"<a>" * 40 + b"</a>" * 40, "malformed")
        self.refused(b"<a>" * 40_000 + b"</a>" * 40_000, "malformed")
        self.refused(b"<t>" + b"<a/>" * 200_000 + b"</t>", "too-large")
        self.refused(b"<t>" + b"<a/>" * 90_000 + b"</t>", "unsigned")
        self.refused(b"<t a='" + b"x" * (1 << 21) + b"'/>", "too-large")
        self.refused(b"<t " + b" ".join(b"a%d='1'" % n for n in range(20_000)) + b"/>", "malformed", "unsigned")
