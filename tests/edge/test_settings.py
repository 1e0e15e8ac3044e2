"""One class, one file, one sentence per mistake."""

import os
import pathlib
import stat
from typing import Any

from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab import settings as ours
from planetlab.errors import BadSettings
from planetlab.names import Hrn


def said(doc: str) -> dict[str, str]:
    return {"doc": doc}


@frozen(kw_only=True)
class Root:
    """An authority that is trusted."""

    hrn: Hrn = field(metadata=said("Its name."))
    share: float = field(default=0.5, metadata=said("Its share of the node, 0 to 1."))


@frozen(kw_only=True)
class Example:
    """A service that is an example."""

    hrn: Hrn = field(metadata=said("The authority's name."))
    port: int = field(default=80, metadata=said("Where it listens, a TCP port."))
    poll: float = field(default=600.0, metadata=said("Seconds between two polls."))
    on: bool = field(default=True, metadata=said("Whether it works."))
    note: str = field(default="", metadata=said("Anything."))
    ca: pathlib.Path | None = field(default=None, metadata=said("Whom it trusts, PEM."))
    names: tuple[str, ...] = field(default=("a", "b"), metadata=said("Some names."))
    caps: dict[str, int] = field(factory=dict, metadata=said("Caps by name."))
    roots: tuple[Root, ...] = field(default=(), metadata=said("The trusted ones."))


PLC = Hrn.parse("plc")


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = pathlib.Path(self.mktemp())
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def read(self, text: str) -> Example:
        self.path.write_text(text)
        return ours.read(Example, self.path)

    def test_each_mistake_is_one_sentence_with_file_and_key(self) -> None:
        for text, expected in (
            ('hrn = "plc"\nprot = 3', "unknown key prot; known are hrn, port, poll, on, note, ca, names, caps, roots"),
            ("port = 3", "key hrn is missing"),
            ('hrn = "plc"\nport = "x"', 'port: expected an integer, got "x"'),
            ('hrn = "plc"\nport = true', "port: expected an integer, got true"),
            ('hrn = "plc"\non = 1', "on: expected true or false, got 1"),
            ('hrn = "plc"\npoll = "x"', 'poll: expected a number, got "x"'),
            ('hrn = "plc"\nca = 3', "ca: expected a path, got 3"),
            ("hrn = 3", "hrn: expected text, got 3"),
            ('hrn = "plc"\nnames = ["a", 3]', "names[1]: expected text, got 3"),
            ('hrn = "plc"\nroots = 3', "roots: expected an array or a table"),
            ('hrn = "plc"\n[[roots]]\nhrn = "x"\nshare = "all"', 'roots[0].share: expected a number, got "all"'),
            ('hrn = "plc"\n[[roots]]\nhrn = "x"\nshares = 1', "unknown key roots[0].shares; known are hrn, share"),
        ):
            error = self.assertRaises(BadSettings, self.read, text)
            self.assertEqual(f"{self.path}: {expected}", str(error))

    def test_a_name_that_is_none_is_told_with_its_key(self) -> None:
        error = self.assertRaises(BadSettings, self.read, 'hrn = "!!"')
        self.assertTrue(str(error).startswith(f"{self.path}: hrn: '!!' is no hrn: expected components"), error)

    def test_files_that_cannot_be_read(self) -> None:
        missing = self.assertRaises(BadSettings, ours.read, Example, "/nowhere/x.toml")
        self.assertEqual("/nowhere/x.toml: cannot be read: No such file or directory", str(missing))
        self.assertIn("cannot be read: Is a directory", str(self.assertRaises(BadSettings, ours.read, Example, "/")))
        self.assertIn("expected TOML: ", str(self.assertRaises(BadSettings, self.read, "a =")))
        self.path.write_bytes(b"\xff\xfe")
        self.assertIn("expected UTF-8: ", str(self.assertRaises(BadSettings, ours.read, Example, self.path)))

    def test_what_was_written_is_read_again_and_is_for_its_owner_only(self) -> None:
        whole = Example(
            hrn=PLC,
            note='a "quoted"\n\t\\line\x7f é',
            ca=pathlib.Path("/x y"),
            caps={"a b": 1, "c": 2},
            roots=(Root(hrn=PLC), Root(hrn=Hrn.parse("epfl"), share=0.1)),
        )
        ours.write(whole, self.path)
        self.assertEqual(whole, ours.read(Example, self.path))
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))
        self.assertEqual([self.path.name], os.listdir(self.path.parent))

    @settings(max_examples=60)
    @given(
        st.text(max_size=30),
        st.lists(st.text(max_size=5), max_size=3),
        st.floats(allow_nan=False, allow_infinity=False),
    )
    def test_any_text_survives(self, note: str, names: list[str], poll: float) -> None:
        whole = Example(hrn=PLC, note=_fit(note), names=tuple(map(_fit, names)), poll=poll)
        self.assertEqual(whole, ours.structure(Example, _toml(ours.dumps(whole)), "x"))

    def test_the_sentences_of_a_table_stand_in_it(self) -> None:
        whole = Example(hrn=PLC, roots=(Root(hrn=PLC),))
        told = (
            '# The trusted ones.\n[[roots]]\n# Its name.\nhrn = "plc"\n# Its share of the node, 0 to 1.\nshare = 0.5\n'
        )
        self.assertIn(told, ours.dumps(whole))
        self.assertIn("# [[roots]]\n# # Its name.\n# hrn =        # Hrn; must be stated\n", ours.sample(Example))

    def test_the_sample_has_every_key_and_is_itself_a_file_that_can_be_read(self) -> None:
        sample = ours.sample(Example)
        for key in ("hrn", "port", "poll", "on", "note", "ca", "names", "caps", "roots"):
            self.assertRegex(sample, rf"(?m)^# \[*{key}")
        self.assertIn("# Seconds between two polls.\n# poll = 600.0\n", sample)
        self.assertEqual(Example(hrn=PLC), self.read(f'hrn = "plc"\n{sample}'))


def _fit(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _toml(text: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text)
