"""Whom a client of ours believes, and what it says of those it does not."""

import datetime
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor, threads
from twisted.trial.unittest import SynchronousTestCase, TestCase

from planetlab import ask, tls
from planetlab.errors import BadSettings, Unreachable
from planetlab.names import Hrn
from planetlab.serve import ApiResource, Limits, hardened_site, listen, mount
from tests.edge.example import CA, NOW, SERVER, Served, api, greet

OTHER = tls.make_ca(Hrn.parse("evil"), NOW, life=30 * 365 * tls.DAY)


def forge(
    common_name: str, *names: x509.GeneralName, issuer: tls.Pair | None = CA, ends: float = 4e9, begins: float = NOW
) -> tls.Pair:
    """A certificate with exactly these names, as no tool of ours would make it; signed by itself without ``issuer``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime.fromtimestamp(begins, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(ends, datetime.UTC))
        .add_extension(x509.BasicConstraints(False, None), True)
    )
    if issuer is not None:  # Python 3.13 believes no certificate that does not say whose key signed it
        above = cast(ec.EllipticCurvePublicKey, issuer.certificate.public_key())
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    signer: Any = key if issuer is None else serialization.load_pem_private_key(issuer.key_pem, None)
    certificate = builder.sign(signer, hashes.SHA256())
    plain = serialization.NoEncryption()
    return tls.Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
    )


HERE = x509.DNSName("localhost")
REFUSED = {
    "common name only": (forge("localhost"), "CN=localhost is for no DNS name or address"),
    "common name only, of another": (forge("other.example"), "is for no DNS name or address"),
    "e-mail name only": (forge("localhost", x509.RFC822Name("a@localhost")), "is for no DNS name or address"),
    "URI name only": (forge("x", x509.UniformResourceIdentifier("https://localhost/")), "is for no DNS name"),
    "another's name": (forge("localhost", x509.DNSName("other.example")), "is for other.example, not for that name"),
    "a wildcard above": (forge("x", x509.DNSName("*")), "not for that name"),
    "a name with NUL": (
        forge("x", x509.DNSName._init_without_validation("localhost\0.other.example")), "not for that name",
    ),
    "a name that goes on": (forge("x", x509.DNSName("localhost.other.example")), "not for that name"),
    "signed by itself": (forge("localhost", HERE, issuer=None), "CN=localhost is signed by itself"),
    "another CA": (tls.issue(OTHER, ["localhost"], NOW, life=4e8), "is issued by CN=evil TLS CA, which is not trusted"),
    "another CA of the same name": (
        tls.issue(tls.make_ca(Hrn.parse("plc"), NOW, life=4e8), ["localhost"], NOW, life=3e8), "plc TLS CA",
    ),
    "expired": (forge("localhost", HERE, ends=NOW + 60), "CN=localhost expired on 2023-11-14 22:14 UTC"),
    "not yet valid": (forge("localhost", HERE, begins=3.9e9), "is not valid before 2093-08-01 21:20 UTC"),
}  # fmt: skip


class Pitfall1ACertificateThatNamesNobodyIsRefused(Served):
    """Twisted's own client lets certificates without DNS or IP names pass for any host."""

    secure = True

    async def serve(self, pair: tls.Pair) -> str:
        """Our interface under another certificate; its address by name."""
        site = hardened_site(mount({"PLCAPI": ApiResource(api, greet)}), reactor)
        creator = tls.server_options(pair.certificate_pem, pair.key_pem)
        port = await listen(reactor, "tcp:0:interface=127.0.0.1", site, creator)
        self.addCleanup(site.drain)
        self.addCleanup(site.abort)
        self.addCleanup(port.stopListening)
        return f"https://localhost:{port.getHost().port}/PLCAPI/"

    async def test_thirteen_wrong_certificates_are_each_refused_in_one_sentence(self) -> None:
        for case, (pair, said) in REFUSED.items():
            url = await self.serve(pair)
            asking = ask.Ask(url, ca=CA.certificate_pem, reactor=reactor)
            error = await self.failing(asking.call("GetSum", 1, 2), Unreachable)
            self.assertIn(said, str(error), case)
            self.assertTrue(str(error).startswith(f"{url}: the certificate of localhost is refused: "), case)
            self.assertNotIn("\n", str(error))
            self.assertEqual(0, self.flushed())

    def flushed(self) -> int:
        return len(self.flushLoggedErrors())

    async def test_the_right_one_is_accepted_by_name_and_by_address(self) -> None:
        url = await self.serve(tls.issue(CA, ["localhost", "127.0.0.1"], NOW, life=1e9))
        for host in ("localhost", "127.0.0.1"):
            asking = ask.Ask(url.replace("localhost", host), ca=CA.certificate_pem, reactor=reactor)
            self.assertEqual(3, await asking.call("GetSum", 1, 2))

    async def test_an_address_is_not_a_name(self) -> None:
        url = (await self.serve(tls.issue(CA, ["localhost"], NOW, life=1e9))).replace("localhost", "127.0.0.1")
        error = await self.failing(
            ask.Ask(url, ca=CA.certificate_pem, reactor=reactor).call("GetSum", 1, 2), Unreachable
        )
        self.assertIn("is for localhost, not for that name", str(error))

    async def test_two_clients_with_different_roots_share_no_connection(self) -> None:
        self.assertEqual(3, await self.ask().call("GetSum", 1, 2))
        error = await self.failing(
            ask.Ask(self.url, ca=OTHER.certificate_pem, reactor=reactor).call("GetSum", 1, 2), Unreachable
        )
        self.assertIn("not trusted here", str(error))

    async def test_a_plain_server_is_not_spoken_to_in_clear(self) -> None:
        site = hardened_site(mount({"PLCAPI": ApiResource(api, greet)}), reactor, Limits(header=0.3))
        port = await listen(reactor, "tcp:0:interface=127.0.0.1", site)
        self.addCleanup(site.drain)
        self.addCleanup(port.stopListening)
        url = f"https://localhost:{port.getHost().port}/PLCAPI/"
        await self.failing(
            ask.Ask(url, ca=CA.certificate_pem, reactor=reactor, tries=1).call("GetSum", 1, 2), Unreachable
        )


