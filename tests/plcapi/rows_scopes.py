"""Which tags of a slice stand in each other's way, what is looked at first, and what is left of a call: rows."""

from tests.plcapi.campus import Id, Is, Row
from tests.plcapi.rows_sa import AUTH, DENIED, UNKNOWN, WRONG, told
from tests.registry.world import NOW

CODEEN, MIT = "princeton_codeen", "mit1.princeton.example"
NODE, GROUP = Id("node"), "rings"
TAG = (CODEEN, "colour")

SCOPES = (
    # blue is the colour of the sliver on the node, red that of the whole slice
    Row("admin", "AddSliceTag", (*TAG, "blue"), WRONG),
    Row("member", "AddSliceTag", (*TAG, "blue"), WRONG),
    Row("admin", "AddSliceTag", (*TAG, "blue", None, GROUP), Is(int)),
    Row("admin", "AddSliceTag", (*TAG, "red", NODE), Is(int)),
    Row("admin", "AddSliceTag", (*TAG, "red", None, GROUP), Is(int)),
    Row("admin", "AddSliceTag", (*TAG, "blue", NODE, GROUP), WRONG),
    Row("admin", "AddSliceTag", (*TAG, "red", NODE, GROUP), Is(int), ("AddSliceTag", (*TAG, "red", NODE), WRONG)),
    Row("admin", "AddSliceTag", (*TAG, "x", None, GROUP), Is(int), ("AddSliceTag", (*TAG, "x"), WRONG)),
    Row("admin", "AddSliceTag", (*TAG, "x", None, GROUP), Is(int), ("AddSliceTag", (*TAG, "x", None, GROUP), WRONG)),
    Row("admin", "AddSliceTag", (*TAG, "Blue"), Is(int)),
    Row("admin", "AddSliceTag", (CODEEN, "ring", "blue"), Is(int)),
    Row("admin", "AddSliceTag", (Id("mit_slice"), "colour", "blue"), Is(int)),
)
"""A value that one sliver has is not given to the whole slice; a sliver may repeat what the slice has."""

NOWHERE = (
    Row("member", "AddSliceTag", (*TAG, "x", 0), UNKNOWN),
    Row("member", "AddSliceTag", (*TAG, "x", ""), UNKNOWN),
    Row("member", "AddSliceTag", (*TAG, "x", None, 0), UNKNOWN),
    Row("user", "AddSliceTag", (*TAG, "x", 0), DENIED),
    Row("member", "AddSliceTag", (*TAG, "x", 4711), DENIED),
    Row("admin", "AddSliceTag", (*TAG, "x", 0), UNKNOWN),
    Row("member", "AddSliceTag", (*TAG, "x", 0, GROUP), DENIED),
    Row("member", "AddSliceTag", (*TAG, "x", "", "nothing"), DENIED),
    Row("member", "AddSliceTag", (*TAG, "x", MIT, ""), DENIED),
    Row("member", "AddSliceTag", (*TAG, "x", NODE, ""), UNKNOWN),
    Row("admin", "AddSliceTag", (*TAG, "x", "", "nothing"), UNKNOWN),
    Row("admin", "AddSliceTag", (*TAG, "x", NODE, "nothing"), UNKNOWN),
)
"""A place that nothing can be called is missing for all who may write the tag."""

FIRST = (
    Row("member", "UpdateSlice", (CODEEN, {"persons": [], "instantiation": "dream"}), AUTH),
    Row("member", "UpdateSlice", (CODEEN, {"instantiation": "dream", "persons": []}), AUTH),
    Row("member", "UpdateSlice", (CODEEN, {"expires": int(NOW) - 9, "persons": []}), AUTH),
    Row("member", "UpdateSlice", (CODEEN, {"max_nodes": 7, "persons": []}), WRONG),
    Row("pi", "UpdateSlice", (CODEEN, {"persons": [], "instantiation": "dream"}), WRONG,
        told("Slices", CODEEN, "person_ids", [Id("member_id")])),
    Row("pi", "UpdateSlice", (CODEEN, {"nodes": [MIT], "vref": "f14"}), 1, told("Slices", CODEEN, "vref", "f14")),
)  # fmt: skip
"""Who may change a slice's lists is asked before its fields are."""
