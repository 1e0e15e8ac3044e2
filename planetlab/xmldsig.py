"""Enveloped XML signatures in the one form that v3 tickets have, written and read without a second meaning.

The only ``Signature`` is the last child of the root, its only ``Reference`` is the whole document (``URI=""``), and a
``KeyInfo`` decides nothing: the reader knows the key. A caller gets to read the canonical bytes that were digested.

Canonical XML hides some changes of a document, and whatever stands in ``Signature`` beside ``SignedInfo`` is signed
by nobody. So a document is read only if it is laid out as libxml2 (xmlsec1, and we) lays it out: then there is one
spelling per content, and every changed byte is noticed.
"""

import base64
import hashlib
import hmac

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

from planetlab import keys, xml_text
from planetlab.errors import BadArgument
from planetlab.refusals import BadSignature
from planetlab.xml_text import EXCLUSIVE, INCLUSIVE

DS = "http://www.w3.org/2000/09/xmldsig#"
ENVELOPED = DS + "enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
RSA_SHA1, RSA_SHA256, ECDSA_SHA256 = DS + "rsa-sha1", _MORE + "rsa-sha256", _MORE + "ecdsa-sha256"
SHA1, SHA256 = DS + "sha1", "http://www.w3.org/2001/04/xmlenc#sha256"
LEGACY = frozenset({RSA_SHA1, SHA1})
METHODS = frozenset({RSA_SHA1, RSA_SHA256, ECDSA_SHA256})
DIGESTS = {SHA1: hashlib.sha1, SHA256: hashlib.sha256}

_KEY_INFO = tuple(
    f"{{{DS}}}{name}" for name in ("KeyInfo", "KeyName", "X509Data", "KeyValue", "RSAKeyValue", "Modulus", "Exponent")
)

_TEMPLATE = f"""<Signature xmlns="{DS}">
    <SignedInfo>
      <CanonicalizationMethod Algorithm="{INCLUSIVE}"/>
      <SignatureMethod Algorithm="%s"/>
      <Reference URI="">
        <Transforms>
          <Transform Algorithm="{ENVELOPED}"/>
        </Transforms>
        <DigestMethod Algorithm="%s"/>
        <DigestValue>%s</DigestValue>
      </Reference>
    </SignedInfo>
    <SignatureValue></SignatureValue>
  </Signature>"""


@frozen
class Envelope:
    """A document whose digest holds, and whose signature waits for a key."""

    canonical: bytes = field(repr=False)  # the document without its signature, as it was digested
    signed: bytes = field(repr=False)  # SignedInfo, canonical
    signature: bytes = field(repr=False)
    method: str
    legacy: bool  # SHA-1 is used somewhere
    key_info: bool = False  # there is a KeyInfo, which nobody signed
    stated: tuple[int, ...] = ()  # the RSA key that it states, modulus and exponent
    even: bool = False  # the white space that no signature covers is the one that follows from the rest

    def holds(self, key: keys.PublicKey) -> bool:
        """Whether ``key`` made the signature, and is the key that the document states, if it states one."""
        if self.stated and not (isinstance(key, rsa.RSAPublicKey) and self.stated == _numbers(key)):
            return False
        return verify(key, self.method, self.signature, self.signed)

    def root(self) -> etree._Element:
        """The document, parsed from the bytes that were digested."""
        return xml_text.parse(self.canonical)


def methods_of(key: keys.PrivateKey, legacy: bool = False) -> tuple[str, str]:
    """The signature and digest methods that ``key`` signs with."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECDSA_SHA256, SHA256
    return (RSA_SHA1, SHA1) if legacy else (RSA_SHA256, SHA256)


def sign(key: keys.PrivateKey, method: str, data: bytes) -> bytes:
    """The signature of ``data``, as XML-DSig writes it (ECDSA as the two numbers side by side)."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return key.sign(data, padding.PKCS1v15(), hashes.SHA1() if method == RSA_SHA1 else hashes.SHA256())


