"""RSpec documents: what is written is read again, in every spelling and kind, and keeps the public schemas' rules."""

from itertools import product
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from lxml import etree
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from planetlab.errors import BadArgument
from planetlab.names import Hrn, Urn
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Document, Kind, Location, Node, Sliver
from planetlab.rspecs.versions import GENI3, PG2, SFA1, VERSIONS, BadVersion, Version, asked, find
from tests.geni import layout
from tests.geni.documents import AD, CM, MANIFEST, N1, PLC, REQUEST, advertisements, manifests, requests

SAMPLES = Path(__file__).parent / "samples"
ALL = (AD, REQUEST, MANIFEST)


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


def as_said(one: Document, version: Version) -> Document:
    """What a spelling can say of a document: a node on offer in SFA 1 has no plain sliver, which would ask for it."""
    if version is not SFA1 or one.kind is not Kind.ADVERTISEMENT:
        return one
    plain = Sliver()
    nodes = (evolve(node, slivers=tuple(each for each in node.slivers if each != plain)) for node in one.nodes)
    return evolve(one, nodes=tuple(nodes))


class EverySpelling(SynchronousTestCase):
    def test_a_number_may_have_an_exponent(self) -> None:
        place = Location(country="GH", latitude=0.0, longitude=6.1e-05)
        offer = Document(kind=Kind.ADVERTISEMENT, nodes=(Node(component_id=N1, location=place),))
        for version in VERSIONS:
            (node,) = codec.read(codec.write(offer, version), Kind.ADVERTISEMENT).nodes
            self.assertEqual(place, node.location, str(version))

    def test_what_is_written_is_read_again(self) -> None:
        for version, document in product(VERSIONS, ALL):
            again = codec.read(codec.write(document, version), document.kind)
            self.assertEqual(as_said(document, version), again, f"{document.kind} as {version}")

    @settings(max_examples=30)
    @given(requests())
    def test_any_request_is_read_as_it_was_written(self, document: Document) -> None:
        for version in VERSIONS:
            self.assertEqual(document, codec.read(codec.write(document, version), Kind.REQUEST))

    @settings(max_examples=60)
    @given(advertisements | manifests)
    def test_any_advertisement_and_manifest_is_read_as_it_was_written_and_keeps_the_rules(self, one: Document) -> None:
        for version in VERSIONS:
            text = codec.write(one, version)
            self.assertEqual(as_said(one, version), codec.read(text, one.kind))
            if version is not SFA1:
                schema = layout.schema(version, one.kind)
                self.assertTrue(schema.validate(etree.fromstring(text)), str(schema.error_log))

    def test_what_the_public_schemas_require_is_required(self) -> None:
        """Attributes, by what the field's notes and valid examples of those schemas say of them."""
        required = {
            Kind.ADVERTISEMENT: {
                "node": "component_id", "hardware_type": "name", "sliver_type": "name", "available": "now",
                "location": "country", "interface": "component_id",
            },
            Kind.REQUEST: {"node": "client_id", "sliver_type": "name"},
            Kind.MANIFEST: {"node": "client_id", "sliver_type": "name", "login": "authentication"},
        }  # fmt: skip
        files = {Kind.ADVERTISEMENT: "ad", Kind.REQUEST: "request", Kind.MANIFEST: "manifest"}
        for version, (kind, attributes) in product(("pg2", "geni3"), required.items()):
            for element, attribute in attributes.items():
                root = etree.fromstring(sample(f"{version}-{files[kind]}"))
                found = next(root.iter(f"{{*}}{element}"))
                del found.attrib[attribute]
                error = self.assertRaises(BadArgument, codec.read, etree.tostring(root), kind)
                self.assertIn(f"{element}@{attribute}", str(error))

    def test_a_document_is_recognised_by_its_root(self) -> None:
        for version in VERSIONS:
            self.assertEqual(version, codec.version_of(codec.write(AD, version)))

    def test_no_first_line_names_an_encoding_for_clients_that_parse_text_refuse_one(self) -> None:
        for version, document in product(VERSIONS, ALL):
            first = codec.write(document, version).splitlines()[0]
            self.assertEqual('<?xml version="1.0"?>', first)

    def test_what_arrives_as_text_may_name_any_encoding(self) -> None:
        text = codec.write(REQUEST, GENI3).replace('"1.0"?', '"1.0" encoding="ISO-8859-1"?')
        self.assertEqual(REQUEST, codec.read(text))

    def test_octets_are_read_in_the_encoding_that_they_name(self) -> None:
        text = codec.write(REQUEST, GENI3).replace('"1.0"?', '"1.0" encoding="ISO-8859-1"?')
        self.assertEqual(REQUEST, codec.read(text.encode("latin-1")))

    def test_characters_that_XML_cannot_carry_become_question_marks(self) -> None:
        node = evolve(REQUEST.nodes[0], slivers=(Sliver(tags=(("motd", "a\x00b\x1b[31m"),)),))
        for version in VERSIONS:
            again = codec.read(codec.write(evolve(REQUEST, nodes=(node,)), version), Kind.REQUEST)
            self.assertEqual((("motd", "a?b?[31m"),), again.nodes[0].slivers[0].tags)

    def test_nodes_of_two_networks_stand_in_two_networks_of_SFA_1(self) -> None:
        other = evolve(AD.nodes[0], component_manager=Urn.parse("urn:publicid:IDN+epfl+authority+cm"))
        document = evolve(AD, network=PLC, nodes=(AD.nodes[0], other))
        root = etree.fromstring(codec.write(document, SFA1))
        self.assertEqual(["plc", "epfl"], [one.get("name") for one in root.iter("network")])
        self.assertEqual(document, codec.read(codec.write(document, SFA1), Kind.ADVERTISEMENT))

    def test_only_nodes_of_ones_own_manager_are_ones_own_to_serve(self) -> None:
        managers = (
            "plc+authority+cm",
            "plc+authority+am",
            "epfl+authority+cm",
            "plc:japan+authority+cm",
            "plc+node+cm",
        )
        nodes = tuple(
            Node(client_id=name, component_manager=Urn.parse(f"urn:publicid:IDN+{name}")) for name in managers
        )
        mine = evolve(REQUEST, nodes=(Node(client_id="any"), *nodes)).of(PLC)
        self.assertEqual(["any", "plc+authority+cm", "plc+authority+am"], [node.client_id for node in mine.nodes])


