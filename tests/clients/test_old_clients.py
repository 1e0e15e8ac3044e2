"""Clients of the original, written as they were written for it, against servers that run."""

import functools
import hashlib
import hmac
import http.client
import pathlib
import shutil
import ssl
import time
import xmlrpc.client
from collections.abc import Callable
from typing import Any
from unittest import skipUnless
from urllib.parse import urlsplit
from xmlrpc.client import Fault

from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from tests.clients.plc import ADMIN, running, stop_running
from tests.papers.programs import NEEDS_GPG, NEEDS_XMLSEC1, Gpg, run

NODE_KEY = "HqKkqLw9pTPHMxbXfmC1UVd5gkYyTrQ0"
SSH_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA user@princeton.example"
DAY = 86_400  # seconds


tearDownModule = stop_running


def password(email: str, word: str, **more: str) -> dict[str, str]:
    return {"AuthMethod": "password", "Username": email, "AuthString": word, **more}


@functools.cache
def princeton() -> dict[str, Any]:
    """A site with a PI, a user with a key, two nodes; made by an administrator's script of the time."""
    api, auth = running().proxy(secure=False), ADMIN
    site = {"name": "Princeton", "abbreviated_name": "PU", "login_base": "princeton", "max_slices": 10}
    made: dict[str, Any] = {"site": api.AddSite(auth, site)}
    for who, role in (("pi", "pi"), ("user", "user")):
        email = f"{who}@princeton.example"
        said = {"email": email, "first_name": who, "last_name": "Example", "password": f"{who}'s own"}
        made[who] = api.AddPerson(auth, said)
        api.UpdatePerson(auth, made[who], {"enabled": True})
        api.AddRoleToPerson(auth, role, made[who])
        api.AddPersonToSite(auth, made[who], "princeton")
    api.AddPersonKey(auth, made["user"], {"key_type": "ssh", "key": SSH_KEY})
    for at in (1, 2):
        host = f"n{at}.princeton.example"
        made[host] = api.AddNode(auth, "princeton", {"hostname": host, "boot_state": "boot"})
        address = {"type": "ipv4", "method": "dhcp", "ip": f"192.0.2.{at}", "is_primary": True}
        api.AddInterface(auth, made[host], address)
        api.UpdateNode(auth, host, {"key": NODE_KEY})
    return made


