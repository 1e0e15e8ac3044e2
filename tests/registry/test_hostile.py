"""Strings made to break things, in every field that can be asked for, of every listing, as every role."""

import random

from twisted.trial.unittest import SynchronousTestCase

from planetlab.both.getting import shown
from planetlab.errors import BadArgument, Forbidden, NotAuthenticated
from planetlab.filters import Filter
from planetlab.methods import Method, Role
from planetlab.records.fields import Record
from planetlab.shapes import Either
from tests.registry.world import ADMIN, Princeton, whole

WORDS = (
    "'", '"', "''", "\\", ";", "--", "/*", "%", "_", "*", "?", ")", "(", "]", "[", "\x7f", "é", "\u202e", "рlc", "𝒮",
    "' OR 1=1 --", "'; DROP TABLE sites; --", '" OR ""="', "1 UNION SELECT password FROM persons", "%%%%%", "_" * 40,
    "*a*b*c*d*e*", "0x41", "1e309", "NULL", "nan", "true", "{}", "<script>", "a" * 300, "%s%n", "$1$", "ß",
    "' || (SELECT key FROM nodes) || '", "x' AND (SELECT count(*) FROM sqlite_master) --", "\r\n", "\t", "İ", "ſ", "𐀀",
    "?1", ":a", "@a", "$a", "json_each(1)", "ATTACH DATABASE 'x' AS y", "pragma foreign_keys=off", "*" * 16, "%_%_%_%",
)  # fmt: skip


def strings(count: int) -> list[str]:
    """Hostile words and random unions of them, the same each time."""
    chance = random.Random(13)
    made = list(WORDS)
    while len(made) < count:
        made.append("".join(chance.choice(WORDS) for _ in range(chance.randint(2, 4)))[:200])
    return made


def filter_of(method: Method) -> Record | None:
    """The record that a method's first argument filters, if it does."""
    if not method.accepts or not isinstance(method.accepts[0].shape, Either):
        return None
    return next((one.record for one in method.accepts[0].shape.shapes if isinstance(one, Filter)), None)


LISTINGS = {name: record for name, method in whole.items() if method.reads and (record := filter_of(method))}


