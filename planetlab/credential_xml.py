"""Writing credentials: the element tree of the SFA's schema, one signature per level, as xmlsec1 verifies it."""

import base64
import copy
from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from planetlab import gids, keys, xml_text, xmldsig
from planetlab.credentials import print_time
from planetlab.errors import BadArgument
from planetlab.gids import Gid
from planetlab.privileges import Privilege
from planetlab.speaks_for import key_id
from planetlab.xml_text import INCLUSIVE
from planetlab.xmldsig import DS

_ID = "{http://www.w3.org/XML/1998/namespace}id"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
_PLACES = {
    f"{{{_SCHEMA}}}noNamespaceSchemaLocation": "http://www.planet-lab.org/resources/sfa/credential.xsd",
    f"{{{_SCHEMA}}}schemaLocation": "http://www.planet-lab.org/resources/sfa/ext/policy/1 "
    "http://www.planet-lab.org/resources/sfa/ext/policy/1/policy.xsd",
}
_SIGNATURE = f"""<Signature xmlns="{DS}" xml:id="Sig_%s"><SignedInfo>
<CanonicalizationMethod Algorithm="{INCLUSIVE}"/>
<SignatureMethod Algorithm="%s"/>
<Reference URI="#%s">
<Transforms>
<Transform Algorithm="{xmldsig.ENVELOPED}"/>
</Transforms>
<DigestMethod Algorithm="%s"/>
<DigestValue>%s</DigestValue>
</Reference>
</SignedInfo>
<SignatureValue></SignatureValue>
<KeyInfo>
<X509Data>
</X509Data>
</KeyInfo>
</Signature>"""


def issue(
    owner: Sequence[Gid],
    target: Sequence[Gid],
    privileges: Sequence[Privilege],
    expires: float,
    serial: str,
    signer: Sequence[Gid],
    key: keys.PrivateKey,
) -> bytes:
    """A credential signed by an authority over the target. Chains have the leaf first; ``key`` is ``signer[0]``'s."""
    root = _root()
    body = _body(owner, target, privileges, expires, serial, "ref0")
    root.append(body)
    signatures = etree.SubElement(root, "signatures")
    _sign(body, signatures, signer, key)
    return etree.tostring(root, encoding="utf-8")


def delegate(
    held: bytes,
    to: Sequence[Gid],
    privileges: Sequence[Privilege],
    expires: float,
    serial: str,
    key: keys.PrivateKey,
) -> bytes:
    """``held`` handed on to ``to``, signed by its owner's ``key``. Whether the rules allow it, a reader decides."""
    old = xml_text.parse(held)
    if [child.tag for child in old] != ["credential", "signatures"]:
        raise BadArgument("held: expected a signed credential")
    given, signatures = old
    levels = len(list(given.iter("credential")))
    root = _root()
    for name, value in old.attrib.items():
        root.set(name, value)
    owner, target = (gids.read_chain((given.findtext(f"{name}_gid") or "").encode()) for name in ("owner", "target"))
    body = _body(to, target, privileges, expires, serial, f"ref{levels}")
    etree.SubElement(body, "parent").append(copy.deepcopy(given))
    root.append(body)
    root.append(signatures)
    _sign(body, signatures, owner, key)
    return etree.tostring(root, encoding="utf-8")


def speaks_for(user: Sequence[Gid], tool: keys.PublicKey, expires: float, key: keys.PrivateKey) -> bytes:
    """The word of ``user``, signed with its ``key``, that whoever has the key ``tool`` may speak in its name."""
    root = _root()
    body = etree.SubElement(root, "credential")
    body.set(_ID, "ref0")
    for name, text in (("type", "abac"), ("serial", None), ("owner_gid", None), ("target_gid", None), ("uuid", None)):
        etree.SubElement(body, name).text = text
    etree.SubElement(body, "expires").text = print_time(expires)
    rule = etree.SubElement(etree.SubElement(body, "abac"), "rt0")
    etree.SubElement(rule, "version").text = "1.1"
    signed = key_id(user[0].key)
    head = etree.SubElement(rule, "head")
    etree.SubElement(etree.SubElement(head, "ABACprincipal"), "keyid").text = signed
    etree.SubElement(head, "role").text = f"speaks_for_{signed}"
    tail = etree.SubElement(etree.SubElement(rule, "tail"), "ABACprincipal")
    etree.SubElement(tail, "keyid").text = key_id(tool)
    signatures = etree.SubElement(root, "signatures")
    _sign(body, signatures, user, key)
    return etree.tostring(root, encoding="utf-8")


def _root() -> etree._Element:
    root = etree.Element("signed-credential", nsmap={"xsi": _SCHEMA})
    for name, value in _PLACES.items():
        root.set(name, value)
    return root


def _body(
    owner: Sequence[Gid],
    target: Sequence[Gid],
    privileges: Sequence[Privilege],
    expires: float,
    serial: str,
    reference: str,
) -> etree._Element:
    body = etree.Element("credential")
    body.set(_ID, reference)
    texts = {
        "type": "privilege",
        "serial": serial,
        "owner_gid": b"".join(gid.pem for gid in owner).decode(),
        "owner_urn": str(owner[0].urn),
        "target_gid": b"".join(gid.pem for gid in target).decode(),
        "target_urn": str(target[0].urn),
        "uuid": None,
        "expires": print_time(expires),
    }
    for name, text in texts.items():
        etree.SubElement(body, name).text = text
    holder = etree.SubElement(body, "privileges")
    for privilege in privileges:
        element = etree.SubElement(holder, "privilege")
        etree.SubElement(element, "name").text = privilege.name
        etree.SubElement(element, "can_delegate").text = "true" if privilege.can_delegate else "false"
    return body


def _sign(body: etree._Element, signatures: etree._Element, signer: Sequence[Gid], key: keys.PrivateKey) -> None:
    if not keys.same(signer[0].key, keys.accepted(key.public_key())):
        raise BadArgument(f"key: expected the private key of {signer[0].hrn}, got another")
    method, digest_method = xmldsig.methods_of(key)
    reference = str(body.get(_ID))
    digest = base64.b64encode(xmldsig.DIGESTS[digest_method](xml_text.canonical(body)).digest()).decode()
    signature = etree.fromstring(_SIGNATURE % (reference, method, reference, digest_method, digest))
    signatures.append(signature)
    info, value, key_info = signature
    for gid in signer:
        certificate = etree.SubElement(key_info[0], f"{{{DS}}}X509Certificate")
        certificate.text = xml_text.wrapped(gid.certificate.public_bytes(Encoding.DER))
    value.text = xml_text.wrapped(xmldsig.sign(key, method, xml_text.canonical(info)))
