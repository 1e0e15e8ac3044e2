"""Names are taken apart and put together in one place, and nothing is lost on the way."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from planetlab.names import Email, Hostname, Hrn, LoginBase, SliceName, Urn, longest_governing

PLC = Hrn.parse("plc")
component = st.text("abcXYZ019_.@+-", min_size=1, max_size=12)
hrns = st.lists(component, min_size=1, max_size=6).map(lambda parts: Hrn(tuple(parts)))
slice_names = st.builds(
    SliceName, st.text("abz09.", min_size=1, max_size=20), st.text("abYZ09_.", min_size=1, max_size=40)
)


class SliceNames(SynchronousTestCase):
    def test_every_part_after_the_first_underscore_reaches_the_hrn(self):
        """The original cut at the second underscore, so two slices shared one federation name."""
        self.assertEqual("plc.princeton.codeen_beta", str(SliceName.parse("princeton_codeen_beta").hrn(PLC)))

    def test_what_is_no_slice_name_is_told_what_one_looks_like(self):
        for said in (
            "Princeton_codeen",
            "princeton",
            "_codeen",
            "princeton_",
            "princeton_co-deen",
            "a_" + "b" * 63,
            7,
            None,
            "a_b\n",
            "рlc_x",
        ):
            error = self.assertRaises(BadArgument, SliceName.parse, said)
            self.assertIn("is no slice name: expected site_label, like princeton_codeen", error.detail)

    @given(slice_names)
    def test_parse_of_print_is_identity(self, name):
        self.assertEqual(name, SliceName.parse(str(name)))

    @given(slice_names, hrns)
    def test_the_way_to_the_federation_and_back_is_identity(self, name, root):
        self.assertEqual(name, SliceName.of(name.hrn(root)))

    @given(slice_names)
    def test_the_printed_hrn_comes_back_whole(self, name):
        self.assertEqual(name, SliceName.of(Hrn.parse(str(name.hrn(PLC)))))


class Hrns(SynchronousTestCase):
    @given(hrns)
    def test_parse_of_print_is_identity(self, hrn):
        self.assertEqual(hrn, Hrn.parse(str(hrn)))

    def test_a_prefix_of_letters_governs_nothing(self):
        self.assertFalse(Hrn.parse("plc.a").governs(Hrn.parse("plc.ab")))
        self.assertTrue(Hrn.parse("plc.a").governs(Hrn.parse("plc.a.b")))
        self.assertTrue(PLC.governs(PLC))

    def test_the_empty_name_above_a_root_governs_nothing(self):
        self.assertFalse(PLC.authority.governs(PLC))

    def test_look_alikes_and_empty_parts_are_no_names(self):
        for said in ("", ".", "plc.", ".plc", "plc..x", "рlc", "plc x", "plc/x", "plc\x00", "a" * 256, None, 3):
            self.assertRaises(BadArgument, Hrn.parse, said)

    def test_the_deepest_governor_is_found(self):
        japan = PLC.child("japan")
        self.assertEqual(japan, longest_governing([PLC, japan], japan.child("tokyo")))
        self.assertIsNone(longest_governing([japan], PLC.child("princeton")))


class Urns(SynchronousTestCase):
    def test_the_forms_of_the_field(self):
        for hrn, kind, urn in (
            ("plc", "authority", "urn:publicid:IDN+plc+authority+sa"),
            ("plc.cornell", "authority", "urn:publicid:IDN+plc:cornell+authority+sa"),
            ("plc.cornell.cobweb", "slice", "urn:publicid:IDN+plc:cornell+slice+cobweb"),
            (r"plc.cornell.n1\.cs\.cornell\.edu", "node", "urn:publicid:IDN+plc:cornell+node+n1.cs.cornell.edu"),
            (r"a\.b.c.d", "user", "urn:publicid:IDN+a.b:c+user+d"),
        ):
            self.assertEqual(urn, str(Urn.of(Hrn.parse(hrn), kind)))
            self.assertEqual(Hrn.parse(hrn), Urn.parse(urn).hrn)

    @given(hrns.filter(lambda hrn: len(hrn.path) > 1), st.sampled_from(("slice", "user", "node")))
    def test_parse_of_print_is_identity(self, hrn, kind):
        self.assertEqual(hrn, Urn.parse(str(Urn.of(hrn, kind))).hrn)

    def test_empty_parts_and_extra_signs_are_refused(self):
        for said in (
            "urn:publicid:IDN++slice+x",
            "urn:publicid:IDN+plc+slice",
            "urn:publicid:IDN+plc+slice+x+y",
            "http://x",
            "",
        ):
            self.assertRaises(BadArgument, Urn.parse, said)


class OtherWords(SynchronousTestCase):
    def test_host_names_are_kept_in_lower_case(self):
        self.assertEqual("n1.example.org", str(Hostname.parse("N1.Example.ORG")))
        for said in (
            "localhost",
            "a..b",
            "-a.example.org",
            "n1.example.1",
            "x" * 64 + ".org",
            "a.b;c.org",
            "n1.example.org\n",
            None,
        ):
            self.assertRaises(BadArgument, Hostname.parse, said)

    def test_a_persons_hrn_has_no_dot_or_plus(self):
        self.assertEqual(
            "plc.princeton.larry_p_x", str(Email.parse("larry.p+x@princeton.edu").hrn(PLC.child("princeton")))
        )

    def test_login_bases_and_addresses_that_are_none(self):
        for said in ("", "Princeton", "a_b", "x" * 33):
            self.assertRaises(BadArgument, LoginBase.parse, said)
        for said in ("", "larry", "a@b@c", "a b@c.org", "x" * 250 + "@a.org", "a@b\n"):
            self.assertRaises(BadArgument, Email.parse, said)
