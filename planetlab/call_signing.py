"""Calls between PLCs signed with OpenPGP: the text that is signed, the signature, and whose it is.

The text is the call without its auth struct, written as the original's marshaller writes it: no XML declaration, ASCII
with numeric references, empty elements in their short form, members in the order given, no newline at the end. It
covers the method's name and every value, and as the original has it neither time nor whom it is for: whoever is called
so can call others in the caller's name. Authorities that say that they can (`BOUND`) therefore sign, as if it were one
more argument, for whom the call is and when it was made; of them no other calls are taken.
"""

import xmlrpc.client
from collections.abc import Sequence
from typing import Any

import pysequoia

from planetlab import rpc_text
from planetlab.errors import BadArgument, NotAuthenticated

BOUND = "bound-calls"  # the capability in a statement
SLACK = 300.0  # seconds between the clocks of two authorities
MOST_BYTES = 16 * 1024  # of an armoured detached signature; gpg's largest is a tenth of this


def canonical(method: str, args: tuple[Any, ...]) -> bytes:
    """The octets that a peer signs for ``method(*args)``, auth struct left out (PLCAPI 5.3 and later).

    >>> print(canonical("GetPeerData", ()).decode())
    <methodCall>
    <methodName>GetPeerData</methodName>
    <params>
    </params>
    </methodCall>
    """
    return rpc_text.shortened(_text(method, args)).encode("ascii", "xmlcharrefreplace")


def canonical_xml(method: str, args: tuple[Any, ...]) -> bytes:
    """The octets that a peer signed up to PLCAPI 5.2: the same call in W3C Canonical XML.

    >>> canonical_xml("GetNodes", ("é", None)).count("é".encode() + b"</string>")
    1
    """
    return _text(method, args).replace("<nil/>", "<nil></nil>").encode()


def _text(method: str, args: tuple[Any, ...]) -> str:
    """The call as the original's marshaller writes it and XML is read again; no value has a tag in it."""
    try:
        text = xmlrpc.client.dumps(args, method, allow_none=True)
    except (TypeError, OverflowError) as error:
        raise BadArgument(f"the call cannot be written as XML-RPC: {error}") from None
    return text.partition("\n")[2].rstrip("\n").replace("\r\n", "\n").replace("\r", "\n")


def sign(secret: bytes, method: str, args: tuple[Any, ...]) -> str:
    """The armoured detached signature of a call by an armoured secret key."""
    signer = pysequoia.Tsk.from_bytes(secret).signer()
    mode = pysequoia.SignatureMode.DETACHED
    return bytes(pysequoia.sign(signer, canonical(method, args), mode=mode, armor=True)).decode("ascii")


def bound(args: tuple[Any, ...], audience: str, time: str) -> tuple[Any, ...]:
    """The arguments of a call with whom it is for (a name in the federation) and when, in whole seconds as text."""
    return (*args, {"audience": audience, "time": time})


def must_be_for(audience: str, time: str, own: str, now: float) -> None:
    """Refuse a call that is for somebody else, or of another time. Raises `NotAuthenticated`."""
    if audience != own:
        raise NotAuthenticated(f"the call was signed for {audience[:80] or 'nobody in particular'}, and this is {own}")
    if not (time.isascii() and time.isdigit() and len(time) < 13) or abs(now - float(time)) > SLACK:
        raise NotAuthenticated(f"the call was signed at {time!r:.20}, more than {SLACK:.0f} s from this clock")


def must_fit(certificates: Sequence[bytes], method: str, args: tuple[Any, ...], signature: str) -> str:
    """The fingerprint of the one certificate that signed this call. Raises `NotAuthenticated` if none of these did."""
    if len(signature) > MOST_BYTES:
        raise NotAuthenticated(f"the signature has {len(signature)} characters, at most {MOST_BYTES} are read")
    try:
        held = [certificate for data in certificates for certificate in pysequoia.Cert.split_bytes(data)]
        read = pysequoia.Sig.from_bytes(signature.encode("ascii"))
        try:
            signers = _signers(canonical(method, args), held, read)
        except Exception:  # as below; who signs by the older form alone fits there
            signers = _signers(canonical_xml(method, args), held, read)
    except Exception as error:  # Sequoia raises its own errors as plain exceptions; each means that nobody here signed
        raise NotAuthenticated("the call's OpenPGP signature does not verify with the key on record") from error
    if len(signers) != 1:
        raise NotAuthenticated("expected the signature of exactly one key on record")
    return signers.pop()


def _signers(text: bytes, held: list[Any], read: Any) -> set[str]:
    """Whose of ``held`` the signature of ``text`` is."""
    verdict = pysequoia.verify(text, lambda _: held, signature=read)
    return {str(valid.certificate) for valid in verdict.valid_sigs}