class Versions(Served):
    secure = True

    def handshake(self, newest: int) -> str:
        import socket
        import ssl

        context = ssl.create_default_context(cadata=CA.certificate_pem.decode())
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion(newest)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(self.address, timeout=60) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="localhost") as client:
                    return str(client.version())
            except (ssl.SSLError, OSError):
                return "refused"

    async def test_1_2_and_1_3_are_spoken_and_nothing_older(self) -> None:
        said = {version: await self.elsewhere(self.handshake, version) for version in (0x301, 0x302, 0x303, 0x304)}
        self.assertEqual({0x301: "refused", 0x302: "refused", 0x303: "TLSv1.2", 0x304: "TLSv1.3"}, said)


class ClientCertificates(Served):
    async def serve(self) -> str:
        creator = tls.server_options(SERVER.certificate_pem, SERVER.key_pem, client_roots=CA.certificate_pem)
        self.seen: list[str] = []

        def meet(method: Any, args: Any, request: Any) -> Any:
            shown = request.channel.transport.getPeerCertificate()
            self.seen.append(shown.to_cryptography().subject.rfc4514_string() if shown else "nobody")
            return greet(method, args, request)

        site = hardened_site(mount({"PLCAPI": ApiResource(api, meet)}), reactor)
        port = await listen(reactor, "tcp:0:interface=127.0.0.1", site, creator)
        self.addCleanup(site.drain)
        self.addCleanup(site.abort)
        self.addCleanup(port.stopListening)
        return f"https://127.0.0.1:{port.getHost().port}/PLCAPI/"

    async def test_one_may_be_shown_and_a_foreign_one_ends_the_connection(self) -> None:
        url = await self.serve()
        node, rogue = (tls.issue(ca, ["node1.plc.example"], NOW, life=1e9, client=True) for ca in (CA, OTHER))
        for shown in (None, (node.certificate_pem, node.key_pem)):
            asking = ask.Ask(url, ca=CA.certificate_pem, client_cert=shown, reactor=reactor, tries=1)
            self.assertEqual(3, await asking.call("GetSum", 1, 2))
        self.assertEqual(["nobody", "CN=node1.plc.example"], self.seen)
        foreign = (rogue.certificate_pem, rogue.key_pem)
        asking = ask.Ask(url, ca=CA.certificate_pem, client_cert=foreign, reactor=reactor, tries=1)
        await self.failing(asking.call("GetSum", 1, 2), Unreachable)
        self.assertEqual(2, len(self.seen))