class AScriptOfAnAdministrator(SynchronousTestCase):
    """As scripts for the shell of 4.2 and later were written, through Python's own xmlrpc client."""

    timeout = 120

    def setUp(self) -> None:
        princeton()

    def refused(self, code: int, call: Callable[..., Any], *args: Any) -> str:
        fault = self.assertRaises(Fault, call, *args)
        self.assertEqual(code, fault.faultCode, fault.faultString)
        return str(fault.faultString)

    def test_faults_arrive_as_faults(self) -> None:
        for secure in (False, True):
            api = running().proxy(secure)
            self.assertEqual("Invalid method NoSuch", self.refused(100, api.NoSuch, ADMIN))
            self.assertEqual(": GetSites: Expected 1-3 arguments, got 0", self.refused(101, api.GetSites))
            self.refused(102, api.GetSites, ADMIN, 3.5)
            self.refused(103, api.GetSites, password("root@plc.example", "guess"))
            pi = password("pi@princeton.example", "pi's own")
            self.assertIn("Failed to authenticate call", self.refused(103, api.DeleteSite, pi, "princeton"))
            text = self.refused(102, api.AddSlice, pi, {"name": "princeton-x"})
            self.assertTrue(text.startswith(f"person_id {princeton()['pi']}: AddSlice: Invalid "), text)

    def test_runs_the_same_over_http_and_https(self) -> None:
        for secure in (False, True):
            api, auth, base = running().proxy(secure), ADMIN, f"cornell{'s' if secure else ''}"
            self.assertEqual(1, api.AuthCheck(auth))
            site = {"name": f"Universität {base} ☃", "abbreviated_name": base, "login_base": base, "max_slices": 5}
            number = api.AddSite(auth, {**site, "is_public": True, "latitude": 42.4, "longitude": -76.5})
            (row,) = api.GetSites(auth, {"login_base": base}, ["site_id", "name", "latitude", "is_public", "url"])
            expected = {"site_id": number, "name": site["name"], "latitude": 42.4, "is_public": True, "url": None}
            self.assertEqual(expected, row)
            self.assertEqual(1, api.UpdateSite(auth, base, {"url": "http://cornell.example/"}))
            host = f"planetlab1.{base}.example"
            node = api.AddNode(auth, base, {"hostname": host, "boot_state": "reinstall", "model": "minihw"})
            for key, value in (("deployment", "alpha"), ("arch", "x86_64")):
                tag = api.AddNodeTag(auth, node, key, value)
                self.assertEqual(value, api.GetNodeTags(auth, {"node_id": node, "tagname": key})[0]["value"])
                self.assertEqual(1, api.UpdateNodeTag(auth, tag, value.upper()))
            self.assertEqual("ALPHA", api.GetNodeDeployment(auth, node))
            names = [one["hostname"] for one in api.GetNodes(auth, {"hostname": f"*.{base}.*", "-SORT": "hostname"})]
            self.assertEqual([host], names)
            self.assertEqual([], api.GetNodes(auth, [], ["hostname"]))
            self.assertEqual([], api.GetNodes(auth, {"~boot_state": ["reinstall"], "site_id": number}, None))
            slice_id = api.AddSlice(auth, {"name": f"{base}_codeen", "url": "http://x.example/", "description": "CDN"})
            self.assertEqual(1, api.AddSliceToNodes(auth, slice_id, [host, node]))
            self.assertEqual([node], api.GetSlices(auth, [slice_id])[0]["node_ids"])
            self.assertEqual(1, api.DeleteSite(auth, base))
            self.assertEqual([], api.GetSites(auth, [base]))
            self.assertEqual([], api.GetSlices(auth, {"name": f"{base}_codeen"}))

    def test_a_session_stands_for_the_password(self) -> None:
        api = running().proxy()
        session = api.GetSession(password("pi@princeton.example", "pi's own"))
        self.assertEqual(44, len(session))
        auth = {"AuthMethod": "session", "session": session}
        self.assertEqual(["pi@princeton.example"], [one["email"] for one in api.GetPersons(auth, [princeton()["pi"]])])
        self.assertEqual(1, api.DeleteSession(auth))
        self.refused(103, api.AuthCheck, auth)

    def test_many_calls_travel_as_one(self) -> None:
        many = xmlrpc.client.MultiCall(running().proxy())
        many.AuthCheck(ADMIN)
        many.GetSites(ADMIN, ["princeton"], ["login_base"])
        many.GetNodes(ADMIN, {"hostname": "n1.princeton.example"}, ["hostname"])
        many.NoSuch(ADMIN)
        answers = many()
        self.assertEqual(
            [1, [{"login_base": "princeton"}], [{"hostname": "n1.princeton.example"}]], [answers[at] for at in range(3)]
        )
        self.refused(100, lambda: answers[3])

    def test_the_interface_tells_what_it_has(self) -> None:
        for secure in (False, True):
            api = running().proxy(secure)
            names = api.system.listMethods()
            self.assertTrue({"GetNodes", "GetSlivers", "AddSlice", "SetNodeArch", "system.multicall"} <= set(names))
            self.assertIn(["array", "struct"], api.system.methodSignature("GetNodes"))
            self.assertIn("GetSlivers(auth, node_id_or_hostname) -> struct", api.system.methodHelp("GetSlivers"))

    def test_names_of_version_4_2_still_answer(self) -> None:
        api, auth = running().proxy(), ADMIN
        node = princeton()["n1.princeton.example"]
        (network,) = api.GetNodeNetworks(auth, {"node_id": node}, ["nodenetwork_id", "ip"])
        self.assertEqual("192.0.2.1", network["ip"])
        self.assertEqual("princeton", api.AdmGetSites(auth, ["princeton"])[0]["login_base"])
        self.assertLessEqual(
            {("10", "admin"), ("20", "pi"), ("30", "user"), ("40", "tech")}, set(api.AdmGetAllRoles(auth).items())
        )