def verify(key: keys.PublicKey, method: str, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` is that of ``data``; False also for a method that is not the key's."""
    try:
        if method == ECDSA_SHA256 and isinstance(key, ec.EllipticCurvePublicKey) and len(signature) == 64:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
            return True
        if method in (RSA_SHA1, RSA_SHA256) and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA1() if method == RSA_SHA1 else hashes.SHA256())
            return True
    except InvalidSignature:
        return False
    return False


def seal(root: etree._Element, key: keys.PrivateKey, legacy: bool = False) -> bytes:
    """Sign ``root`` (indented by two, without tail) and give the document's bytes. ``root`` gains the signature.

    ``legacy`` signs with RSA-SHA1, as v3 did; a reader takes it only under its own legacy switch.
    """
    method, digest_method = methods_of(key, legacy)
    last = root[-1]
    last.tail = "\n  \n"  # what stays of the white space around the signature once the reader has cut it out
    digest = DIGESTS[digest_method](xml_text.canonical(root)).digest()
    signature = etree.fromstring(_TEMPLATE % (method, digest_method, base64.b64encode(digest).decode()))
    last.tail, signature.tail = "\n  ", "\n"
    root.append(signature)
    signature[1].text = xml_text.wrapped(sign(key, method, xml_text.canonical(signature[0])))
    data = xml_text.PROLOGS[1] + etree.tostring(root, encoding="utf-8") + b"\n"
    if len(data) > xml_text.MOST_BYTES:
        raise BadArgument(f"the signed document has {len(data)} bytes, at most {xml_text.MOST_BYTES} would be read")
    return data


def examine(data: bytes) -> Envelope:
    """Read a signed document up to the point where a key is needed. Raises `BadSignature`."""
    root = xml_text.parse(data)
    signature = _only_signature(root)
    xml_text.must_be_plain(data, root)
    info, value, *more = signature
    stated = tuple(number for element in more for number in _stated(element))
    method, transform, digest_method, digest = _signed_info(info)
    signed = xml_text.canonical(info, str(info[0].get("Algorithm")))
    raw = xml_text.unwrapped(value.text or "", "SignatureValue")
    even = _is_even(info.text or "", signature.text or "", info.tail or "", value.tail or "")
    _cut(signature)
    content = xml_text.canonical(root, transform)
    if not hmac.compare_digest(DIGESTS[digest_method](content).digest(), digest):
        raise BadSignature("forged", "the document was changed after it was signed (its digest differs)")
    return Envelope(content, signed, raw, method, bool(LEGACY & {method, digest_method}), bool(more), stated, even)


def _is_even(inner: str, before: str, between: str, after: str) -> bool:
    """Whether the parts of a Signature are indented by even steps, as SignedInfo, which is signed, is inside."""
    return before == between and len(inner) - len(before) == len(between) - len(after) and bool(before) == bool(after)


def _only_signature(root: etree._Element) -> etree._Element:
    found = list(root.iter(f"{{{DS}}}Signature"))
    if not found:
        raise BadSignature("unsigned", f"no Signature in {root.tag!s:.40}")
    signature = found[0]
    if len(found) > 1:
        raise BadSignature("wrapped", f"expected one Signature, got {len(found)}")
    if signature.getparent() is not root or signature.getnext() is not None:
        raise BadSignature("wrapped", "expected the Signature as last child of the root")
    if len(list(root.iter(f"{{{DS}}}*"))) != len(list(signature.iter())):
        raise BadSignature("wrapped", "parts of a signature lie outside the Signature, or strange ones inside")
    names = [f"{{{DS}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")]
    if [child.tag for child in signature] not in (names, names[:2]):
        raise BadSignature("wrapped", "expected SignedInfo, SignatureValue and perhaps KeyInfo in the Signature")
    if signature.attrib or any(child.attrib for child in signature) or len(signature[1]):
        raise BadSignature("malformed", "attributes and children that nobody signed are not accepted in the Signature")
    xml_text.must_be_indents(signature.text, *(child.tail for child in signature))
    return signature


def _stated(info: etree._Element) -> tuple[int, ...]:
    """The RSA key in a KeyInfo, the way xmlsec1 fills in a template; beside it only empty elements are accepted."""
    numbers = []
    for element in info.iter():
        if element.attrib or element.tag not in _KEY_INFO:
            raise BadSignature("malformed", f"{element.tag!s:.80}: nobody signed it, and it is not accepted in KeyInfo")
        if element.tag in _KEY_INFO[-2:] and not len(element):
            numbers.append(int.from_bytes(xml_text.unwrapped(element.text or "", "KeyInfo"), "big"))
        else:
            xml_text.must_be_indents(element.text)
        if element is not info:
            xml_text.must_be_indents(element.tail)
    return tuple(numbers)


def _numbers(key: rsa.RSAPublicKey) -> tuple[int, int]:
    numbers = key.public_numbers()
    return numbers.n, numbers.e


def _signed_info(info: etree._Element) -> tuple[str, str, str, bytes]:
    """The signature method, the canonicalisation before the digest, the digest method, the digest."""
    names = [f"{{{DS}}}{name}" for name in ("CanonicalizationMethod", "SignatureMethod", "Reference")]
    if [child.tag for child in info] != names or info[0].get("Algorithm") not in (INCLUSIVE, EXCLUSIVE):
        raise BadSignature("wrapped", "expected a canonicalisation, a signature method and one Reference in SignedInfo")
    reference = info[2]
    if reference.items() != [("URI", "")]:
        raise BadSignature("wrapped", f"expected a Reference to the whole document, got {reference.items()!r:.80}")
    method, transforms, digest_method, digest = signed_reference(info)
    if transforms not in ([ENVELOPED], [ENVELOPED, INCLUSIVE], [ENVELOPED, EXCLUSIVE]):
        raise BadSignature("wrapped", f"expected the transform enveloped-signature, got {transforms!r:.200}")
    return method, transforms[-1] if len(transforms) == 2 else INCLUSIVE, digest_method, digest


def signed_reference(info: etree._Element) -> tuple[str, list[str], str, bytes]:
    """Method, transforms, digest method and digest of a SignedInfo with one Reference. Raises `BadSignature`."""
    reference = info[2]
    names = [f"{{{DS}}}{name}" for name in ("Transforms", "DigestMethod", "DigestValue")]
    if [child.tag for child in reference] != names:
        raise BadSignature("wrapped", "expected Transforms, DigestMethod and DigestValue in the Reference")
    transforms, digested, value = reference
    named = (info[0], info[1], *transforms, digested)
    if any(len(leaf) for leaf in (*named, value)) or any(list(leaf.attrib) != ["Algorithm"] for leaf in named):
        raise BadSignature("malformed", "methods and transforms have an Algorithm and nothing else")
    method, digest_method = str(info[1].get("Algorithm")), str(digested.get("Algorithm"))
    if method not in METHODS or digest_method not in DIGESTS:
        raise BadSignature("forged", f"signed by {method!r:.80} over {digest_method!r:.80}, which proves nothing here")
    digest = xml_text.unwrapped(value.text or "", "DigestValue")
    return method, [str(transform.get("Algorithm")) for transform in transforms], digest_method, digest


def _cut(signature: etree._Element) -> None:
    """Take the signature out of its document; the white space behind it stays, as the transform says."""
    parent, before, tail = signature.getparent(), signature.getprevious(), signature.tail or ""
    assert parent is not None
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(signature)
