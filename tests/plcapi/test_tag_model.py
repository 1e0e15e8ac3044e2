"""Tags of slices as a few sets remember them: callers of every role write at random, and both must agree."""

from random import Random

from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import Campus
from tests.plcapi.matrix import CALLERS, ROLE
from tests.registry.world import ADMIN

STEPS = 600
SLICES = ("princeton_codeen", "mit_cfs")
KINDS = ("free", "staff", "members", "slivers", "closed")
WRITERS = ("pi", "user", "tech", "node")
FIRST_ROLES = {"free": WRITERS, "staff": ("pi", "tech"), "members": ("user",), "slivers": ("node",), "closed": ()}
VALUES = ("a", "A", "b", "")
MEMBERS = {"princeton_codeen": "member", "mit_cfs": "user2"}
PIS = {"princeton_codeen": "pi", "mit_cfs": "pi2"}
MAY_CALL = {"Add": "admin pi user node", "Update": "admin pi user node", "Delete": "admin pi user tech node"}

Place = tuple[str | None, bool]
"""The node of a sliver, or none; and whether the tag is of the node group."""


@frozen
class Tag:
    """One tag as it was added."""

    slice: str
    kind: str
    value: str
    place: Place


@frozen
class Model:
    """What tags there are, who may write which kind, and which nodes each slice is on."""

    tags: dict[int, Tag] = field(factory=dict)
    roles: dict[str, set[str]] = field(factory=lambda: {kind: set(roles) for kind, roles in FIRST_ROLES.items()})
    on: dict[str, set[str]] = field(factory=lambda: {"princeton_codeen": {"node"}, "mit_cfs": set()})

    def refusal(self, verb: str, who: str, tag: Tag) -> int:
        """The code that ``who`` gets for writing this tag for want of a right; 0 for none."""
        role, (node, group) = ROLE[who], tag.place
        if role not in MAY_CALL[verb].split():
            return 103
        if role == "admin":
            return 0
        if role == "node":
            ok = "node" in self.roles[tag.kind] and node == who and who in self.on[tag.slice] and not group
        else:
            near = {"user": MEMBERS, "pi": PIS}.get(role, {}).get(tag.slice) == who
            ok = role in self.roles[tag.kind] and near and not group and (node is None or node in self.on[tag.slice])
        return 0 if ok else 108

    def clash(self, tag: Tag) -> int:
        """The code for what stands in the way of a new tag."""
        node, group = tag.place
        if node is not None and node not in self.on[tag.slice]:
            return 102
        alike = [
            there.place
            for there in self.tags.values()
            if (there.slice, there.kind, there.value) == (tag.slice, tag.kind, tag.value)
        ]
        met = [
            place
            for place in alike
            if (node, group) == (None, False) or (node is not None and place[0] == node) or (group and place[1])
        ]
        return 102 if met else 0


class Tags(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()
        self.chance = Random(20200913)
        self.model = Model()
        self.campus.call("AddPersonToSlice", ADMIN, self.campus.ids["user2_id"], "mit_cfs")
        for kind, roles in FIRST_ROLES.items():
            self.campus.call("AddTagType", ADMIN, {"tagname": kind, "category": "slice/test"})
            for role in roles:
                self.campus.call("AddRoleToTagType", ADMIN, role, kind)

    def test_every_role_writes_what_its_kinds_and_places_allow_and_nothing_else(self) -> None:
        for step in range(STEPS):
            act = self.chance.choice((self.adds, self.adds, self.updates, self.deletes, self.changes_the_rules))
            act(step)
            if step % 50 == 0:
                self.agree()
        self.agree()
        self.assertGreater(len(self.model.tags), 10)

    def adds(self, step: int) -> None:
        pick, ids = self.chance.choice, self.campus.ids
        who, place = pick(CALLERS), pick(((None, False),) * 3 + (("node", False), ("node2", False), (None, True)))
        tag = Tag(pick(SLICES), pick(KINDS), pick(VALUES), pick((place, place, (place[0], True))))
        node, group = tag.place
        args = [tag.slice, tag.kind, tag.value, ids[node] if node else None, *(["rings"] if group else [])]
        code, number = self.campus.told(who, "AddSliceTag", *args)
        self.assertEqual(self.model.refusal("Add", who, tag) or self.model.clash(tag), code, (step, who, tag))
        if code == 0:
            self.assertNotIn(number, self.model.tags)
            self.model.tags[number] = tag

    def updates(self, step: int) -> None:
        if self.model.tags:
            number, who, value = (self.chance.choice(some) for some in (sorted(self.model.tags), CALLERS, VALUES))
            tag = self.model.tags[number]
            code = self.campus.code(who, "UpdateSliceTag", number, value)
            self.assertEqual(self.model.refusal("Update", who, tag), code, (step, who, tag))
            if code == 0:
                self.model.tags[number] = Tag(tag.slice, tag.kind, value, tag.place)

    def deletes(self, step: int) -> None:
        if len(self.model.tags) > 10:
            number, who = self.chance.choice(sorted(self.model.tags)), self.chance.choice(CALLERS)
            tag = self.model.tags[number]
            code = self.campus.code(who, "DeleteSliceTag", number)
            self.assertEqual(self.model.refusal("Delete", who, tag), code, (step, who, tag))
            if code == 0:
                del self.model.tags[number]
                self.assertEqual(102, self.campus.code("admin", "DeleteSliceTag", number))

    def changes_the_rules(self, step: int) -> None:
        """An admin moves a slice, or changes who may write a kind."""
        pick = self.chance.choice
        if pick((True, False)):
            one, node = pick(SLICES), pick(("node", "node2"))
            method = "DeleteSliceFromNodes" if node in self.model.on[one] else "AddSliceToNodes"
            self.campus.code("admin", method, one, [self.campus.ids[node]])
            self.model.on[one] ^= {node}
        else:
            kind, role = pick(KINDS), pick(WRITERS)
            there = role in self.model.roles[kind]
            self.campus.code("admin", "DeleteRoleFromTagType" if there else "AddRoleToTagType", role, kind)
            self.model.roles[kind] ^= {role}

    def agree(self) -> None:
        """The registry tells exactly the tags of the model."""
        rows = self.campus.call("GetSliceTags", ADMIN, {"category": "slice/test"})
        group, nodes = self.campus.ids["group"], {self.campus.ids[name]: name for name in ("node", "node2")}
        told = {
            row["slice_tag_id"]: Tag(
                row["name"], row["tagname"], row["value"], (nodes.get(row["node_id"]), row["nodegroup_id"] == group)
            )
            for row in rows
        }
        self.assertEqual(self.model.tags, told)