class ANode(SynchronousTestCase):
    """As its boot manager and node manager call: posted by curl, as a form, over verified TLS."""

    timeout = 120

    def setUp(self) -> None:
        self.node_id = princeton()["n2.princeton.example"]

    def post(self, method: str, *params: Any, url: str = "") -> Any:
        at = urlsplit(url or running().secure)
        line = http.client.HTTPSConnection(at.hostname or "", at.port, context=running().trust, timeout=60)
        body = xmlrpc.client.dumps(params, method, allow_none=True).encode()
        as_curl = {"User-Agent": "curl/7.29.0", "Accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"}
        line.request("POST", at.path, body, as_curl)
        answer = line.getresponse()
        text = answer.read()
        line.close()
        self.assertEqual((200, "text/xml"), (answer.status, answer.headers.get_content_type()))
        (value,), _ = xmlrpc.client.loads(text)
        return value

    def by_key(self, text: str = "[]", **more: Any) -> dict[str, Any]:
        value = hmac.new(NODE_KEY.encode(), text.encode(), hashlib.sha1).hexdigest()
        return {"AuthMethod": "hmac", "node_id": self.node_id, "value": value, **more}

    def session(self) -> dict[str, str]:
        return {"AuthMethod": "session", "session": self.post("GetSession", self.by_key(node_ip="192.0.2.2"))}

    def test_a_wrong_key_or_a_stale_session_is_refused(self) -> None:
        wrong = {**self.by_key(), "value": "0" * 40}
        self.assertEqual(103, self.assertRaises(Fault, self.post, "GetSession", wrong).faultCode)
        before, after = self.session(), self.session()
        self.assertEqual(103, self.assertRaises(Fault, self.post, "GetSlivers", before).faultCode)
        self.assertEqual(1, self.post("AuthCheck", after))

    def test_a_server_with_another_certificate_is_not_told_anything(self) -> None:
        at = urlsplit(running().secure)
        line = http.client.HTTPSConnection(at.hostname or "", at.port, timeout=60)
        self.assertRaises(ssl.SSLCertVerificationError, line.request, "POST", at.path, b"")

    def test_either_authority_of_its_plc_answers_it(self) -> None:
        auth, url = self.session(), running().of_nodes
        self.assertEqual(1, self.post("AuthCheck", auth, url=url))
        told = self.post("GetSlivers", auth, url=url)
        self.assertEqual(told["interfaces"], self.post("GetSlivers", auth)["interfaces"])
        self.assertEqual(1, self.post("ReportRunlevel", self.by_key("[boot]"), {"run_level": "boot"}, url=url))
        self.assertEqual([], self.post("GetSlices", auth, ["princeton_none"], url=url))

    def test_it_boots(self) -> None:
        details = self.post("BootGetNodeDetails", self.by_key())
        self.assertEqual(("n2.princeton.example", "boot"), (details["hostname"], details["boot_state"]))
        self.assertEqual("192.0.2.2", details["networks"][0]["ip"])
        auth = {"AuthMethod": "session", "session": details["session"]}
        network = {"interface_id": details["networks"][0]["interface_id"], "method": "dhcp"}
        said = {"boot_state": "boot", "ssh_rsa_key": "ssh-rsa AAAA host", "primary_network": network}
        self.assertEqual(1, self.post("BootUpdateNode", auth, said))
        said = {"boot_state": "boot", "ssh_host_key": "ssh-rsa BBBB"}
        self.assertEqual(1, self.post("BootUpdateNode", self.by_key("[bootssh-rsa BBBB]"), said))
        (row,) = running().proxy().GetNodes(ADMIN, [self.node_id], ["boot_state", "ssh_rsa_key"])
        self.assertEqual({"boot_state": "boot", "ssh_rsa_key": "ssh-rsa BBBB"}, row)
        self.assertEqual(1, self.post("BootCheckAuthentication", auth))
        self.assertEqual(
            1, self.post("BootNotifyOwners", self.by_key("[001installfinished]"), "installfinished", 1, 0, 0)
        )
        self.assertEqual(1, self.post("ReportRunlevel", auth, {"run_level": "boot"}))

    def test_its_node_manager_polls(self) -> None:
        api = running().proxy()
        slice_id = api.AddSlice(ADMIN, {"name": "princeton_polled", "url": "http://x.example/", "description": "d"})
        self.addCleanup(api.DeleteSlice, ADMIN, slice_id)
        api.AddPersonToSlice(ADMIN, "user@princeton.example", slice_id)
        api.AddSliceToNodes(ADMIN, slice_id, [self.node_id])
        api.AddSliceTag(ADMIN, slice_id, "vref", "f14", self.node_id)
        auth = self.session()
        told = self.post("GetSlivers", auth)
        self.assertEqual((self.node_id, "n2.princeton.example"), (told["node_id"], told["hostname"]))
        self.assertTrue(told["interfaces"] == told["networks"] if "networks" in told else told["interfaces"])
        (sliver,) = [one for one in told["slivers"] if one["name"] == "princeton_polled"]
        self.assertEqual([{"key_type": "ssh", "key": SSH_KEY}], sliver["keys"])
        self.assertIn({"tagname": "vref", "value": "f14"}, sliver["attributes"])
        self.assertLess(abs(time.time() - told["timestamp"]), 60)
        self.assertEqual(told["slivers"], self.post("GetSlivers", auth, self.node_id)["slivers"])

    @skipUnless(shutil.which("curl"), "curl is not installed (Debian package curl)")
    def test_curl_itself_is_answered(self) -> None:
        body = xmlrpc.client.dumps((self.by_key(),), "GetSession").encode()
        words = ("curl", "--silent", "--cacert", running().ca, "--data-binary", "@-", running().secure)
        (session,), _ = xmlrpc.client.loads(run(*words, given=body))
        self.assertEqual(1, self.post("AuthCheck", {"AuthMethod": "session", "session": session}))

    def test_a_long_call_that_waits_to_be_told_to_go_on_is_told(self) -> None:
        at = urlsplit(running().plain)
        body = xmlrpc.client.dumps((ADMIN, [f"n{at}.nowhere.example" for at in range(500)]), "GetNodes").encode()
        line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        line.putrequest("POST", at.path)
        for name, value in (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", str(len(body))),
            ("Expect", "100-continue"),
        ):
            line.putheader(name, value)
        line.endheaders()
        self.assertTrue(line.sock.recv(4096).startswith(b"HTTP/1.1 100 "))
        line.send(body)
        (value,), _ = xmlrpc.client.loads(line.getresponse().read())
        line.close()
        self.assertEqual([], value)