class WhatTheOriginalsWrote(SynchronousTestCase):
    def test_an_advertisement_says_the_same_in_all_three_spellings(self) -> None:
        for name in ("sfa1-ad", "pg2-ad", "geni3-ad"):
            document = codec.read(sample(name), Kind.ADVERTISEMENT)
            self.assertEqual(["n1.cs.cornell.edu", "n2.utokyo.example"], [node.hostname for node in document.nodes])
            self.assertEqual([True, False], [node.available for node in document.nodes], name)
            self.assertEqual(Location(country="US", latitude=42.44, longitude=-76.48), document.nodes[0].location)
            self.assertEqual([CM, CM], [node.component_manager for node in document.nodes])

    def test_tags_of_requests_are_read_in_every_spelling_unlike_in_the_SFA(self) -> None:
        for name in ("sfa1-request", "pg2-request", "geni3-request"):
            [node] = codec.read(sample(name), Kind.REQUEST).nodes
            self.assertEqual(N1, node.component_id)
            self.assertEqual({("cpu_share", "5"), ("net_max_rate", "2000")}, set(node.slivers[0].tags[:2]), name)

    def test_defaults_of_SFA_1_are_wanted_on_every_node(self) -> None:
        document = codec.read(sample("sfa1-request"), Kind.REQUEST)
        self.assertEqual(Sliver(initscripts=("cobweb_start",), tags=(("vsys", "vif_up"),)), document.defaults)

    def test_a_manifest_says_how_to_log_in_in_all_three_spellings(self) -> None:
        for name in ("sfa1-manifest", "pg2-manifest", "geni3-manifest"):
            [node] = codec.read(sample(name), Kind.MANIFEST).nodes
            self.assertEqual("cornell_cobweb", node.logins[0].username, name)
            self.assertEqual(22, node.logins[0].port)

    def test_an_SFA_1_document_is_guessed_from_what_it_has(self) -> None:
        for kind, word in ((Kind.ADVERTISEMENT, "ad"), (Kind.REQUEST, "request"), (Kind.MANIFEST, "manifest")):
            self.assertEqual(kind, codec.read(sample(f"sfa1-{word}")).kind)

    def test_an_advertisement_that_came_back_with_one_sliver_asks_for_that_node_alone(self) -> None:
        text = (
            sample("sfa1-ad")
            .replace(b"</interface>", b"")
            .replace(b'ipv4="192.0.2.11"/>', b'ipv4="192.0.2.11"/><sliver/>')
        )
        self.assertEqual([N1], [node.component_id for node in codec.read(text, Kind.REQUEST).nodes])

    def test_sites_around_the_nodes_as_SFA_1_had_them_in_2009_are_read(self) -> None:
        text = (
            '<RSpec type="SFA"><network name="plc"><site id="s1"><name>Cornell</name>'
            '<node id="n1"><hostname>n1.cs.cornell.edu</hostname><bw_limit units="kbps">500</bw_limit><sliver/></node>'
            "</site></network></RSpec>"
        )
        [node] = codec.read(text, Kind.REQUEST).nodes
        self.assertEqual(("n1.cs.cornell.edu", 500), (node.hostname, node.bw_limit))

    def test_leases_in_the_default_namespace_are_read_as_the_SFA_writes_them(self) -> None:
        text = codec.write(REQUEST, GENI3).replace("planetlab:lease", "lease").replace("<planetlab:node ", "<node ")
        self.assertEqual(REQUEST.leases, codec.read(text).leases)


