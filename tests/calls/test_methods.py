"""What follows from a method's declaration."""

from typing import Annotated, Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.calls import Call, dispatch
from planetlab.errors import BadArgument, BadArgumentCount, Forbidden, NoSuchMethod, NotAuthenticated, Refused
from planetlab.faults import fault
from planetlab.methods import Api, Role, unite
from planetlab.names import SliceName
from planetlab.shapes import Either, ListOf, Of, Struct, shape

api = Api()
PI = Call("pi@princeton.edu", frozenset({Role.PI}), None, now=7.0)

NodeId = Annotated[int | str, Either((Of(int, "Node.node_id"), Of(str, "Node.hostname", max=255)))]
NodeFilter = Annotated[Any, Either((ListOf((Of(int), Of(str))), Of(str), Of(int), Struct({}, name="filter")))]
NewSlice = Annotated[
    dict[str, Any], Struct({"name": Of(str, max=4), "max_nodes": Of(int, min=0)}, required=frozenset({"name"}))
]


@api.method(Role.ADMIN, Role.PI)
def AddThing(call: Call, thing: NewSlice, node: NodeId = 1) -> int:
    """Make a thing."""
    return 3


@api.method(*Role, reads=True)
def GetThings(call: Call, things: NodeFilter = None, of: SliceName | None = None) -> list[int]:
    """The things."""
    return [1]


def greet(method, args):
    if args[0] is None:
        raise NotAuthenticated("no auth")
    return PI


class Dispatch(SynchronousTestCase):
    def call(self, name, *args):
        return dispatch(api, name, args, greet)

    def test_checks_come_in_the_order_of_the_plc_api(self):
        self.assertRaises(NoSuchMethod, self.call, "Nope")
        self.assertRaises(BadArgumentCount, self.call, "AddThing", None)
        self.assertRaises(NotAuthenticated, self.call, "AddThing", None, 7)
        self.assertRaises(BadArgument, self.call, "AddThing", {}, 7)
        self.assertEqual(3, self.call("AddThing", {}, {"name": "x"}))

    def test_the_value_that_is_wrong_is_named(self):
        for stated, said in (
            (({"name": 3},), "thing['name']: expected string, got int"),
            (({"name": "abcde"},), "thing['name']: expected at most 4 bytes, got 5"),
            (({"name": "éé!"},), "thing['name']: expected at most 4 bytes, got 5"),
            (({"name": "x", "max_nodes": -1},), "thing['max_nodes']: expected at least 0, got -1"),
            (({},), "thing: name not specified"),
            (([],), "thing: expected struct, got array"),
            (({"name": "x"}, 2.0), "node: expected string, got double"),
            (({"name": "x"}, None), "node: expected string, got nil"),
        ):
            self.assertEqual(said, str(self.assertRaises(BadArgument, self.call, "AddThing", {}, *stated)))

    def test_undescribed_members_are_left_to_the_method(self):
        self.assertEqual(3, self.call("AddThing", {}, {"name": "x", "colour": object()}))

    def test_a_boolean_passes_as_int_and_an_int_never_as_double(self):
        self.assertIs(True, Of(int).read(True, "x"))
        self.assertRaises(BadArgument, Of(float).read, 1, "x")
        self.assertRaises(BadArgument, Of(bool).read, 1, "x")

    def test_nil_stands_for_an_omitted_optional_argument(self):
        self.assertEqual([1], self.call("GetThings", {}, None, None))

    def test_a_word_is_parsed_at_the_door(self):
        error = self.assertRaises(BadArgument, self.call, "GetThings", {}, None, "Nope")
        self.assertIn("site_label", str(error))

    def test_signatures_grow_with_each_optional_argument(self):
        self.assertEqual(
            [["int", "struct", "struct"], ["int", "struct", "struct", "int"], ["int", "struct", "struct", "string"]],
            api["AddThing"].signatures(),
        )
        self.assertEqual(1 + 4 + 8, len(api["GetThings"].signatures()))

    def test_type_expressions(self):
        self.assertEqual("(int<Node.node_id> | string<Node.hostname>(max=255))", shape(NodeId).text())

    def test_a_name_is_declared_once(self):
        self.assertRaises(ValueError, unite, api, api)


class Faults(SynchronousTestCase):
    def test_the_texts_of_the_plc_api(self):
        for error, said in (
            (Forbidden("Not a member"), (108, "person_id 5: AddSlice: Permission denied: Not a member")),
            (BadArgument("No such site"), (102, "person_id 5: AddSlice: Invalid argument: No such site")),
            (
                BadArgument("too long", "slice_fields['name']"),
                (102, "person_id 5: AddSlice: Invalid slice_fields['name'] value: too long"),
            ),
            (NotAuthenticated(), (103, "person_id 5: AddSlice: Failed to authenticate call")),
            (
                BadArgumentCount("Expected 2 arguments, got 1"),
                (101, "person_id 5: AddSlice: Expected 2 arguments, got 1"),
            ),
            (NoSuchMethod("Nope"), (100, "Invalid method Nope")),
        ):
            told = fault(error, "person_id 5: AddSlice")
            self.assertEqual(said, (told.faultCode, told.faultString))

    def test_what_is_not_ours_to_tell_is_an_incident(self):
        told = fault(KeyError("secret"), ": GetNodes", "0badcafe")
        self.assertEqual((111, ": GetNodes: Internal API error: incident 0badcafe"), (told.faultCode, told.faultString))

    def test_a_peers_fault_is_not_passed_on_as_ours(self):
        told = fault(Refused(103, "who are you"), ": RefreshPeer")
        self.assertEqual(
            (111, ": RefreshPeer: Internal API error: another service failed, who are you"),
            (told.faultCode, told.faultString),
        )