@NEEDS_GPG
class APeer(SynchronousTestCase):
    """As another PLC asks: the call's canonical text, signed by the gpg program."""

    timeout = 120

    def setUp(self) -> None:
        princeton()
        home = pathlib.Path(running().folder / "gpg")
        self.gpg = Gpg(home)
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        self.addCleanup(self.gpg.close)
        self.gpg("--passphrase", "", "--quick-generate-key", "EPFL <root@epfl.example>", "rsa2048", "sign", "never")
        self.api = running().proxy()
        key = self.gpg("--armor", "--export").decode()
        said = {"peername": "PlanetLab EPFL", "peer_url": "https://epfl.example/PLCAPI/", "key": key}
        self.peer = self.api.AddPeer(ADMIN, {**said, "cacert": pathlib.Path(running().ca).read_text()})
        self.addCleanup(self.api.DeletePeer, ADMIN, self.peer)

    def signed(self, method: str, *args: Any) -> dict[str, str]:
        """The auth struct as PLCAPI 5 makes it."""
        whole = xmlrpc.client.dumps(args, method, allow_none=True)
        text = etree.tostring(etree.fromstring(whole.encode()))
        signature = self.gpg("--armor", "--detach-sign", given=text).decode()
        return {"AuthMethod": "gpg", "name": "PlanetLab EPFL", "signature": signature}

    def test_the_signature_of_one_call_is_not_good_for_another(self) -> None:
        for auth in (
            self.signed("GetPeerName"),
            self.signed("GetPeerData", 1),
            {**self.signed("GetPeerData"), "name": "X"},
        ):
            self.assertEqual(103, self.assertRaises(Fault, self.api.GetPeerData, auth).faultCode)

    def test_it_is_told_everything_of_ours(self) -> None:
        told = self.api.GetPeerData(self.signed("GetPeerData"))
        self.assertEqual({"Sites", "Keys", "Nodes", "Persons", "Slices", "PeerNodes", "db_time"}, set(told))
        self.assertTrue({"n1.princeton.example", "n2.princeton.example"} <= {one["hostname"] for one in told["Nodes"]})
        self.assertIn(SSH_KEY, [one["key"] for one in told["Keys"]])

    def test_it_is_answered_what_is_for_peers_and_nothing_else(self) -> None:
        self.assertEqual("PlanetLab", self.api.GetPeerName(self.signed("GetPeerName")))
        args = ({"hostname": "n1.*"}, ["hostname"])
        self.assertEqual(
            103, self.assertRaises(Fault, self.api.GetNodes, self.signed("GetNodes", *args), *args).faultCode
        )


