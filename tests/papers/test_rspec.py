"""The resource specification and its v3 spelling."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from planetlab.rspec import LOANABLE, RLIMITS, ROW, ROWS, ResourceSpec, integer
from planetlab.rspec_v3 import (
    COMPATIBLE,
    ORIGINAL,
    Resource,
    parse_rspec,
    print_rspec,
    resource,
    tags_of,
)

DEFAULTS = {
    "enabled": 1,
    "cpu_pct": 0,
    "cpu_share": 1,
    "cpu_cores": "0b",
    "cpu_freezable": 0,
    "net_min_rate": 1,
    "net_max_rate": 1_000_000,
    "net_share": 1,
    "net_i2_min_rate": 1,
    "net_i2_max_rate": 1_000_000,
    "net_i2_share": 1,
    "net_max_kbyte": 10_546_875,
    "net_thresh_kbyte": 9_492_187,
    "net_i2_max_kbyte": 31_640_625,
    "net_i2_thresh_kbyte": 28_476_562,
    "disk_max": 10_000_000,
    "capabilities": "",
    "ip_addresses": "0.0.0.0",
    "whitelist": 1,
}
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)
VALUES = st.one_of(st.integers(-(10**9), 10**12).map(str), TEXT)
TAGS = st.lists(st.tuples(st.sampled_from([*ROW, "nproc_hard", "sysctl.net.core", "vref", "initscript"]), VALUES))


class ReadingTags(SynchronousTestCase):
    def test_what_cannot_be_converted_takes_the_default(self):
        for value in ("", "fast", "1_0", "1.5", "9" * 30, "٣"):
            self.assertEqual(1, ResourceSpec.from_tags([("cpu_share", value)]).cpu_share)

    def test_the_defaults_are_those_of_the_last_node_manager(self):
        struct = ResourceSpec.from_tags([]).as_struct()
        self.assertEqual(DEFAULTS, {row.name: struct[row.name] for row in ROWS})
        self.assertEqual({}, struct["tags"])
        self.assertEqual({-2}, {struct[name] for name in RLIMITS})
        self.assertEqual(45, len(RLIMITS))

    def test_numbers_are_read_as_the_original_read_them(self):
        self.assertEqual([5, 5, -1, 1], [integer(" 5 "), integer("+5"), integer("-1"), integer(True)])

    def test_of_a_name_that_comes_twice_the_last_counts(self):
        self.assertEqual(7, ResourceSpec.from_tags([("cpu_share", "5"), ("cpu_share", "7")]).cpu_share)

    def test_the_primary_interfaces_limit_is_the_default_rate_in_kbit(self):
        self.assertEqual(10_000, ResourceSpec.from_tags([], bwlimit=10_000_000).net_max_rate)
        self.assertEqual(5, ResourceSpec.from_tags([("net_max_rate", "5")], bwlimit=10_000_000).net_max_rate)

    def test_per_mille_of_before_2008_becomes_percent(self):
        self.assertEqual(25, ResourceSpec.from_tags([("cpu_min", "250")]).cpu_pct)
        self.assertEqual(3, ResourceSpec.from_tags([("cpu_min", "250"), ("cpu_pct", "3")]).cpu_pct)

    def test_all_tags_and_the_sysctls_are_kept_verbatim(self):
        spec = ResourceSpec.from_tags([("vref", "f14"), ("sysctl.a", " 1 "), ("nproc_hard", "50")])
        self.assertEqual({"vref": "f14", "sysctl.a": " 1 ", "nproc_hard": "50"}, spec.as_struct()["tags"])
        self.assertEqual((" 1 ", 50), (spec.as_struct()["sysctl.a"], spec.rlimit("nproc")))
        self.assertIsNone(spec.rlimit("nofile", "soft"))

    @given(TAGS)
    def test_a_spec_survives_its_tags_and_its_struct(self, tags):
        spec = ResourceSpec.from_tags(tags)
        self.assertEqual(spec, ResourceSpec.from_tags(spec.as_tags()))
        self.assertEqual(spec, ResourceSpec.from_struct(spec.as_struct()))

    @given(TAGS, st.sampled_from([row.name for row in ROWS if isinstance(row.default, int)]), st.integers(-5, 10**9))
    def test_a_row_set_by_hand_survives_its_tags(self, tags, name, number):
        spec = ResourceSpec(**{name: number}, tags=dict(tags))
        self.assertEqual(number, getattr(ResourceSpec.from_tags(spec.as_tags()), name))


class ReadingStructs(SynchronousTestCase):
    def test_an_unknown_key_is_named(self):
        error = self.assertRaises(BadArgument, ResourceSpec.from_struct, {"cpu_shares": 5})
        self.assertEqual("'cpu_shares' is no key of a resource specification", str(error))

    def test_a_value_of_another_type_is_named(self):
        for struct in ({"cpu_share": "5"}, {"cpu_share": True}, {"nproc_hard": "5"}, {"sysctl.a": 1}, {"tags": []}):
            error = self.assertRaises(BadArgument, ResourceSpec.from_struct, struct)
            self.assertIn("expected", str(error))

    def test_loanable_rows_and_their_minima(self):
        told = {"cpu_pct": 0, "cpu_share": 1, "net_min_rate": 0, "net_max_rate": 8, "net_i2_min_rate": 0}
        self.assertEqual(told | {"net_i2_max_rate": 8, "net_share": 1}, LOANABLE)

    def test_lists_and_cores_are_read(self):
        spec = ResourceSpec(cpu_cores="2b", capabilities="net_raw, CAP_CHOWN,", ip_addresses="192.0.2.7,0.0.0.0")
        self.assertEqual((2, True), spec.cores)
        self.assertEqual(("CAP_NET_RAW", "CAP_CHOWN"), spec.capability_names)
        self.assertEqual(("192.0.2.7",), spec.addresses)
        self.assertEqual((0, True), ResourceSpec(cpu_cores="many").cores)
        self.assertFalse(ResourceSpec(enabled=-1).is_enabled)


class SpellingForV3(SynchronousTestCase):
    def test_the_table_is_that_of_plc_4(self):
        told = {
            "cpu_share": ("32", Resource("nm_cpu_share", "cpu_share", "integer", "32")),
            "net_min_rate": ("8", Resource("nm_net_min_rate", "rate", "integer", "8")),
            "net_max_rate": ("9", Resource("nm_net_max_rate", "rate", "integer", "9")),
            "net_i2_max_rate": ("10000", Resource("nm_net_exempt_max_rate", "rate", "integer", "10000000")),
            "net_max_kbyte": ("5662310", Resource("nm_net_avg_rate", "rate", "integer", "524287")),
            "disk_max": ("5000000", Resource("nm_disk_quota", "quota", "integer", "5000000")),
            "plc_slice_type": ("VServerSlice", Resource("plc_slice_type", "type", "string", "VServerSlice")),
            "initscript": ("5", Resource("initscript", "initscript_id", "integer", "5")),
            "proper_op": ("mount", Resource("proper_op", "proper_op", "string", "mount")),
        }
        self.assertEqual(
            {tag: said for tag, (_, said) in told.items()}, {t: resource(t, v) for t, (v, _) in told.items()}
        )

    def test_the_regression_of_naming_resources_after_the_slice_is_not_copied(self):
        self.assertEqual("nm_cpu_share", resource("cpu_share", "1").name)

    def test_rates_of_a_v3_installation_are_in_bits(self):
        bits = [Resource("nm_net_max_rate", "rate", "integer", "10000000")]
        self.assertEqual((("net_max_rate", "10000"),), tags_of(bits, ORIGINAL))
        self.assertEqual((("net_max_rate", "10000000"),), tags_of(bits, COMPATIBLE))

    def test_an_average_rate_sets_the_threshold_too(self):
        told = tags_of([Resource("nm_net_avg_rate", "rate", "integer", "1500000")])
        self.assertEqual((("net_max_kbyte", "16200000"), ("net_thresh_kbyte", "12960000")), told)

    def test_suspended_is_not_enabled(self):
        spec = ResourceSpec.from_tags(tags_of([Resource("plc_slice_state", "plc_slice_state", "string", "suspended")]))
        self.assertFalse(spec.is_enabled)

    def test_what_is_no_rspec_is_refused(self):
        for text in (b"", b"<rspec", b"<other/>", b"<rspec><node/></rspec>", b"<rspec><resource name='a'/></rspec>"):
            self.assertRaises(BadArgument, parse_rspec, text)
        bomb = b"<!DOCTYPE rspec [<!ENTITY a 'x'>]><rspec/>"
        self.assertRaises(BadArgument, parse_rspec, bomb)
        odd = b'<rspec><resource name="a"><value name="b" type="integer">many</value></resource></rspec>'
        self.assertRaises(BadArgument, parse_rspec, odd)

    @given(
        st.dictionaries(st.sampled_from(["cpu_share", "net_i2_max_rate", "disk_max", "vref"]), st.integers(0, 10**9))
    )
    def test_a_spec_survives_its_xml(self, amounts):
        spec = ResourceSpec.from_tags([(name, str(amount)) for name, amount in amounts.items()])
        self.assertEqual(spec, parse_rspec(print_rspec(spec)))
