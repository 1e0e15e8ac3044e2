"""How programs of the field call, over TLS with certificates that openssl made, to processes of ours."""

import json
import pathlib
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids, keys
from planetlab.credential_xml import delegate
from planetlab.credentials import print_time
from planetlab.privileges import DEFAULTS, Privilege
from tests.papers.programs import NEEDS_XMLSEC1, run
from tests.sfa.ground import Ground, Person, openssl

GENI3 = {"type": "GENI", "version": "3"}
SLICE, URN = "plc.lab.cdn", "urn:publicid:IDN+plc:lab+slice+cdn"


def request(*nodes: tuple[str, str]) -> str:
    """A request for nodes given as (authority, host)."""
    said = "".join(
        f'<node client_id="{host}" component_manager_id="urn:publicid:IDN+{authority}+authority+cm" exclusive="false" '
        f'component_id="urn:publicid:IDN+{authority}:lab+node+{host}"><sliver_type name="plab-vserver"/></node>'
        for authority, host in nodes
    )
    return f'<rspec type="request" xmlns="http://www.geni.net/resources/rspec/3">{said}</rspec>'


_shared: list[Ground] = []


def setUpModule() -> None:
    _shared.append(Ground())


def tearDownModule() -> None:
    _shared.pop().stop()


class Field(SynchronousTestCase):
    """Processes that the tests of this module share."""

    @property
    def ground(self) -> Ground:
        return _shared[0]

    def proxy(self, person: Person, url: str, certificate: pathlib.Path | None = None) -> Any:
        made = person.at(url, certificate)
        self.addCleanup(made("close"))
        return made

    def gid_of(self, person: Person, hrn: str) -> tuple[pathlib.Path, str]:
        """First contact as sfi makes it: a self-signed certificate, a credential, then the certificate proper."""
        registry = self.proxy(person, self.ground.plc.url("registry"))
        own = registry.GetSelfCredential(person.own.read_text(), hrn, "user")
        (record,) = registry.Resolve(hrn, own)
        path = person.folder / f"{hrn}.gid"
        path.write_text(record["gid"])
        return path, own

    def wrapped(self, credential: str, version: str = "3") -> dict[str, Any]:
        return {"geni_type": "geni_sfa", "geni_version": version, "geni_value": credential}

    def ok(self, answer: dict[str, Any]) -> Any:
        self.assertEqual(0, answer["code"]["geni_code"], answer["output"])
        return answer["value"]