class Hostile(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_there_are_many_listings(self) -> None:
        self.assertGreater(len(LISTINGS), 30)

    def test_five_hundred_strings_in_every_text_field_of_every_listing(self) -> None:
        hostile = strings(500)
        for name, record in LISTINGS.items():
            texts = [said.name for said in record.fields if said.kind is str and not said.links and not said.never]
            for field in texts:
                for start in range(0, len(hostile), 100):
                    self.is_answered(name, {f"~{field}": hostile[start : start + 100]})
                    self.is_answered(name, {f"<{field}": hostile[start]})
                    self.is_answered(name, {field: hostile[start + 1]})

    def is_answered(self, name: str, said: object) -> None:
        try:
            rows = self.world.call(name, ADMIN, said)
        except BadArgument:
            return
        self.assertIsInstance(rows, list)

    def test_hostile_keys_sorts_and_limits_are_102(self) -> None:
        for name in LISTINGS:
            for said in (
                *({word: "x"} for word in WORDS if word),
                *({"-SORT": word} for word in WORDS),
                {"-LIMIT": "1; DROP TABLE sites"}, {"-OFFSET": "-1"}, {"-WHERE": "1=1"}, {"rowid": 1}, {"r.name": "x"},
            ):  # fmt: skip
                self.assertEqual(102, self.world.refused(name, ADMIN, said)[0], (name, said))

    def test_hostile_names_of_things_are_unknown_not_errors(self) -> None:
        for word in WORDS:
            for name in ("DeleteSlice", "DeleteNode", "DeleteSite", "DeletePerson", "GetSliceTicket"):
                self.assertEqual(102, self.world.refused(name, ADMIN, word)[0], (name, word))

    def test_hostile_text_is_kept_and_given_back_as_it_is(self) -> None:
        for word in strings(120):
            if len(word.encode()) <= 254:
                self.world.call("UpdateSite", ADMIN, "princeton", {"url": word})
                self.assertEqual(word, self.world.get("Sites", "princeton")["url"])

    def test_nobody_gets_more_by_a_filter_than_without(self) -> None:
        for auth, role in ((self.world.user, Role.USER), (self.world.tech, Role.TECH), (self.world.pi, Role.PI)):
            for name, record in LISTINGS.items():
                if role not in whole[name].roles:
                    continue
                mine = {repr(sorted(row.items(), key=str)) for row in self.world.call(name, auth)}
                key = record.fields[0].name if not record.fields[0].links else record.key
                for said in ({f"~{record.key}": []}, {"-OR": 1, f"~{key}": []}, {"-SORT": record.key}):
                    got = {repr(sorted(row.items(), key=str)) for row in self.world.call(name, auth, said)}
                    self.assertLessEqual(got, mine, (name, said))

    def test_a_hidden_field_is_no_oracle(self) -> None:
        secret = self.world.get("Nodes", 1, "key")["key"]
        for said in ({"key": secret}, {"key": secret[:5] + "*"}, {">key": "A"}, {"-SORT": "key"}):
            self.assertEqual(102, self.world.refused("GetNodes", self.world.user, said)[0], said)
        for name in ("password", "verification_key"):
            self.assertEqual(102, self.world.refused("GetPersons", ADMIN, {name: "*"})[0])

    def test_asking_for_a_hidden_field_by_name_gives_nothing(self) -> None:
        for record in LISTINGS.values():
            for field in record.fields:
                if field.only_admin or field.never:
                    self.assertNotIn(field.name, shown(record, [field.name], is_admin=False))


class Roles(SynchronousTestCase):
    def test_every_method_refuses_every_role_it_does_not_list(self) -> None:
        world = Princeton()
        callers = {
            Role.ADMIN: world.admin, Role.PI: world.pi, Role.USER: world.user, Role.TECH: world.tech,
            Role.ANONYMOUS: {"AuthMethod": "anonymous"},
        }  # fmt: skip
        refused = 0
        for name, method in whole.items():
            if method.auth is None:  # what anybody may read: the log of tickets
                self.assertTrue(method.reads and name.startswith("GetTicketLog"), name)
                continue
            least = [None] * sum(not argument.optional for argument in method.accepts)
            for role, auth in callers.items():
                if role in method.roles:
                    continue
                with self.assertRaises((NotAuthenticated, Forbidden, BadArgument), msg=f"{name} as {role}") as caught:
                    world.call(name, auth, *least)
                if not method.auth:
                    self.assertIsInstance(caught.exception, NotAuthenticated, f"{name} as {role}")
                refused += 1
        self.assertGreater(refused, 500)

    def test_nobody_changes_what_is_another_sites(self) -> None:
        world = Princeton()
        world.site("cornell")
        strangers = [world.person(f"s{role}", role, site="cornell") for role in ("pi", "user", "tech")]
        theirs = {
            "UpdateSite": ("princeton", {"url": "x"}), "UpdateNode": (1, {"model": "x"}), "DeleteNode": (1,),
            "UpdateSlice": (1, {"url": "x"}), "DeleteSlice": (1,), "SliceDelete": ("princeton_codeen",),
            "AddSliceToNodes": (1, [1]), "DeleteSliceFromNodes": (1, [1]), "AddSlice": ({"name": "princeton_x"},),
            "AddNode": ("princeton", {"hostname": "x.y.org"}),
            "UpdatePerson": ("user@princeton.example", {"title": "x"}),
            "DeletePerson": ("user@princeton.example",), "AddPersonToSlice": ("suser@princeton.example", 1),
            "AddInterface": (1, {"type": "ipv4", "method": "dhcp"}), "AddSliceTag": (1, "vsys", "x"),
            "AddNodeTag": (1, "arch", "x"), "GetSliceTicket": (1,), "AddPCU": ("princeton", {"ip": "192.0.2.9"}),
            "AddSiteAddress": ("princeton", {}), "GenerateNodeConfFile": (1,), "RebootNode": (1,),
        }  # fmt: skip
        for name, args in theirs.items():
            for auth in strangers:
                with self.assertRaises((Forbidden, NotAuthenticated), msg=f"{name} as {auth['Username']}"):
                    world.call(name, auth, *args)
