"""Objects made at random: added, read back field by field, changed to their limits, deleted, and looked for again."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from planetlab.records.catalogue import RECORDS
from planetlab.records.fields import Field
from planetlab.records.rules import single
from planetlab.shapes import Of
from tests.plcapi.campus import Campus
from tests.plcapi.nouns import NOUNS, Noun, structs, wrong
from tests.registry.world import ADMIN, NOW

NOW_MADE = {"date_created": int(NOW), "last_updated": int(NOW)}
DEFAULTS: dict[str, dict[str, Any]] = {
    "Site": {"enabled": True, "is_public": True, "max_slices": 0, "max_slivers": 1000, **NOW_MADE},
    "Person": {"enabled": False, "roles": [], **NOW_MADE},
    "Node": {"boot_state": "reinstall", "node_type": "regular", "verified": False, "ports": [], **NOW_MADE},
    "Interface": {"is_primary": False, "last_updated": None},
    "Slice": {
        "instantiation": "plc-instantiated", "max_nodes": 100, "created": int(NOW), "expires": int(NOW) + 14 * 86_400,
    },
    "ConfFile": {
        "enabled": True, "always_update": False, "ignore_cmd_errors": False,
        "file_owner": "root", "file_group": "root", "file_permissions": "0644",
    },
    "InitScript": {"enabled": True},
    "PCUProtocolType": {"supported": True},
    "TagType": {"category": "general", "roles": []},
}  # fmt: skip

SET_BY_ADD = {"site_id", "node_id", "person_id", "creator_person_id", "pcu_type_id", "gateway", "dns1", "mac"} | {
    f"{noun}_tag_ids"
    for noun in ("site", "node", "slice")  # the name in the federation
}
FORMS: dict[str, Callable[[Any], Any]] = {
    "hostname": str.lower,
    "email": str.lower,
    "latitude": single,
    "longitude": single,
}
QUICK = settings(
    max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def kept(noun: Noun, name: str, value: Any) -> Any:
    """How a value is told back."""
    if name == "mac" and value:
        return ":".join(f"{int(group, 16):02x}" for group in value.split(":"))
    return FORMS[name](value) if name in FORMS and value and noun.one not in ("PCU", "Interface") else value


def fits(said: Field, value: Any) -> bool:
    """Whether a told value is of the field's type: a list, a scalar, or nil where nothing was said."""
    if said.links:
        return isinstance(value, list) and all(type(each) is said.kind for each in value)
    return value is None or type(value) is said.kind