class AsSfiCalls(Field):
    """The sequence of sfi 3.1 and 4.0, and of sfi 2.1 before it."""

    def test_a_slices_whole_life(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        gid, own = self.gid_of(user, "plc.lab.user")
        registry, aggregate = (self.proxy(user, plc.url(one), gid) for one in ("registry", "aggregate"))
        self.assertEqual("registry", registry.GetVersion()["interface"])
        said = aggregate.GetVersion({})["value"]
        self.assertEqual(("aggregate", "plc"), (said["interface"], said["hrn"]))
        held = registry.GetCredential([own], SLICE, "slice")
        options = {"geni_rspec_version": GENI3, "call_id": "7-plc.lab.user", "cached": True}
        advertisement = self.ok(aggregate.ListResources([self.wrapped(own)], options))
        self.assertIn(plc.hosts[0], advertisement)
        users = [{"urn": "urn:publicid:IDN+plc:lab+user+user", "keys": [user.ssh]}]
        creds = [self.wrapped(held)]
        manifest = self.ok(aggregate.CreateSliver(URN, creds, request(("plc", plc.hosts[0])), users, {"call_id": "8"}))
        self.assertIn("lab_cdn", manifest)
        self.assertIn(self.ok(aggregate.SliverStatus(URN, creds, {}))["geni_status"], ("configuring", "ready"))
        self.assertIs(True, self.ok(aggregate.RenewSliver(URN, creds, print_time(time.time() + 9 * 86_400), {})))
        self.assertEqual([URN], self.ok(aggregate.ListSlices([self.wrapped(own)], {})))
        self.assertIs(True, self.ok(aggregate.DeleteSliver(URN, creds, {})))

    def test_the_third_versions_names_at_the_same_address(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        gid, own = self.gid_of(user, "plc.lab.user")
        aggregate = self.proxy(user, plc.url("aggregate"), gid)
        creds = [self.wrapped(self.proxy(user, plc.url("registry")).GetCredential([own], SLICE, "slice"))]
        made = self.ok(aggregate.Allocate(URN, creds, request(("plc", plc.hosts[1])), {}))
        (sliver,) = made["geni_slivers"]
        self.assertEqual("geni_allocated", sliver["geni_allocation_status"])
        self.ok(aggregate.Provision([URN], creds, {"geni_rspec_version": GENI3}))
        self.assertTrue(self.ok(aggregate.Describe([URN], creds, {"geni_rspec_version": GENI3}))["geni_rspec"])
        self.assertTrue(self.ok(aggregate.Status([URN], creds, {}))["geni_slivers"])
        self.ok(aggregate.PerformOperationalAction([URN], creds, "geni_stop", {}))
        self.assertTrue(self.ok(aggregate.Delete([URN], creds, {})))

    def test_pis_keep_records(self) -> None:
        plc, pi = self.ground.plc, self.ground.plc.pi
        gid, own = self.gid_of(pi, "plc.lab.pi")
        registry = self.proxy(pi, plc.url("registry"), gid)
        held = registry.GetCredential([own], "plc.lab", "authority")
        record = {
            "hrn": "plc.lab.two",
            "type": "slice",
            "reg-researchers": ["plc.lab.user"],
            "url": "https://x.example/",
        }
        self.assertIn("BEGIN CERTIFICATE", registry.Register(record, [held]))
        self.assertIn("plc.lab.two", [one["hrn"] for one in registry.List("plc.lab", own, {"recursive": False})])
        self.assertEqual(1, registry.Update({**record, "description": "two"}, [held]))
        self.assertEqual(1, registry.Remove("plc.lab.two", [held], "slice"))

    def test_mistakes_are_faults_with_a_sentence(self) -> None:
        registry = self.proxy(self.ground.plc.user, self.ground.plc.url("registry"))
        calls: dict[int, Any] = {
            100: lambda: registry.Nothing(),
            101: lambda: registry.Resolve(),
            115: lambda: registry.Resolve("plc", "x"),
            103: lambda: registry.GetSelfCredential(None, "plc.lab.pi", "user"),
        }
        for code, call in calls.items():
            with self.assertRaises(xmlrpc.client.Fault) as raised:
                call()
            self.assertEqual(code, raised.exception.faultCode, raised.exception.faultString)
            self.assertNotIn("Traceback", raised.exception.faultString)


class PagesForPeople(Field):
    def test_each_port_tells_its_methods_to_a_browser(self) -> None:
        for which, method in {"registry": "GetSelfCredential", "aggregate": "RenewSliver"}.items():
            url = f"{self.ground.plc.url(which)}reference"
            with urllib.request.urlopen(url, context=self.ground.plc.user.context(), timeout=60) as page:
                self.assertIn(method, page.read().decode())


class AsProgramsOf2009Call(Field):
    def test_the_positional_forms(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        registry = self.proxy(user, plc.url("registry") + "RPC2")
        own = registry.get_self_credential(user.own.read_text(), "user", "plc.lab.user")
        held = registry.get_credential(own, "slice", SLICE)
        self.assertEqual(SLICE, registry.resolve(own, SLICE)[0]["hrn"])
        self.assertIn(SLICE, [one["hrn"] for one in registry.list(own, "plc.lab")])
        aggregate = self.proxy(user, plc.url("aggregate"))
        self.assertIn("<rspec", aggregate.CreateSliver(SLICE, held, request(("plc", plc.hosts[0])), []))
        self.assertEqual(1, aggregate.DeleteSliver(SLICE, held))


class AsOmniAndGeniLibCall(Field):
    """omni with its own clearinghouse and with the Federation API; geni-lib, which sends credentials as base64."""

    def test_omni_with_the_old_clearinghouse(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        clearinghouse = self.proxy(user, plc.url("registry"))
        own = clearinghouse.CreateUserCredential(user.own.read_text())
        held = clearinghouse.CreateSlice(URN)
        for number in (2, 3):
            manager = self.proxy(user, f"{plc.url('aggregate')}am/{number}.0")
            self.assertEqual(number, manager.GetVersion()["geni_api"])
            credential: Any = own if number == 2 else self.wrapped(own)
            said = self.ok(manager.ListResources([credential], {"geni_rspec_version": GENI3, "geni_compressed": False}))
            self.assertIn(plc.hosts[0], said)
        manager = self.proxy(user, f"{plc.url('aggregate')}am/2.0")
        self.ok(manager.CreateSliver(URN, [held], request(("plc", plc.hosts[0])), [], {}))
        self.assertTrue(self.ok(manager.SliverStatus(URN, [held], {}))["geni_resources"])
        self.ok(manager.DeleteSliver(URN, [held], {}))

    def test_omni_with_the_federation_api(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        members, slices = (self.proxy(user, plc.url("registry") + one) for one in ("MA", "SA"))
        for service in (members, slices):
            self.assertEqual(0, service.get_version()["code"])
        answer = members.get_credentials("urn:publicid:IDN+plc:lab+user+user", [], {})
        self.assertEqual(0, answer["code"], answer)
        creds = [one for one in answer["value"] if one["geni_type"] == "geni_sfa"]
        answer = slices.get_credentials(URN, creds, {})
        self.assertEqual(0, answer["code"], answer)
        held = answer["value"][:1]
        manager = self.proxy(user, f"{plc.url('aggregate')}am/3.0")
        self.ok(manager.Allocate(URN, held, request(("plc", plc.hosts[0])), {}))
        self.ok(manager.Delete([URN], held, {}))

    def test_geni_lib_sends_base64(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        own = self.proxy(user, plc.url("registry")).GetSelfCredential(None, "plc.lab.user", "user")
        manager = self.proxy(user, f"{plc.url('aggregate')}am/3.0")
        creds = [{**self.wrapped(own), "geni_value": xmlrpc.client.Binary(own.encode())}]
        self.assertIn(plc.hosts[0], self.ok(manager.ListResources(creds, {"geni_rspec_version": GENI3})))

    def test_scripts_of_the_first_version_get_bare_answers(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        own = self.proxy(user, plc.url("registry")).GetSelfCredential(None, "plc.lab.user", "user")
        manager = self.proxy(user, f"{plc.url('aggregate')}am/1.0")
        self.assertIn("<rspec", manager.ListResources([own], {"geni_rspec_version": GENI3}).lower())


class AcrossTheBorder(Field):
    """One user, one credential, the nodes of another PLC that never met the user."""

    def test_a_slice_of_plc_stands_on_nodes_of_epfl(self) -> None:
        plc, epfl, user = self.ground.plc, self.ground.epfl, self.ground.plc.user
        gid, own = self.gid_of(user, "plc.lab.user")
        held = self.proxy(user, plc.url("registry")).GetCredential([own], SLICE, "slice")
        aggregate = self.proxy(user, epfl.url("aggregate"), gid)
        users = [{"urn": "urn:publicid:IDN+plc:lab+user+user", "keys": [user.ssh]}]
        creds = [self.wrapped(held)]
        manifest = self.ok(aggregate.CreateSliver(URN, creds, request(("epfl", epfl.hosts[0])), users, {}))
        self.assertIn("plc8lab_cdn", manifest)
        self.assertIn("configuring", self.ok(aggregate.SliverStatus(URN, creds, {}))["geni_status"])
        self.assertIs(True, self.ok(aggregate.DeleteSliver(URN, creds, {})))

    def test_the_same_key_without_a_credential_gets_nothing_there(self) -> None:
        epfl, user = self.ground.epfl, self.ground.plc.user
        aggregate = self.proxy(user, epfl.url("aggregate"))
        answer = aggregate.CreateSliver(URN, [], request(("epfl", epfl.hosts[0])), [], {})
        self.assertEqual(3, answer["code"]["geni_code"], answer)


class AskingForOthersNames(Field):
    """A registry passes questions on to the one that keeps the name."""

    def setUp(self) -> None:
        user = self.ground.plc.user
        gid, self.own = self.gid_of(user, "plc.lab.user")
        self.registry = self.proxy(user, self.ground.plc.url("registry"), gid)

    def test_records_of_two_registries_in_one_answer(self) -> None:
        found = self.registry.Resolve(["plc.lab.cdn", "epfl.lab.cdn", "epfl.lab.user"], self.own)
        self.assertEqual({"plc.lab.cdn": "", "epfl.lab.cdn": "epfl", "epfl.lab.user": "epfl"},
                         {one["hrn"]: one["peer_authority"] for one in found})  # fmt: skip
        self.assertEqual([], [one["email"] for one in found if "email" in one])
        self.assertEqual("epfl.lab.cdn", self.registry.GetGids(["epfl.lab.cdn"], self.own)[0]["hrn"])

    def test_lists_of_another_registry(self) -> None:
        self.assertIn("epfl.lab.cdn", [one["hrn"] for one in self.registry.List("epfl.lab", self.own, {})])
        self.assertIn("epfl.lab", [one["hrn"] for one in self.registry.List("epfl*", self.own)])

    def test_what_nobody_has_is_not_found_and_ends(self) -> None:
        for name in ("epfl.lab.nothing", "plc.lab.nothing"):
            with self.assertRaises(xmlrpc.client.Fault):
                self.registry.Resolve([name], self.own)


class ThroughTheSliceInterface(Field):
    """One call to the PLC at home, which asks all aggregates."""

    def setUp(self) -> None:
        self.plc, self.epfl, self.user = self.ground.plc, self.ground.epfl, self.ground.plc.user
        gid, self.own = self.gid_of(self.user, "plc.lab.user")
        self.manager = self.proxy(self.user, self.plc.url("slice_interface"), gid)
        held = self.proxy(self.user, self.plc.url("registry")).GetCredential([self.own], SLICE, "slice")
        plc = gids.read_chain((self.plc.place.path / "gid.pem").read_bytes())
        key = keys.load_private(self.user.key.read_bytes())
        rights = tuple(Privilege(name) for name in DEFAULTS["slice"])
        until = time.time() + 86_400
        handed = delegate(held.encode(), plc, rights, until, "1", key).decode()
        self.creds = [self.wrapped(held), self.wrapped(handed)]
        self.alone = [self.wrapped(held)]

    def test_it_says_that_it_is_the_slice_interface(self) -> None:
        self.assertEqual("slicemgr", self.manager.GetVersion({})["value"]["interface"])

    def test_what_is_on_offer_everywhere_is_one_advertisement(self) -> None:
        answer = self.manager.ListResources([self.own], {"geni_rspec_version": GENI3})
        said = self.ok(answer)
        for host in (*self.plc.hosts, *self.epfl.hosts):
            self.assertIn(host, said)
        told = {one["aggregate"]: one["status"] for one in answer["statistics"]}
        self.assertEqual({"plc": "success", "epfl": "success"}, told)

    def test_a_slice_over_both_with_a_delegated_credential(self) -> None:
        text = request(("plc", self.plc.hosts[0]), ("epfl", self.epfl.hosts[0]))
        users = [{"urn": "urn:publicid:IDN+plc:lab+user+user", "keys": [self.user.ssh]}]
        manifest = self.ok(self.manager.CreateSliver(URN, self.creds, text, users, {}))
        self.assertIn("lab_cdn", manifest)
        self.assertIn("plc8lab_cdn", manifest)
        status = self.ok(self.manager.SliverStatus(URN, self.creds, {}))
        self.assertEqual(2, len(status["geni_resources"]))
        until = print_time(time.time() + 8 * 86_400)
        self.assertIs(True, self.ok(self.manager.RenewSliver(URN, self.creds, until, {})))
        self.assertIs(True, self.ok(self.manager.DeleteSliver(URN, self.creds, {})))

    def test_the_third_versions_calls_over_both(self) -> None:
        text = request(("plc", self.plc.hosts[1]), ("epfl", self.epfl.hosts[1]))
        options = {"geni_rspec_version": GENI3}
        made = self.ok(self.manager.Allocate(URN, self.creds, text, options))
        names = [one["geni_sliver_urn"] for one in made["geni_slivers"]]
        self.assertEqual(["epfl", "plc"], sorted(name.split("+")[1] for name in names))
        users = [{"urn": "urn:publicid:IDN+plc:lab+user+user", "keys": [self.user.ssh]}]
        done = self.ok(self.manager.Provision([URN], self.creds, {**options, "geni_users": users}))
        self.assertIn(self.epfl.hosts[1], done["geni_rspec"])
        self.assertEqual(2, len(self.ok(self.manager.Describe([URN], self.creds, options))["geni_slivers"]))
        theirs = [name for name in names if "+epfl+" in name]
        self.assertEqual(1, len(self.ok(self.manager.Status(theirs, self.creds, {}))["geni_slivers"]))
        until = print_time(time.time() + 7 * 86_400)
        self.assertEqual(2, len(self.ok(self.manager.Renew([URN], self.creds, until, {}))))
        self.ok(self.manager.PerformOperationalAction([URN], self.creds, "geni_stop", {}))
        answer = self.manager.PerformOperationalAction([URN], self.creds, "explode", {})
        self.assertNotEqual(0, answer["code"]["geni_code"])
        self.assertEqual(2, len(self.ok(self.manager.Delete([URN], self.creds, {}))))

    def test_where_nothing_was_delegated_the_others_are_named_and_our_own_answers(self) -> None:
        text = request(("plc", self.plc.hosts[0]), ("epfl", self.epfl.hosts[0]))
        answer = self.manager.CreateSliver(URN, self.alone, text, [], {})
        self.assertIn("lab_cdn", self.ok(answer))
        self.assertIn("epfl: ", answer["output"])
        self.assertIn("delegated", answer["output"])
        bare = self.manager.CreateSliver(URN, self.alone, text, [])
        self.assertIn("<!--", bare)
        self.manager.DeleteSliver(URN, self.alone, {})

    def test_a_call_that_comes_round_again_is_answered_with_nothing(self) -> None:
        options = {"geni_rspec_version": GENI3, "call_id": "round-1"}
        self.assertTrue(self.ok(self.manager.ListResources([self.own], options)))
        self.assertEqual("", self.ok(self.manager.ListResources([self.own], options)))

    def test_who_may_nothing_anywhere_is_refused(self) -> None:
        answer = self.manager.DeleteSliver(URN, [self.wrapped(self.own)], {})
        self.assertEqual(3, answer["code"]["geni_code"], answer)


class FromTheCommandLine(Field):
    """`plfed credential`, as a user runs it."""

    def plfed(self, *words: str, ok: bool = True) -> str:
        command = [sys.executable, "-m", "planetlab.cli", "credential", *words]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(ok, ended.returncode == 0, ended.stderr)
        return ended.stdout if ok else ended.stderr

    def test_get_show_delegate_and_revoke(self) -> None:
        plc, user, folder = self.ground.plc, self.ground.plc.user, self.ground.folder
        at = ("--registry", plc.url("registry"), "--ca", str(plc.place.path / "ca.pem"), "--key", str(user.key))
        root, held, handed = str(plc.place.path / "gid.pem"), str(folder / "c.xml"), str(folder / "d.xml")
        self.plfed("get", SLICE, "--as", "plc.lab.user", *at, "--out", held)
        self.assertIn(URN, self.plfed("show", held, "--root", root))
        mine = ("--root", root, "--key", str(user.key), "--right", "info")
        given = json.loads(self.plfed("delegate", held, "--to", root, *mine, "--out", handed, "--json"))
        self.assertEqual(pathlib.Path(handed).read_text(), given["credential"])
        levels = json.loads(self.plfed("show", handed, "--root", root, "--json"))
        self.assertEqual([["info"], 2], [levels[0]["privileges"], len(levels)])
        self.assertIn("counts no more", self.plfed("revoke", held, *at))
        self.assertIn("had been withdrawn before", self.plfed("revoke", held, *at))
        wrong = ("delegate", held, "--to", root, "--root", root, "--key", str(self.ground.plc.pi.key))
        self.assertIn("expected the private key of", self.plfed(*wrong, ok=False))

    def test_a_tool_may_speak(self) -> None:
        plc, user, folder = self.ground.plc, self.ground.plc.user, self.ground.folder
        gid, _ = self.gid_of(user, "plc.lab.user")
        said = self.plfed("speaks-for", "--tool", str(plc.pi.own), "--gid", str(gid), "--key", str(user.key))
        self.assertIn("speaks_for_", said)
        self.assertTrue(folder.exists())


class ThirdPartiesVerify(Field):
    """xmlsec1 and openssl on what the processes hand out."""

    @NEEDS_XMLSEC1
    def test_xmlsec1_verifies_credentials_and_tickets(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        registry, aggregate = (self.proxy(user, plc.url(one)) for one in ("registry", "aggregate"))
        own = registry.GetSelfCredential(None, "plc.lab.user", "user")
        held = registry.GetCredential([own], SLICE, "slice")
        root = plc.place.path / "gid.pem"
        for name, text in (("own", own), ("held", held)):
            path = self.ground.folder / f"{name}.xml"
            path.write_text(text)
            run("xmlsec1", "--verify", "--node-id", "Sig_ref0", "--trusted-pem", str(root), str(path))
        ticket = self.ground.folder / "ticket.xml"
        ticket.write_text(aggregate.GetTicket(SLICE, [held], request(("plc", plc.hosts[0])), []))
        key = self.ground.folder / "ticket.pub"
        key.write_text(openssl("pkey", "-in", str(plc.place.path / "ticket.key"), "-pubout"))
        run("xmlsec1", "--verify", "--pubkey-pem", str(key), str(ticket))
        aggregate.DeleteSliver(SLICE, [held])

    def test_openssl_verifies_the_chains(self) -> None:
        plc, user = self.ground.plc, self.ground.plc.user
        gid, own = self.gid_of(user, "plc.lab.user")
        root = str(plc.place.path / "gid.pem")
        self.assertIn("OK", openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", str(gid), str(gid)))
        said = openssl("x509", "-in", str(gid), "-noout", "-text")
        for part in ("URI:urn:publicid:IDN+plc:lab+user+user", "URI:urn:uuid:", "email:user@plc.example", "CA:FALSE"):
            self.assertIn(part, said)
        (trusted, *_) = self.proxy(user, plc.url("registry")).get_trusted_certs()
        self.assertIn("BEGIN CERTIFICATE", trusted)
