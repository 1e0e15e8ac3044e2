"""What holds for all names, tried on a hundred thousand of each kind; and names made to look like others."""

import random
import string

from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName, Urn, skeleton

MANY = 100_000
LETTERS = string.ascii_letters + string.digits + "_"
KINDS = ("user", "slice", "node", "authority", "sliver")


def component(chance: random.Random) -> str:
    """A part of a name, of every character that may stand in one."""
    text = "".join(chance.choice(LETTERS + ".@+-") for _ in range(chance.randrange(12)))
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(LETTERS) + text[at:]


def hrn(chance: random.Random) -> Hrn:
    return Hrn(tuple(component(chance) for _ in range(chance.randint(1, 8))))


class AHundredThousand(SynchronousTestCase):
    def setUp(self) -> None:
        self.chance = random.Random(20_061_106)

    def test_hrns_come_back_from_print_and_no_two_share_one_spelling(self) -> None:
        printed: dict[str, Hrn] = {}
        for _ in range(MANY):
            name = hrn(self.chance)
            self.assertEqual(name, Hrn.parse(str(name)))
            self.assertEqual(name, printed.setdefault(str(name), name))

    def test_urns_come_back_from_print_and_keep_the_hrn(self) -> None:
        printed: dict[str, Urn] = {}
        for _ in range(MANY):
            name = hrn(self.chance)
            urn = Urn.of(name, self.chance.choice(KINDS) if len(name.path) > 1 else "authority")
            self.assertEqual(urn, Urn.parse(str(urn)))
            self.assertEqual(name, Urn.parse("URN:PUBLICID:idn" + str(urn)[16:]).hrn)
            self.assertEqual(urn, printed.setdefault(str(urn), urn))

    def test_slice_names_come_back_from_print_and_from_the_federation(self) -> None:
        plc = Hrn(("plc", "japan"))
        for _ in range(MANY):
            site = "".join(self.chance.choice(string.ascii_lowercase + string.digits) for _ in range(8))
            label = "".join(self.chance.choice(LETTERS + ".") for _ in range(self.chance.randint(1, 30)))
            name = SliceName(site, label)
            self.assertEqual(name, SliceName.parse(str(name)))
            self.assertEqual(name, SliceName.of(Hrn.parse(str(name.hrn(plc)))))

    def test_an_authority_governs_what_has_its_whole_components_and_nothing_else(self) -> None:
        for _ in range(MANY):
            name, longer = hrn(self.chance), component(self.chance)
            self.assertTrue(name.governs(name.child(longer)))
            self.assertFalse(name.governs(Hrn((*name.path[:-1], name.leaf + longer))))
            self.assertFalse(name.child(longer).governs(name))


class Tricks(SynchronousTestCase):
    PLC = Hrn(("plc",))

    def test_a_name_that_only_begins_alike_is_not_governed(self) -> None:
        for said in ("plcx.cornell", "plc-.a", r"plc\.a", r"plc\.cornell.x", "PLC.a", "Plc", "plc_.a"):
            self.assertFalse(self.PLC.governs(Hrn.parse(said)), said)
        self.assertFalse(Hrn.parse("plc.a").governs(Hrn.parse("plc.ab")))
        self.assertFalse(Hrn.parse("plc.a").governs(Hrn.parse(r"plc.a\.b")))

    def test_letters_of_other_scripts_are_no_names(self) -> None:
        tricks = (
            "\u0440lc", "plc.\u0430", "\uff50lc", "pl\u0441.a", "plc\u200b", "plc\u202e.a", "plc\uff0ea", "pl\u00e7",
            "plc\u00ad.a", "plc\u2024a", "\u2160plc", "plc.a\u0301", "plc.\u0131", "plc\ufeff",
        )  # fmt: skip
        for said in tricks:
            self.assertRaises(BadArgument, Hrn.parse, said)
            self.assertRaises(BadArgument, SliceName.parse, f"{said}_x")
            self.assertRaises(BadArgument, Urn.parse, f"urn:publicid:IDN+{said.replace('.', ':')}+authority+sa")
            self.assertRaises(BadArgument, Urn.parse, f"urn:publicid:IDN+plc+user+{said}")

    def test_empty_parts_stray_escapes_and_blanks_are_no_names(self) -> None:
        for said in (
            "", ".", "..", "plc.", ".plc", "plc..a", "plc\\", "\\plc", "plc\\a", "plc.\\\\.a", " plc", "plc ", "plc\n",
            "plc\t.a", "plc.\x00", "plc.a\x7f", "plc/a", "plc%2ea", "plc:a", "plc;a",
        ):  # fmt: skip
            self.assertRaises(BadArgument, Hrn.parse, said)
        for said in (
            "urn:publicid:IDN++authority+sa", "urn:publicid:IDN+plc::a+authority+sa", "urn:publicid:IDN+plc:+user+x",
            "urn:publicid:IDN+:plc+user+x", "urn:publicid:IDN+plc+user+", "urn:publicid:IDN+plc+user+x+y",
            "urn:publicid:IDN+plc+user+x\n", "urn:publicid:IDN+plc+us er+x\x00", "urn:publicid:IDN+plc+user+\x1bx",
            "urn:publicid:IDN+plc", "urn:publicid:xyz+plc+user+x", "urn:publicid:IDN+plc+user+" + "x" * 1024,
        ):  # fmt: skip
            self.assertRaises(BadArgument, Urn.parse, said)

    def test_whatever_is_read_as_a_urn_is_read_again_as_it_is_printed(self) -> None:
        by, signs = random.Random(3151), "ab1.:;+/%#?'\\ -_" + "AZ\u00e9\u0430\u65e5"
        read = 0
        for _ in range(15_000):
            parts = ["".join(by.choice(signs) for _ in range(by.randint(0, 5))) for _ in range(3)]
            said = f"urn:publicid:IDN+{parts[0]}+{by.choice(('slice', 'user', parts[1]))}+{parts[2]}"
            try:
                urn = Urn.parse(said)
            except BadArgument:
                continue
            read += 1
            self.assertEqual(urn, Urn.parse(str(urn)), said)
        self.assertGreater(read, 150)

    def test_a_sliver_may_have_a_number_behind_its_name(self) -> None:
        urn = Urn.parse("urn:publicid:IDN+plc:cornell+sliver+12-34:7")
        self.assertEqual(("plc.cornell.12-34", "12-34//7"), (str(urn.hrn), urn.name))

    def test_an_escape_in_a_urn_does_not_add_a_level(self) -> None:
        name = Urn.parse("urn:publicid:IDN+plc%3Aa+user+x").hrn
        self.assertFalse(Hrn(("plc", "a")).governs(name))
        self.assertRaises(BadArgument, Hrn.parse, str(name))

    def test_names_that_people_take_for_each_other_have_one_skeleton(self) -> None:
        for one, other in (
            ("plc.japan", "plc.Japan"), ("plc.japan", "PLC.jap-an"), ("plc.ono", "plc.0n0"), ("plc.lille", "plc.1ille"),
            ("plc.lille", "plc.liIle"), ("plc.modern", "plc.modem"), ("plc.vvien", "plc.wien"), ("plc.s5", "plc.ss"),
        ):  # fmt: skip
            self.assertEqual(skeleton(Hrn.parse(one)), skeleton(Hrn.parse(other)), (one, other))
        self.assertNotEqual(skeleton(Hrn.parse("plc.japan")), skeleton(Hrn.parse("plc.korea")))
        self.assertNotEqual(skeleton(Hrn.parse("plc.a")), skeleton(Hrn.parse("plc.ab")))
