"""The aggregate interface: slices put on nodes by credential, of our own authority and of others that are believed."""

import base64
import zlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab import tickets
from planetlab.calls import Call
from planetlab.credential_xml import delegate
from planetlab.credentials import print_time
from planetlab.errors import BadArgument, Conflict, Forbidden, NotFound, PlanetLabError, Unavailable
from planetlab.methods import Role
from planetlab.names import Hrn
from planetlab.privileges import Privilege
from planetlab.refusals import BadCredential
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Kind
from planetlab.trust import Root, Roots
from slice_authority.sfa import aggregate, allowing, foreign, records, things
from slice_authority.sfa.visitor import Visitor
from tests.registry.world import ADMIN, NOW, days
from tests.sfa.world import (
    ANN,
    SLICE,
    SfaWorld,
    aggregates,
    ann,
    anns_slice,
    below,
    by_itself,
    identity,
    key,
    public,
    request,
    root,
    showing,
    ssh,
)  # fmt: skip

GENI3 = {"geni_rspec_version": {"type": "geni", "version": "3"}}


class World(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SfaWorld()
        for number in (2, 3):
            self.world.node(f"node{number}")
        self.hosts = [f"node{number}.princeton.example" for number in (1, 2, 3)]
        self.user = by_itself("user")
        self.ann = showing(ann())

    def held(self) -> str:
        return self.world.on("user", SLICE, "slice")

    def am(self, name: str, *args: Any, who: Any = None) -> Any:
        return self.world.am(who or self.user, name, *args)

    def refused(self, name: str, *args: Any, who: Any = None) -> PlanetLabError:
        return self.world.refusal(who or self.user, name, *args, api=aggregates)

    def nodes(self, name: str = "princeton_codeen") -> list[str]:
        ids = self.world.get("Slices", name)["node_ids"]
        return sorted(row["hostname"] for row in self.world.call("GetNodes", ADMIN, ids, ["hostname"]))


class Offering(World):
    def test_an_advertisement_in_each_spelling_lists_the_nodes(self) -> None:
        own = self.world.own("user")
        for kind, number in (("GENI", "3"), ("protogeni", "2"), ("SFA", "1")):
            said = {"geni_rspec_version": {"type": kind, "version": number}}
            document = codec.read(self.am("ListResources", [own], said)["value"], Kind.ADVERTISEMENT)
            self.assertEqual(self.hosts, sorted(node.hostname for node in document.nodes), kind)

    def test_old_callers_get_it_bare_and_later_ones_may_have_it_compressed(self) -> None:
        own = self.world.own("user")
        self.assertIn("<RSpec", self.am("ListResources", [own], {})["value"])
        packed = self.am("ListResources", [own], {**GENI3, "geni_compressed": True})["value"]
        self.assertIn(b"<rspec", zlib.decompress(base64.b64decode(packed)))

    def test_a_node_that_is_set_aside_for_some_slices_is_not_offered(self) -> None:
        self.world.call("AddSliceToNodesWhitelist", ADMIN, "princeton_codeen", [self.hosts[2]])
        text = self.am("ListResources", [self.world.own("user")], GENI3)["value"]
        self.assertNotIn(self.hosts[2], text)

    def test_only_nodes_that_are_up_are_available(self) -> None:
        self.world.call("UpdateNode", ADMIN, self.hosts[1], {"boot_state": "disabled"})
        text = self.am("ListResources", [self.world.own("user")], {**GENI3, "geni_available": True})["value"]
        self.assertNotIn(self.hosts[1], text)
        self.assertIn(self.hosts[0], text)

    def test_an_unknown_spelling_is_refused_with_those_that_are_spoken(self) -> None:
        said = {"geni_rspec_version": {"type": "toml", "version": "9"}}
        self.assertIn("GENI 3", str(self.refused("ListResources", [self.world.own("user")], said)))

    def test_a_credential_of_another_type_or_no_xml_is_none(self) -> None:
        own = self.world.own("user")
        for one in ({"geni_type": "odd", "geni_version": "1", "geni_value": own}, "<signed-credential>", "", "junk"):
            assert isinstance(self.refused("ListResources", [one], GENI3), BadCredential)


class OurSlices(World):
    def test_the_slice_stands_on_exactly_the_nodes_of_the_request(self) -> None:
        text = self.am("CreateSliver", SLICE, [self.held()], request(*self.hosts[1:]), [], {})["value"]
        self.assertEqual(self.hosts[1:], self.nodes())
        manifest = codec.read(text, Kind.MANIFEST)
        self.assertEqual(["node2", "node3"], [node.client_id for node in manifest.nodes])
        self.assertEqual({"princeton_codeen"}, {node.logins[0].username for node in manifest.nodes})
        self.am("CreateSliver", SLICE, [self.held()], request(self.hosts[1]), [], {})
        self.assertEqual(self.hosts[1:2], self.nodes())

    def test_callers_of_2010_get_the_manifest_bare(self) -> None:
        urn = "urn:publicid:IDN+plc:princeton+slice+codeen"
        for args in ((), ([],), ([], "call-7")):
            self.assertIn("<rspec", self.am("CreateSliver", urn, [self.held()], request(self.hosts[0]), *args))

    def test_nodes_of_another_authority_in_the_request_are_not_ours_to_judge(self) -> None:
        self.am("CreateSliver", SLICE, [self.held()], request("x.example", authority="epfl"), [], {})
        self.assertEqual([], self.nodes())

    def test_a_node_that_is_not_here_changes_nothing(self) -> None:
        error = self.refused("CreateSliver", SLICE, [self.held()], request(self.hosts[1], "no.example"), [], {})
        assert isinstance(error, NotFound)
        self.assertEqual(self.hosts[:1], self.nodes())

    def test_a_whitelist_holds_here_too(self) -> None:
        self.world.site("cornell")
        self.world.node("other", "cornell")
        self.world.call("AddSlice", ADMIN, {"name": "cornell_x"})
        self.world.call("AddSliceToNodesWhitelist", ADMIN, "cornell_x", ["other.princeton.example"])
        text = request("other.princeton.example").replace("princeton+node", "cornell+node")
        self.assertIn("whitelist", str(self.refused("CreateSliver", SLICE, [self.held()], text, [], {})))

    def test_attributes_follow_the_rules_of_slice_tags(self) -> None:
        pl = "http://www.planet-lab.org/resources/sfa/ext/planetlab/1"
        tag = f'<p:attribute xmlns:p="{pl}" name="%s" value="%s"/>'
        text = request(self.hosts[1], tags=tag % ("system", "1"))
        assert isinstance(self.refused("CreateSliver", SLICE, [self.held()], text, [], {}), Forbidden)
        text = request(self.hosts[1], tags=tag % ("no_such_tag", "1"))
        self.assertIn("no_such_tag", str(self.refused("CreateSliver", SLICE, [self.held()], text, [], {})))
        self.am("CreateSliver", SLICE, [self.held()], request(self.hosts[1], tags=tag % ("cpu_share", "9")), [], {})
        (row,) = self.world.call("GetSliceTags", ADMIN, {"tagname": "cpu_share"})
        self.assertEqual(("9", "princeton_codeen"), (row["value"], row["name"]))

    def test_status_goes_from_configuring_to_ready_when_the_node_was_heard(self) -> None:
        self.am("CreateSliver", SLICE, [self.held()], request(self.hosts[0]), [], {})
        said = self.am("SliverStatus", SLICE, [self.held()], {})["value"]
        self.assertEqual(("configuring", "urn:publicid:IDN+plc:princeton+slice+codeen"),
                         (said["geni_status"], said["geni_urn"]))  # fmt: skip
        self.world.clock.advance(60)
        self.world.by_node(self.world.node_id, "ReportRunlevel", {"run_level": "boot"})
        self.assertEqual("ready", self.am("SliverStatus", SLICE, [self.held()], {})["value"]["geni_status"])
        self.world.call("UpdateNode", ADMIN, self.hosts[0], {"boot_state": "disabled"})
        said = self.am("SliverStatus", SLICE, [self.held()], {})["value"]
        self.assertEqual("failed", said["geni_status"])
        self.assertIn("disabled", said["geni_resources"][0]["geni_error"])

    def test_renewing_keeps_the_rules_of_slices(self) -> None:
        self.am("CreateSliver", SLICE, [self.held()], request(self.hosts[0]), [], {})
        until = print_time(NOW + days(28))
        self.assertIn("empty description", str(self.refused("RenewSliver", SLICE, [self.held()], until, {})))
        why = {"description": "proxies", "url": "https://codeen.example/"}
        self.world.call("UpdateSlice", self.world.user, "princeton_codeen", why)
        self.assertIs(True, self.am("RenewSliver", SLICE, [self.held()], until, {})["value"])
        self.assertEqual(NOW + days(28), self.world.get("Slices", "princeton_codeen")["expires"])
        self.assertEqual(until, self.am("SliverStatus", SLICE, [self.held()], {})["value"]["geni_expires"])
        for wrong in (print_time(NOW + days(100)), print_time(NOW - 9), "tomorrow", "2030-01-01T00:00:00"):
            assert isinstance(self.refused("RenewSliver", SLICE, [self.held()], wrong, {}), BadArgument)

    def test_slivers_that_were_renewed_for_less_end_by_themselves(self) -> None:
        self.am("CreateSliver", SLICE, [self.held()], request(*self.hosts), [], {})
        self.am("RenewSliver", SLICE, [self.held()], print_time(NOW + 3600), {})
        self.world.clock.advance(3700)
        self.assertEqual(3, self.world.store(aggregate.tidy))
        self.assertEqual([], self.nodes())

    def test_stop_and_start_are_told_to_the_nodes_by_the_tag_enabled(self) -> None:
        self.assertEqual(1, self.am("Stop", SLICE, [self.held()]))
        (row,) = self.world.call("GetSliceTags", ADMIN, {"tagname": "enabled"})
        self.assertEqual(("0", None), (row["value"], row["node_id"]))
        self.assertEqual(1, self.am("Start", SLICE, [self.held()]))
        self.assertEqual([], self.world.call("GetSliceTags", ADMIN, {"tagname": "enabled"}))

    def test_after_a_shutdown_only_an_admin_opens_the_slice_again(self) -> None:
        held = self.held()
        self.assertEqual(1, self.am("Shutdown", SLICE, [held]))
        for name, args in {"CreateSliver": (request(self.hosts[1]), [], {}), "RenewSliver": (NOW + 9, {})}.items():
            assert isinstance(self.refused(name, SLICE, [held], *args), Forbidden)
        assert isinstance(self.refused("Start", SLICE, [held]), Forbidden)
        (row,) = self.world.call("GetSliceTags", ADMIN, {"tagname": "sfa_shutdown"})
        self.world.call("DeleteSliceTag", ADMIN, row["slice_tag_id"])
        self.assertEqual(1, self.am("Start", SLICE, [held]))

    def test_deleting_twice_is_no_error(self) -> None:
        for _ in range(2):
            self.assertIs(True, self.am("DeleteSliver", SLICE, [self.held()], {})["value"])
        self.assertEqual([], self.nodes())
        self.assertEqual(1, self.am("DeleteSliver", SLICE, [self.held()]))
        assert isinstance(self.refused("SliverStatus", SLICE, [self.held()], {}), NotFound)

    def test_slices_with_slivers_are_listed(self) -> None:
        self.assertEqual(
            ["urn:publicid:IDN+plc:princeton+slice+codeen"], self.am("ListSlices", [self.world.own("user")])
        )

    def test_a_ticket_is_one_that_nodes_believe(self) -> None:
        text = self.am("GetTicket", SLICE, [self.held()], request(self.hosts[2]), [])
        pinned = Root(hrn=Hrn(("plc",)), gid=root("plc"), ticket_keys=(public("ticket"),))
        ticket = tickets.open_ticket(text.encode(), Roots((pinned,)), NOW)
        self.assertEqual("princeton_codeen", str(ticket.slice))
        self.assertEqual([self.hosts[0], self.hosts[2]], self.nodes())

    def test_what_nodes_do_themselves_is_refused_with_the_place_where(self) -> None:
        assert isinstance(self.refused("ResetSlice", SLICE, [self.held()]), Unavailable)
        assert isinstance(self.refused("reset_slice", self.held(), SLICE), Unavailable)

    def test_a_credential_on_one_slice_is_none_on_another(self) -> None:
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        for name, args in {
            "CreateSliver": (request(self.hosts[1]), [], {}), "DeleteSliver": (), "SliverStatus": (),
            "RenewSliver": (NOW + 9,), "Start": (), "Stop": (), "Shutdown": (), "GetTicket": ("", []),
        }.items():  # fmt: skip
            error = self.refused(name, "plc.princeton.other", [self.held()], *args)
            self.assertEqual("not-permitted", getattr(error, "reason", ""), (name, error))

    def test_a_delegate_acts_with_the_rights_of_who_delegated_and_no_more(self) -> None:
        info = (Privilege("info", False),)
        handed = delegate(self.held().encode(), ann(), info, NOW + 600, "9", key("user")).decode()
        self.assertTrue(self.am("ListSlices", [handed], who=self.ann))
        self.assertIn("no right", str(self.refused("DeleteSliver", SLICE, [handed], who=self.ann)))
        control = delegate(self.held().encode(), ann(), (Privilege("control"),), NOW + 600, "9", key("user")).decode()
        self.assertEqual(1, self.am("DeleteSliver", SLICE, [control], who=self.ann))
        self.world.call("DeletePersonFromSlice", ADMIN, "user@princeton.example", "princeton_codeen")
        self.assertEqual("revoked", getattr(self.refused("Stop", SLICE, [control], who=self.ann), "reason", ""))


class OldCalls(World):
    """The aggregate's forms of 2009."""

    def test_a_slice_comes_and_goes(self) -> None:
        held, own = self.held(), self.world.own("user")
        self.assertIn("RSpec", self.am("get_resources", own))
        self.assertIn("<RSpec", self.am("get_resources", held, SLICE, None))
        self.assertIn("<rspec", self.am("create_slice", held, SLICE, request(self.hosts[1])))
        self.assertIn("<rspec", self.am("update_slice", held, SLICE, request(*self.hosts[:2]), "plc.princeton.user"))
        self.assertEqual([[SLICE], [SLICE]], [self.am("get_slices", own), self.am("list_slices", own)])
        self.assertEqual(3, len(self.am("list_nodes", own)))
        for name in ("stop_slice", "start_slice", "delete_slice"):
            self.assertEqual(1, self.am(name, held, SLICE), name)
        self.assertEqual([], self.nodes())
        self.assertIn("princeton_codeen", self.am("get_ticket", held, SLICE, request(self.hosts[0])))
        self.assertEqual([], self.am("get_aggregates", own))

    def test_every_call_of_the_catalogue_exists_with_its_arguments(self) -> None:
        counts = {
            "ListSlices": (1, 2), "ListResources": (2, 3), "CreateSliver": (3, 5), "UpdateSliver": (3, 5),
            "DeleteSliver": (2, 3), "SliverStatus": (2, 3), "RenewSliver": (3, 4), "Start": (2, 2), "Stop": (2, 2),
            "Shutdown": (2, 3), "GetTicket": (2, 5), "RedeemTicket": (2, 2), "reset_slice": (2, 3),
            "get_slices": (1, 2), "noop": (0, 0),
            "create_slice": (3, 4), "delete_slice": (1, 3), "get_resources": (1, 3), "get_ticket": (2, 4),
            "start_slice": (1, 3), "stop_slice": (1, 3), "get_aggregates": (1, 2), "get_registries": (1, 2),
            "redeem_ticket": (2, 2), "get_trusted_certs": (0, 1), "GetVersion": (0, 1),
        }  # fmt: skip
        for name, bounds in counts.items():
            accepts = aggregates[name].accepts
            self.assertEqual(bounds, (sum(not one.optional for one in accepts), len(accepts)), name)


class OthersSlices(World):
    """Slices of an authority that we believe, made here by their own credential."""

    USERS = [{"urn": "urn:publicid:IDN+epfl:lab+user+ann", "keys": [ssh("ann")]}]

    def create(self, *hosts: str, name: str = "epfl.lab.cdn", users: Any = None, **more: Any) -> Any:
        said = self.USERS if users is None else users
        return self.am("CreateSliver", name, [anns_slice(name)], request(*hosts), said, {}, who=self.ann, **more)

    def test_a_stranger_with_a_credential_of_a_believed_authority_gets_slivers(self) -> None:
        manifest = codec.read(self.create(self.hosts[0])["value"], Kind.MANIFEST)
        self.assertEqual("epfl8lab_cdn", manifest.nodes[0].logins[0].username)
        self.assertEqual(self.hosts[:1], self.nodes("epfl8lab_cdn"))
        one = self.world.get("Slices", "epfl8lab_cdn", "hrn", "person_ids", "site_id")
        self.assertEqual("epfl.lab.cdn", one["hrn"])
        self.assertEqual("sfa:epfl.lab", self.world.get("Sites", one["site_id"], "name")["name"])
        (person,) = self.world.call("GetPersons", ADMIN, one["person_ids"])
        self.assertEqual([ssh("ann")], [row["key"] for row in self.world.call("GetKeys", ADMIN, person["key_ids"])])

    def test_of_an_authority_that_is_not_believed_nothing_is_made(self) -> None:
        evil = below("evil.lab.eve", "user", "eve", (root("evil"),), "evil")
        target = below("evil.lab.x", "slice", "nobody", (root("evil"),), "evil")
        held = identity("evil").sign(evil, target, (Privilege("embed"),), NOW + 600, "1").decode()
        error = self.refused("CreateSliver", "evil.lab.x", [held], request(self.hosts[0]), [], {}, who=showing(evil))
        self.assertEqual("unknown-issuer", getattr(error, "reason", ""))
        self.assertEqual([], self.world.call("GetSites", ADMIN, {"name": "sfa:*"}))

    def test_a_believed_authority_says_nothing_about_our_names(self) -> None:
        mine = below(ANN, "user", "ann", (root("epfl"),), "epfl")
        target = self.world.store(lambda store: self._gid(store))
        held = identity("epfl").sign(mine, target, (Privilege("control"),), NOW + 600, "1").decode()
        error = self.refused("DeleteSliver", SLICE, [held], who=self.ann)
        self.assertEqual("wrong-subtree", getattr(error, "reason", ""))

    def _gid(self, store: Any) -> Any:
        return records.gid_of(store, things.get(store, Hrn.parse(SLICE), "slice"))

    def test_two_names_that_become_one_here_are_refused(self) -> None:
        self.create(self.hosts[0])
        assert isinstance(self.refused(
            "CreateSliver", "epfl.lab.c-dn", [anns_slice("epfl.lab.c-dn")], request(self.hosts[0]), [], {}, who=self.ann
        ), Conflict)  # fmt: skip
        other = "epfl.l_ab.cdn"  # the site's name would be epfl8l8ab: another site
        self.am("CreateSliver", other, [anns_slice(other)], request(self.hosts[0]), [], {}, who=self.ann)
        self.world.site("epfl8x")
        same = "epfl.x.cdn"
        error = self.refused("CreateSliver", same, [anns_slice(same)], request(self.hosts[0]), [], {}, who=self.ann)
        self.assertIn("is another's", str(error))

    def test_who_names_somebody_as_its_user_changes_nothing_elsewhere(self) -> None:
        self.create(self.hosts[0])
        self.create(self.hosts[0], name="epfl.lab.two", users=[{**self.USERS[0], "keys": [ssh("eve")]}])
        first = self.world.get("Slices", "epfl8lab_cdn")["person_ids"]
        (person,) = self.world.call("GetPersons", ADMIN, first)
        self.assertEqual([ssh("ann")], [row["key"] for row in self.world.call("GetKeys", ADMIN, person["key_ids"])])

    def test_our_own_people_get_in_with_the_keys_that_are_registered_here(self) -> None:
        users = [{"urn": "urn:publicid:IDN+plc:princeton+user+user", "keys": [ssh("eve")]}]
        self.create(self.hosts[0], users=users)
        (number,) = self.world.get("Slices", "epfl8lab_cdn")["person_ids"]
        (person,) = self.world.call("GetPersons", ADMIN, [number])
        self.assertEqual("user@princeton.example", person["email"])
        self.assertEqual([ssh("user")], [row["key"] for row in self.world.call("GetKeys", ADMIN, person["key_ids"])])

    def test_what_was_made_for_it_is_no_record_of_ours(self) -> None:
        self.create(self.hosts[0])
        for name in ("epfl.lab", "epfl.lab.cdn"):
            (record,) = self.world.sfa(self.user, "Resolve", name, self.world.own("user"))
            self.assertNotIn("gid", record)
            self.assertTrue(record["peer_authority"])
        error = self.world.refusal(self.user, "GetCredential", self.world.own("user"), "epfl.lab.cdn", "slice")
        self.assertIn("another registry", str(error))

    def test_its_ticket_is_one_that_our_nodes_believe_and_says_for_whom_it_is(self) -> None:
        text = self.am("GetTicket", "epfl.lab.cdn", [anns_slice()], request(self.hosts[0]), self.USERS, who=self.ann)
        pinned = Root(hrn=Hrn(("plc",)), gid=root("plc"), ticket_keys=(public("ticket"),))
        ticket = tickets.open_ticket(text.encode(), Roots((pinned,)), NOW)
        self.assertEqual(("epfl8lab_cdn", "epfl.lab.cdn"), (str(ticket.slice), ticket.tag("made_for")))
        self.assertEqual([(ssh("ann"),)], [user.keys for user in ticket.users])

    def test_it_lives_as_long_as_the_credential_and_no_longer(self) -> None:
        self.create(self.hosts[0])
        self.assertIs(True, self.am(
            "RenewSliver", "epfl.lab.cdn", [anns_slice()], NOW + days(29), {}, who=self.ann)["value"])  # fmt: skip
        error = self.refused("RenewSliver", "epfl.lab.cdn", [anns_slice()], NOW + days(31), {}, who=self.ann)
        self.assertIn("ends with the credential", str(error))

    def test_one_authority_has_room_for_so_many_slices_and_an_admin_says_how_many(self) -> None:
        self.create(self.hosts[0])
        self.world.call("UpdateSite", ADMIN, "epfl8lab", {"max_slices": 1})
        error = self.refused(
            "CreateSliver", "epfl.lab.two", [anns_slice("epfl.lab.two")], request(), [], {}, who=self.ann
        )
        self.assertIn("ask for more", str(error))
        self.world.call("UpdateSite", ADMIN, "epfl8lab", {"enabled": False, "max_slices": 9})
        error = self.refused(
            "CreateSliver", "epfl.lab.two", [anns_slice("epfl.lab.two")], request(), [], {}, who=self.ann
        )
        self.assertIn("not taken here", str(error))

    def test_a_slice_below_one_of_our_sites_that_is_not_there_is_not_invented(self) -> None:
        held = identity("plc")
        target = below("plc.princeton.ghost", "slice", "nobody", (root("plc"),), "plc")
        text = held.sign(ann(), target, (Privilege("embed"),), NOW + 600, "1").decode()
        error = self.refused(
            "CreateSliver", "plc.princeton.ghost", [text], request(self.hosts[0]), [], {}, who=self.ann
        )
        assert isinstance(error, NotFound)

    def test_what_only_some_roles_may_set_a_stranger_may_not(self) -> None:
        pl = "http://www.planet-lab.org/resources/sfa/ext/planetlab/1"
        tag = f'<p:attribute xmlns:p="{pl}" name="capabilities" value="CAP_SYS_ADMIN"/>'
        error = self.refused(
            "CreateSliver", "epfl.lab.cdn", [anns_slice()], request(self.hosts[0], tags=tag), [], {}, who=self.ann
        )
        assert isinstance(error, Forbidden)
        self.assertEqual([], self.world.call("GetSlices", ADMIN, {"name": "epfl8lab_cdn"}))

    def test_names_become_login_bases_as_the_later_originals_made_them(self) -> None:
        for hrn, base in (("inria.foo.x", "inria8foo8x"), ("onelab.upmc.fit_demo", "one8up8fit8")):
            self.assertEqual(base, foreign.login_base(Hrn.parse(hrn)))


class Holding(World):
    """Slivers that are held for a while, as GENI's third version has it."""

    def both(self, work: Any) -> Any:
        held = self.held()

        def within(store: Any) -> Any:
            call = Call(Visitor(self.user), frozenset({Role.ANONYMOUS}), store, store.now)
            principal = allowing.allowed(call, held, "createsliver", Hrn.parse(SLICE), "slice")
            return work(call, aggregate.slice_for(call, principal), principal)

        return self.world.store(within)

    def hold(self, *wishes: aggregate.Wanted) -> list[aggregate.Sliver]:
        return self.both(lambda call, one, principal: aggregate.allocate(call, one, principal, wishes))

    def node(self, host: str) -> int:
        return int(self.world.get("Nodes", host)["node_id"])

    def test_a_held_sliver_is_on_no_node_until_it_is_provisioned(self) -> None:
        (held,) = self.hold(aggregate.Wanted(node_id=self.node(self.hosts[1]), client_id="a"))
        self.assertEqual(("geni_allocated", "geni_pending_allocation", "a", NOW + aggregate.HOLD),
                         (held.allocation, held.operational, held.client_id, held.expires))  # fmt: skip
        self.assertEqual(self.hosts[:1], self.nodes())
        (made,) = self.both(lambda call, one, principal: aggregate.provision(call, one, principal))
        self.assertEqual(("geni_provisioned", "a"), (made.allocation, made.client_id))
        self.assertEqual(self.hosts[:2], self.nodes())

    def test_a_hold_ends_by_itself(self) -> None:
        self.hold(aggregate.Wanted(node_id=self.node(self.hosts[1])))
        self.world.clock.advance(aggregate.HOLD + 1)
        self.assertRaises(NotFound, self.both, lambda call, one, principal: aggregate.provision(call, one, principal))
        self.assertEqual(1, self.world.store(aggregate.tidy))

    def test_a_wish_for_any_node_gets_the_one_with_the_fewest_slices(self) -> None:
        held = self.hold(aggregate.Wanted(client_id="a"), aggregate.Wanted(client_id="b"))
        self.assertEqual(self.hosts[1:], sorted(each.node["hostname"] for each in held))
        self.assertRaises(BadArgument, self.hold, aggregate.Wanted(client_id="c"))

    def test_what_is_there_is_not_given_twice(self) -> None:
        self.assertRaises(Conflict, self.hold, aggregate.Wanted(node_id=self.node(self.hosts[0])))
        self.hold(aggregate.Wanted(node_id=self.node(self.hosts[1])))
        self.assertRaises(Conflict, self.hold, aggregate.Wanted(node_id=self.node(self.hosts[1])))

    def test_one_sliver_ends_and_the_others_stay(self) -> None:
        self.hold(aggregate.Wanted(node_id=self.node(self.hosts[1])))
        number = self.node(self.hosts[1])
        gone = self.both(lambda call, one, p: aggregate.delete(call, one, p, [number]))
        self.assertEqual(self.hosts[1:2], [each.node["hostname"] for each in gone])
        self.assertEqual(self.hosts[:1], self.nodes())

    def test_one_sliver_is_stopped_and_the_others_run(self) -> None:
        number = self.node(self.hosts[0])

        def stop(call: Any, one: Any, principal: Any) -> Any:
            return aggregate.perform(call, one, principal, aggregate.STOP, [number])

        (stopped,) = self.both(stop)
        self.assertEqual("geni_notready", stopped.operational)
        (row,) = self.world.call("GetSliceTags", ADMIN, {"tagname": "enabled"})
        self.assertEqual(("0", self.node(self.hosts[0])), (row["value"], row["node_id"]))

    def test_an_unknown_action_is_said_to_be_unsupported(self) -> None:
        for action in ("geni_restart", "", "explode"):
            self.assertRaises(
                aggregate.Unsupported,
                self.both, lambda call, one, p, action=action: aggregate.perform(call, one, p, action),
            )  # fmt: skip

    def test_slivers_of_another_slice_are_not_found_by_their_urn(self) -> None:
        urn = "urn:publicid:IDN+plc+sliver+%d-%d"
        own = urn % (self.world.slice_id, self.node(self.hosts[0]))
        self.assertEqual(self.node(self.hosts[0]), self.both(lambda call, one, p: aggregate.node_of(call, one, own)))
        for wrong in (urn % (99, 1), urn % (self.world.slice_id, 999), "urn:publicid:IDN+epfl+sliver+1-1"):
            self.assertRaises(NotFound, self.both, lambda call, one, p, w=wrong: aggregate.node_of(call, one, w))