class WhatToolsOfTheFieldWrite(SynchronousTestCase):
    """Valid by the public schemas, and unlike what the SFA's own servers write."""

    def read(self, inside: str, kind: Kind = Kind.REQUEST, version: Version = GENI3) -> Document:
        """A document of that kind with ``inside`` in it, as an editor begins one."""
        root = (
            f"<?xml version='1.0' encoding='UTF-8'?><!-- by an editor --><r:rspec xmlns:r='{version.namespace}' "
            f"xmlns='{version.namespace}' xmlns:jfed='http://jfed.iminds.be/rspec/ext/jfed/1' type='{kind}' "
            f"generated_by='an editor' generated='2014-04-28T13:18:38.245+02:00' "
            f"xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
            f"xsi:schemaLocation='{version.namespace} {version.schema(kind)}'>{inside}</r:rspec>"
        )
        return codec.read(root, kind)

    def test_an_image_may_be_an_address(self) -> None:
        kind = "<sliver_type name='plab-vserver'><disk_image url='http://x.example/i'/></sliver_type>"
        node = f"<node client_id='a'>{kind}</node>"
        self.assertEqual(("http://x.example/i",), self.read(node).nodes[0].slivers[0].images)

    def test_what_a_link_gives_may_be_a_part_of_a_unit(self) -> None:
        link = (
            "<link client_id='l'><link_type name='lan' class='x'/><interface_ref client_id='a:0'/>"
            "<property dest_id='b:0' latency='0.5' source_id='a:0' packet_loss='1e-3' capacity='100000'/></link>"
        )
        [link] = self.read(link).links
        [told] = link.properties
        self.assertEqual((100000, 0.5, 0.001), (told.capacity, told.latency, told.packet_loss))

    def test_a_country_may_be_there_and_empty(self) -> None:
        offer = (
            f"<node component_id='{N1}' component_manager_id='{CM}' exclusive='false'><location country='' "
            "latitude='40.768652' longitude='-111.84581'/><interface role='control' public_ipv4='192.0.2.1' "
            "component_id='urn:publicid:IDN+plc+interface+n1:eth0'/><relation type='parent'/></node>"
            "<external_ref component_id='urn:x'/>"
        )
        [node] = self.read(offer, Kind.ADVERTISEMENT).nodes
        self.assertEqual(Location(latitude=40.768652, longitude=-111.84581), node.location)

    def test_elements_of_others_and_comments_stand_anywhere(self) -> None:
        for version in (PG2, GENI3):
            node = (
                "<jfed:top/><node client_id='a' exclusive='true'><jfed:location x='1' y='2'/><!-- where --><location "
                "xmlns='http://jfed.iminds.be/rspec/ext/jfed/1' x='67.0' y='73.0'/><r:services><jfed:console/><r:login "
                "authentication='ssh-keys'/></r:services><interface client_id='a:0'><ip address='10.0.0.1' "
                "netmask='255.255.255.0' type='ipv4'/></interface><r:sliver_type name='plab-vserver'/></node>"
            )
            [found] = self.read(node, version=version).nodes
            self.assertEqual(("a", True, None), (found.client_id, found.exclusive, found.location))
            self.assertEqual(("10.0.0.1", 1), (found.interfaces[0].ipv4, len(found.slivers)))

    def test_a_request_that_says_when_it_ends_is_passed_on_without_that(self) -> None:
        again = codec.write(evolve(REQUEST, expires=1_700_000_000.0), GENI3)
        self.assertIsNone(etree.fromstring(again).get("expires"))


