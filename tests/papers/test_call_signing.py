"""A call that one PLC signs for another, as gpg and we understand it."""

import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp
from xmlrpc.client import dumps

import pysequoia
from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from planetlab import openpgp
from planetlab.call_signing import canonical, canonical_xml, must_fit, sign
from planetlab.errors import NotAuthenticated

SECRET = openpgp.new_key("plc <root@plc.example>")
PUBLIC = openpgp.public(SECRET)
OTHER = openpgp.public(openpgp.new_key("epfl <root@epfl.example>"))

GET_NODES = b"""<methodCall>
<methodName>GetNodes</methodName>
<params>
<param>
<value><struct>
<member>
<name>hostname</name>
<value><string>&#233;*</string></value>
</member>
</struct></value>
</param>
<param>
<value><nil/></value></param>
</params>
</methodCall>"""


class SigningACall(SynchronousTestCase):
    def refused(self, *args):
        return str(self.assertRaises(NotAuthenticated, must_fit, *args))

    def test_the_text_is_the_originals_to_the_octet(self):
        self.assertEqual(GET_NODES, canonical("GetNodes", ({"hostname": "é*"}, None)))
        self.assertEqual(
            b"<methodCall>\n<methodName>GetPeerData</methodName>\n<params>\n</params>\n</methodCall>",
            canonical("GetPeerData", ()),
        )

    def test_the_text_is_what_lxml_writes_of_the_call_read_again(self):
        for args in (
            ("",), ({"": ""}, [], {}), (["a", "", ["", {"x": ""}]], None, True, 2.5, -7), ("<string></string>",),
            ("a\r\nb\rc\n\t ", "&<>\"'", "é€𝄞"), ({"hostname": ""}, ["site_id", ""]),
        ):  # fmt: skip
            call = dumps(args, "GetNodes", allow_none=True).encode()
            self.assertEqual(etree.tostring(etree.fromstring(call)), canonical("GetNodes", args), args)

    def test_a_call_signed_in_the_form_of_5_2_and_older_is_taken_too(self):
        args = ("é<nil/>", None, "", {"a": None, "b": [True, 2.5, ""]})
        whole = etree.fromstring(dumps(args, "GetNodes", allow_none=True).encode())
        older = etree.tostring(whole, method="c14n")
        self.assertEqual(older, canonical_xml("GetNodes", args))
        signer = pysequoia.Tsk.from_bytes(SECRET).signer()
        made = pysequoia.sign(signer, older, mode=pysequoia.SignatureMode.DETACHED, armor=True)
        self.assertEqual(openpgp.fingerprint(PUBLIC), must_fit([PUBLIC], "GetNodes", args, made.decode()))
        self.refused([PUBLIC], "GetNodes", (*args[:3], {}), made.decode())
        self.refused([OTHER], "GetNodes", args, made.decode())

    def test_it_names_the_key_that_signed(self):
        signature = sign(SECRET, "GetPeerData", ())
        self.assertEqual(openpgp.fingerprint(PUBLIC), must_fit([OTHER, PUBLIC], "GetPeerData", (), signature))

    def test_another_method_another_value_or_another_key_does_not_fit(self):
        signature = sign(SECRET, "GetNodes", (["ab", "c"],))
        for method, args, key in (
            ("GetSites", (["ab", "c"],), PUBLIC),
            ("GetNodes", (["a", "bc"],), PUBLIC),
            ("GetNodes", (["c", "ab"],), PUBLIC),
            ("GetNodes", (["ab"], "c"), PUBLIC),
            ("GetNodes", (["ab", "c"],), OTHER),
        ):
            self.assertIn("does not verify", self.refused([key], method, args, signature))

    def test_what_is_no_signature_is_refused(self):
        for said in ("", "x", "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----", "é"):
            self.assertIn("does not verify", self.refused([PUBLIC], "GetPeerData", (), said))
        self.assertIn("16384 are read", self.refused([PUBLIC], "GetPeerData", (), "x" * 20_000))

    def test_every_changed_octet_of_the_call_is_noticed(self):
        signature = sign(SECRET, "GetNodes", (["n1.example.org"],))
        for i in range(len("n1.example.org")):
            changed = "n1.example.org"[:i] + "!" + "n1.example.org"[i + 1 :]
            self.refused([PUBLIC], "GetNodes", ([changed],), signature)


class WithGpg(SynchronousTestCase):
    if shutil.which("gpg") is None:
        skip = "gpg is not installed: apt-get install gpg"

    def setUp(self):
        self.home = Path(mkdtemp(prefix="gpg"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.addCleanup(subprocess.run, ["gpgconf", "--homedir", self.home, "--kill", "all"], capture_output=True)

    def gpg(self, *args, stdin=b""):
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--pinentry-mode", "loopback", *args]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=True)

    def test_gpg_verifies_our_signature(self):
        self.gpg("--import", stdin=PUBLIC)
        (self.home / "sig").write_text(sign(SECRET, "GetPeerData", ()))
        (self.home / "text").write_bytes(canonical("GetPeerData", ()))
        told = self.gpg("--status-fd", "1", "--verify", str(self.home / "sig"), str(self.home / "text"))
        self.assertRegex(told.stdout, b"VALIDSIG .* " + openpgp.fingerprint(PUBLIC).upper().encode())

    def test_we_verify_gpgs_signature_by_an_rsa_key(self):
        self.gpg("--passphrase", "", "--quick-generate-key", "peer <root@peer.example>", "rsa2048", "sign")
        public = self.gpg("--armor", "--export").stdout
        signature = self.gpg("--armor", "--detach-sign", stdin=canonical("GetPeerData", ())).stdout.decode()
        self.assertEqual(openpgp.fingerprint(public), must_fit([public], "GetPeerData", (), signature))