@NEEDS_GPG
class APersonWithAGpgKey(SynchronousTestCase):
    """As a script signs its calls in place of a password."""

    timeout = 120

    def test_is_known_by_it_once_it_is_on_record(self) -> None:
        princeton()
        home = pathlib.Path(running().folder / "gpgp")
        gpg = Gpg(home)
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        self.addCleanup(gpg.close)
        email, api = "user@princeton.example", running().proxy()
        gpg("--passphrase", "", "--quick-generate-key", email, "rsa2048", "sign", "never")
        args = ({"email": email}, ["email"])
        text = etree.tostring(etree.fromstring(xmlrpc.client.dumps(args, "GetPersons", allow_none=True).encode()))
        signature = gpg("--armor", "--detach-sign", given=text).decode()
        auth = {"AuthMethod": "gpg", "name": email, "signature": signature}
        self.assertEqual(103, self.assertRaises(Fault, api.GetPersons, auth, *args).faultCode)
        if "gpg" not in api.GetKeyTypes(ADMIN):
            api.AddKeyType(ADMIN, "gpg")
        key = api.AddPersonKey(ADMIN, email, {"key_type": "gpg", "key": gpg("--armor", "--export").decode()})
        self.addCleanup(api.DeleteKey, ADMIN, key)
        self.assertEqual([{"email": email}], api.GetPersons(auth, *args))


class Frame:
    """The frame of the emulation testbed's client: each call up to three times, and faults searched for words."""

    def __init__(self, auth: dict[str, str]) -> None:
        self.api, self.auth, self.tries = running().proxy(), auth, 0

    def call(self, method: str, *args: Any, ok: tuple[str, ...] = (), bad: tuple[str, ...] = ()) -> Any:
        for self.tries in (1, 2, 3):
            try:
                return getattr(self.api, method)(self.auth, *args)
            except Fault as fault:
                for text in ok:
                    if text in fault.faultString:
                        return text
                if self.tries == 3 or any(text in fault.faultString for text in bad):
                    raise
        raise AssertionError("unreachable")