class TheSchemas(SynchronousTestCase):
    def test_what_is_written_keeps_the_rules(self) -> None:
        for version, document in product((PG2, GENI3), ALL):
            self._must_be_valid(layout.schema(version, document.kind), codec.write(document, version))

    @settings(max_examples=20)
    @given(requests())
    def test_any_request_keeps_the_rules(self, document: Document) -> None:
        for version in (PG2, GENI3):
            self._must_be_valid(layout.schema(version, Kind.REQUEST), codec.write(document, version))

    def test_a_request_without_the_askers_names_gets_some(self) -> None:
        nameless = evolve(REQUEST, nodes=(evolve(REQUEST.nodes[0], client_id=""), Node()))
        self._must_be_valid(layout.schema(GENI3, Kind.REQUEST), codec.write(nameless, GENI3))

    def test_what_the_schemas_know_of_advertisements_only_stands_in_no_manifest(self) -> None:
        full = evolve(AD.nodes[0], client_id="n1", sliver_id=MANIFEST.nodes[0].sliver_id)
        for version, kind in product((PG2, GENI3), (Kind.REQUEST, Kind.MANIFEST)):
            text = codec.write(evolve(AD, kind=kind, nodes=(full,), links=(), expires=None), version)
            self._must_be_valid(layout.schema(version, kind), text)
            for word in ("<location", "<available", "component_name"):
                self.assertNotIn(word, text)

    def test_the_originals_documents_keep_the_rules_too(self) -> None:
        for (word, version), kind in product((("pg2", PG2), ("geni3", GENI3)), Kind):
            name = f"{word}-{'ad' if kind is Kind.ADVERTISEMENT else kind}"
            self._must_be_valid(layout.schema(version, kind), sample(name).decode())

    def test_the_rules_refuse_what_breaks_them(self) -> None:
        good = codec.write(AD, GENI3)
        schema = layout.schema(GENI3, Kind.ADVERTISEMENT)
        for old, new in (
            (' component_manager_id="urn:publicid:IDN+plc+authority+cm"', ""),
            ('now="true"', 'now="perhaps"'),
            ("planetlab:lease", "lease"),
            ('type="advertisement"', 'type="offer"'),
            (' country="US"', ""),
        ):
            self.assertIn(old, good)
            self.assertFalse(schema.validate(etree.fromstring(good.replace(old, new))), f"{old} -> {new}")

    def test_what_is_written_is_valid_by_the_public_schemas(self) -> None:
        tried = 0
        for version, document in product((PG2, GENI3), ALL):
            schema = layout.public(version, document.kind)
            if schema is not None:
                self._must_be_valid(schema, codec.write(document, version))
                tried += 1
        if not tried:
            raise SkipTest("no public schemas: PLFED_RSPEC_SCHEMAS names no folder with protogeni-2/ and geni-3/ in it")

    def _must_be_valid(self, schema: etree.XMLSchema, text: str) -> None:
        ok = schema.validate(etree.fromstring(text))
        self.assertTrue(ok, f"{schema.error_log}\n{text}")


class NamingASpelling(SynchronousTestCase):
    def test_type_and_version_are_compared_in_any_case(self) -> None:
        for said in ("GENI", "geni", "Geni"):
            self.assertIs(GENI3, find(said, "3"))

    def test_an_unknown_one_is_answered_with_those_that_are_spoken(self) -> None:
        error = self.assertRaises(BadVersion, find, "ORCA", "1")
        self.assertIn("expected one of GENI 3, ProtoGENI 2, SFA 1", str(error))

    def test_none_named_where_one_is_needed_is_refused(self) -> None:
        self.assertRaises(BadVersion, asked, {})
        self.assertIs(SFA1, asked({}, SFA1))

    def test_old_clients_name_it_as_text(self) -> None:
        self.assertIs(SFA1, asked({"rspec_version": "SFA 1"}))
        self.assertIs(PG2, asked({"rspec_version": {"type": "protogeni", "version": 2}}))

    def test_what_is_no_name_is_refused(self) -> None:
        for said in (7, [], ["GENI", "3"], {"type": 3, "version": "3"}, {"version": "3"}, "GENI", True):
            self.assertRaises(BadArgument, asked, {"geni_rspec_version": said})

    def test_a_spelling_describes_itself_with_its_public_schema(self) -> None:
        said = GENI3.described(Kind.REQUEST)
        self.assertEqual("http://www.geni.net/resources/rspec/3/request.xsd", said["schema"])
        self.assertEqual(("GENI", "3"), (said["type"], said["version"]))
        self.assertEqual("", SFA1.described(Kind.REQUEST)["schema"])

    def test_the_authority_of_a_request_is_a_name(self) -> None:
        error = self.assertRaises(BadArgument, codec.read, '<RSpec type="SFA"><network name="a..b"/></RSpec>')
        self.assertIn("network@name", str(error))
        self.assertEqual(Hrn(("plc",)), codec.read('<RSpec type="SFA"><network name="plc"/></RSpec>').network)