class Graphs(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()

    def added(self, noun: Noun, said: dict[str, Any]) -> int:
        before = self.campus.value(noun.before)
        number: int = self.campus.call(f"Add{noun.one}", ADMIN, *before, said)
        return number

    def told(self, noun: Noun, number: int, *names: str) -> dict[str, Any]:
        asked = ({noun.key: number}, list(names)) if names else ({noun.key: number},)
        rows: list[dict[str, Any]] = self.campus.call(f"Get{noun.plural}", ADMIN, *asked)
        self.assertEqual(1, len(rows))
        return rows[0]

    def must_say(self, noun: Noun, number: int, said: dict[str, Any]) -> None:
        row = self.told(noun, number, *said)
        expected = {name: kept(noun, name, value) for name, value in said.items()}
        self.assertEqual(expected, row)
        for name, value in row.items():
            self.assertEqual(type(expected[name]), type(value), name)

    def whole_life(self, noun: Noun, new: dict[str, Any], changes: dict[str, Any]) -> None:
        self.campus.fresh()
        new = self.campus.value(paired({**noun.least, **new}))
        changes = self.campus.value(paired(changes))
        number = self.added(noun, new)
        self.must_say(noun, number, told_back(noun, new))
        row = self.told(noun, number)
        record = RECORDS[noun.record or noun.one]
        self.assertEqual(set(record.names()), set(row))
        for name, value in row.items():
            if name != "pcu_protocol_types":
                self.assertTrue(fits(record.field(name), value), (noun.one, name, value))
        self.assertEqual(1, self.campus.call(noun.update, ADMIN, number, changes))
        named = {"hostname", "site_id", "email", "login_base"} & changes.keys()  # these make a new name
        old = {name: value for name, value in told_back(noun, new).items() if name != "hrn" or not named}
        self.must_say(noun, number, {**old, **told_back(noun, changes)})
        self.assertEqual(1, self.campus.call(noun.delete, ADMIN, number))
        self.assertEqual([], self.campus.call(f"Get{noun.plural}", ADMIN, {noun.key: number}))
        self.assertEqual(102, self.campus.code("admin", noun.delete, number))
        self.assertEqual(102, self.campus.code("admin", noun.update, number, {}))
        self.assertEqual(number + 1, self.added(noun, new))

    def test_what_is_added_and_changed_is_told_until_it_is_deleted(self) -> None:
        for noun in NOUNS:
            with self.subTest(noun.one):

                @QUICK
                @given(structs(noun, noun.fields), structs(noun, noun.changes), some.just(noun))
                def lives(new: dict[str, Any], changes: dict[str, Any], noun: Noun) -> None:
                    self.whole_life(noun, new, changes)

                lives()

    def test_a_value_beyond_its_limits_is_refused_and_changes_nothing(self) -> None:
        for noun in NOUNS:
            self.campus.fresh()
            number = self.added(noun, noun.least)
            before = self.told(noun, number)
            for name, shape in noun.changes.items():
                assert isinstance(shape, Of)
                for value in wrong(shape):
                    code = self.campus.code("admin", noun.update, number, {name: value})
                    self.assertEqual(102, code, f"{noun.update} {name}={value!r:.60}")
            self.assertEqual(before, self.told(noun, number))

    def test_what_is_not_said_has_its_default(self) -> None:
        for noun in NOUNS:
            self.campus.fresh()
            row = self.told(noun, self.added(noun, noun.least))
            said = DEFAULTS.get(noun.one, {})
            self.assertEqual(said, {name: row[name] for name in said}, noun.one)
            record = RECORDS[noun.record or noun.one]
            for name in record.names():
                told = name in {*noun.least, *said, *SET_BY_ADD} or name == record.key
                if not told and name in row:
                    empty: list[int] | None = [] if record.field(name).links else None
                    self.assertEqual(empty, row[name], f"{noun.one} {name}")

    def test_each_required_field_must_be_there(self) -> None:
        for noun in NOUNS:
            for name in noun.least.keys() & {
                said.name for said in RECORDS[noun.record or noun.one].fields if said.required
            }:
                self.campus.fresh()
                less = {key: value for key, value in noun.least.items() if key != name}
                before = self.campus.value(noun.before)
                code = self.campus.code("admin", f"Add{noun.one}", *before, less)
                self.assertEqual(102, code, f"{noun.one} without {name}")

    def test_a_boolean_passes_as_a_number_but_is_not_kept_as_one(self) -> None:
        for noun in NOUNS:
            number = self.added(noun, noun.least)
            for name, shape in noun.changes.items():
                if isinstance(shape, Of) and shape.kind is int and name != "expires":  # which lies in the past
                    value = name != "bwlimit"  # whose rule, asked first, refuses 1
                    code = self.campus.code("admin", noun.update, number, {name: value})
                    self.assertEqual(106, code, f"{noun.one} {name}")


def told_back(noun: Noun, said: dict[str, Any]) -> dict[str, Any]:
    """What of a struct is told back: a name in the federation only where none is made of the node's or slice's own."""
    made = {"Node": "hostname", "Slice": "name"}.get(noun.one) in said
    return {name: value for name, value in said.items() if name != "hrn" or not made}


def paired(said: dict[str, Any]) -> dict[str, Any]:
    """A place has both coordinates or none."""
    if (said.get("latitude") is None) != (said.get("longitude") is None):
        said = {key: value for key, value in said.items() if key not in ("latitude", "longitude")}
    return said