class Reloading(TestCase):
    async def test_a_new_certificate_is_shown_after_reload_and_a_bad_one_changes_nothing(self) -> None:
        import pathlib

        folder = pathlib.Path(self.mktemp())
        folder.mkdir(parents=True)
        certificate, key = folder / "server.pem", folder / "server.key"

        def put(pair: tls.Pair) -> None:
            certificate.write_bytes(pair.certificate_pem)
            key.write_bytes(pair.key_pem)

        put(forge("old", HERE))
        creator = tls.server_options(certificate, key)
        site = hardened_site(mount({"PLCAPI": ApiResource(api, greet)}), reactor)
        port = await listen(reactor, "tcp:0:interface=127.0.0.1", site, creator)
        url = f"https://localhost:{port.getHost().port}/PLCAPI/"
        try:
            self.assertEqual("CN=old", await self.shown(url))
            put(forge("new", HERE))
            self.assertEqual("CN=old", await self.shown(url))
            creator.reload()
            self.assertEqual("CN=new", await self.shown(url))
            certificate.write_bytes(b"rubbish")
            self.assertRaises(BadSettings, creator.reload)
            self.assertEqual("CN=new", await self.shown(url))
        finally:
            await port.stopListening()
            done = site.drain()
            site.abort()
            await done

    async def shown(self, url: str) -> str:
        def look() -> str:
            import socket
            import ssl

            context = ssl.create_default_context(cadata=CA.certificate_pem.decode())
            at = ("127.0.0.1", int(url.split(":")[2].split("/")[0]))
            with (
                socket.create_connection(at, timeout=60) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as client,
            ):
                return x509.load_der_x509_certificate(client.getpeercert(True) or b"").subject.rfc4514_string()

        return str(await threads.deferToThread(look))


class Settings(SynchronousTestCase):
    def test_a_key_that_does_not_fit_is_told_when_the_server_starts(self) -> None:
        error = self.assertRaises(BadSettings, tls.server_options, SERVER.certificate_pem, CA.key_pem)
        self.assertIn("private key and certificate of CN=localhost cannot be used", str(error))

    def test_a_missing_file_is_named(self) -> None:
        error = self.assertRaises(BadSettings, tls.server_options, "/nowhere/server.pem", "/nowhere/server.key")
        self.assertEqual("certificate /nowhere/server.pem: cannot be read: No such file or directory", str(error))

    def test_every_certificate_of_ours_has_names(self) -> None:
        said = SERVER.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(["localhost"], said.get_values_for_type(x509.DNSName))
        self.assertRaises(ValueError, tls.issue, CA, [], NOW)

    def test_a_certificate_does_not_outlive_its_ca(self) -> None:
        brief = tls.make_ca(Hrn.parse("plc"), NOW, life=3600)
        self.assertEqual(
            brief.certificate.not_valid_after_utc, tls.issue(brief, ["x.example"], NOW).certificate.not_valid_after_utc
        )

    def test_a_small_rsa_key_is_told_when_the_server_starts(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(65537, 1024)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "small")])
        at = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        certificate = builder.serial_number(1).not_valid_before(at).not_valid_after(at).sign(key, hashes.SHA256())
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        form = serialization.PrivateFormat.PKCS8
        private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        error = self.assertRaises(BadSettings, tls.server_options, pem, private)
        self.assertIn("key too small", str(error))