class ATestbedOfVersion4(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        princeton()
        self.bed = Frame(password("pi@princeton.example", "pi's own", Role="pi"))
        self.name = "princeton_elabinelab"

    def create(self) -> str:
        said = {"url": "http://www.emulab.net", "instantiation": "delegated", "name": self.name, "description": "x"}
        self.assertIsInstance(self.bed.call("AddSlice", said), int)
        self.addCleanup(self.bed.call, "DeleteSlice", self.name, ok=("does not exist",))
        ticket = self.bed.call("GetSliceTicket", self.name)
        self.assertIsInstance(ticket, str)
        return str(ticket)

    def configure(self) -> str:
        delegated, done = (self.name, "delegations", "utah_nmcontrol"), "Slice attribute already exists"
        self.bed.call("AddSliceAttribute", *delegated, ok=(done,))
        self.assertEqual((done, 1), (self.bed.call("AddSliceAttribute", *delegated, ok=(done,)), self.bed.tries))
        for value in ("/proc", "/dev"):
            self.assertIsInstance(self.bed.call("AddSliceAttribute", self.name, "vsys", value), int)
        for _ in range(2):
            self.assertEqual(1, self.bed.call("AddPersonToSlice", "user@princeton.example", self.name))
        self.assertEqual(1, self.bed.call("AddSliceToNodes", self.name, ["n1.princeton.example"]))
        return str(self.bed.call("GetSliceTicket", self.name))

    def test_a_slice_that_is_not_there_ends_at_once(self) -> None:
        self.assertRaises(Fault, self.bed.call, "UpdateSlice", self.name, {"expires": 1}, bad=("does not exist",))
        self.assertEqual(1, self.bed.tries)

    def test_makes_configures_renews_and_deletes_a_slice(self) -> None:
        self.create()
        ticket = self.configure()
        self.assertIn("PGP", ticket)
        for _ in range(2):
            answer = self.bed.call("AddSliceToNodes", self.name, ["n2.princeton.example"], ok=("already assigned",))
            self.assertIn(answer, (1, "already assigned"))
        (row,) = self.bed.call("GetSlices", [self.name], None)
        self.assertEqual({princeton()[f"n{at}.princeton.example"] for at in (1, 2)}, set(row["node_ids"]))
        self.assertLess(abs(time.time() + 14 * DAY - row["expires"]), 600)
        later = int(time.time()) + 55 * DAY
        self.assertEqual(1, self.bed.call("UpdateSlice", self.name, {"expires": later}))
        (row,) = self.bed.call("GetSlices", [self.name], None)
        self.assertEqual(later, row["expires"])
        self.assertNotEqual(ticket, self.bed.call("GetSliceTicket", self.name))
        self.assertEqual(1, self.bed.call("DeleteSlice", self.name, ok=("does not exist",)))
        self.assertEqual("does not exist", self.bed.call("DeleteSlice", self.name, ok=("does not exist",)))
        self.assertEqual(1, self.bed.tries)

    @NEEDS_GPG
    def test_its_ticket_is_good_to_gpg_and_names_what_was_configured(self) -> None:
        self.create()
        ticket = self.configure()
        gpg = Gpg(pathlib.Path(running().folder / "gpg4"))
        self.addCleanup(gpg.close)
        gpg("--import", str(running().folder / "plc" / "pgp.pub"))
        (told,), _ = xmlrpc.client.loads(gpg("--decrypt", given=ticket.encode()))
        (sliver,) = told["slivers"]
        self.assertEqual((self.name, "delegated"), (sliver["name"], sliver["instantiation"]))
        tags = [(one["tagname"], one["value"]) for one in sliver["attributes"]]
        for tag in (("delegations", "utah_nmcontrol"), ("vsys", "/proc"), ("vsys", "/dev")):
            self.assertIn(tag, tags)
        self.assertEqual([SSH_KEY], [one["key"] for one in sliver["keys"]])


class ATestbedOf2004(SynchronousTestCase):
    def test_is_told_all_slices_of_a_site_that_has_many(self) -> None:
        princeton()
        plain = running().proxy(secure=False)
        site = {"name": "Many", "abbreviated_name": "M", "login_base": "many", "max_slices": 100}
        plain.AddSite(ADMIN, site)
        names = {f"many_s{at}" for at in range(70)}  # more than what the authority writes by itself
        for name in sorted(names):
            plain.AddSlice(ADMIN, {"name": name, "description": "one of many", "url": "http://many.example/"})
        who = {"AuthMethod": "password", "username": ADMIN["Username"], "AuthString": ADMIN["AuthString"]}
        for secure in (True, False):
            told = running().proxy(secure).listSlice(who)
            self.assertLessEqual(names, {row["slicename"] for row in told})
            self.assertEqual({"slicename", "expires"}, set(told[0]))


class ATestbedOfVersion3(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        princeton()
        self.bed = Frame(password("pi@princeton.example", "pi's own", Role="pi"))
        self.name = "princeton_elabv3"

    def create(self) -> str:
        self.assertIsInstance(self.bed.call("SliceCreate", self.name), int)
        self.addCleanup(self.bed.call, "SliceDelete", self.name, ok=("does not exist",))
        self.bed.call("SliceSetInstantiationMethod", self.name, "delegated")
        self.bed.call("SliceUsersAdd", self.name, ["user@princeton.example"])
        self.bed.call("SliceUpdate", self.name, "http://www.emulab.net", "an experiment")
        return str(self.bed.call("SliceGetTicket", self.name))

    def test_renewing_a_slice_that_is_not_there_ends_at_once(self) -> None:
        later = int(time.time()) + 56 * DAY
        self.assertRaises(Fault, self.bed.call, "SliceRenew", self.name, later, bad=("does not exist",))
        self.assertEqual(1, self.bed.tries)

    def test_makes_renews_and_deletes_a_slice(self) -> None:
        ticket = self.create()
        root = etree.fromstring(ticket.encode())
        (one,) = root.findall("slice")
        self.assertEqual(("ticket", self.name), (root.tag, one.get("name")))
        self.assertEqual(["user@princeton.example"], [user.get("email") for user in one.iter("user")])
        later = int(time.time()) + 56 * DAY
        self.bed.call("SliceRenew", self.name, later, bad=("does not exist",))
        known = {one["name"]: one["expires"] for one in self.bed.call("SliceInfo", [], False, False)}
        self.assertEqual(later, known[self.name])
        again = etree.fromstring(self.bed.call("SliceGetTicket", self.name).encode())
        self.assertEqual(later, int(again.find("slice").get("expiry")))
        self.bed.call("SliceDelete", self.name, ok=("does not exist",))
        self.assertEqual("does not exist", self.bed.call("SliceDelete", self.name, ok=("does not exist",)))
        self.assertEqual(1, self.bed.tries)

    @NEEDS_XMLSEC1
    def test_its_ticket_is_good_to_xmlsec1(self) -> None:
        file = running().folder / "ticket.xml"
        file.write_text(self.create())
        key = str(running().folder / "plc" / "ticket.pub.pem")
        run("xmlsec1", "--verify", "--pubkey-pem", key, str(file))
