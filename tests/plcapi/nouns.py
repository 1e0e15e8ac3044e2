"""What Add, Update, Delete and Get are for each noun, and values that each field may and may not have."""

from typing import Any

from attrs import field, frozen
from hypothesis import strategies as some

from planetlab.records.catalogue import RECORDS
from planetlab.shapes import Of, Shape
from tests.plcapi.campus import STATIC, Id
from tests.registry.world import KEY, whole

LETTERS = "abcxyzAZ09 _-.'\"%*\\éßñЖ日本€😀"
INT = 2**31 - 1


@frozen
class Noun:
    """``before`` are the arguments of Add before the struct; ``least`` is what a new one must say.

    ``special`` gives values of fields with a form of their own; those are not stretched to their limits.
    ``silent`` fields are taken and not written. ``record`` is its name where Add says more than Update and Delete do.
    """

    one: str
    plural: str
    least: dict[str, Any]
    before: tuple[Any, ...] = ()
    special: dict[str, Any] = field(factory=dict)
    silent: str = ""
    record: str = ""

    @property
    def fields(self) -> dict[str, Shape]:
        """The members of the struct that Add takes, or none when Add takes values one by one."""
        members: dict[str, Shape] = getattr(whole[f"Add{self.one}"].accepts[-1].shape, "members", {})
        return {name: shape for name, shape in members.items() if name not in self.silent.split()}

    @property
    def changes(self) -> dict[str, Shape]:
        """The scalar members of the struct that Update takes."""
        members: dict[str, Shape] = getattr(whole[self.update].accepts[-1].shape, "members", {})
        return {
            name: shape for name, shape in members.items() if isinstance(shape, Of) and name not in self.silent.split()
        }

    @property
    def update(self) -> str:
        """The method that changes one."""
        return f"Update{self.record or self.one}"

    @property
    def delete(self) -> str:
        """The method that deletes one."""
        return f"Delete{self.record or self.one}"

    @property
    def key(self) -> str:
        """The field that holds its number."""
        return RECORDS[self.record or self.one].key


def text_of(size: int) -> "some.SearchStrategy[str]":
    """Texts of at most, and often exactly, ``size`` bytes, in letters of one to four bytes."""

    def cut(said: tuple[str, bool]) -> str:
        filled, full = said
        if full:
            filled = filled * (size // max(len(filled.encode()), 1) + 1) if filled else "é" * size
        kept = filled.encode()[:size].decode(errors="ignore")
        return kept + "x" * (size - len(kept.encode())) if full else kept

    return some.tuples(some.text(LETTERS, max_size=40), some.booleans()).map(cut)


def values(noun: Noun, name: str, shape: Shape) -> "some.SearchStrategy[Any]":
    """Good values of one field."""
    if name in noun.special:
        chosen = noun.special[name]
        return some.sampled_from(chosen) if isinstance(chosen, list) else some.just(chosen)
    assert isinstance(shape, Of), (noun.one, name, shape)
    kinds: dict[type, some.SearchStrategy[Any]] = {
        bool: some.booleans(),
        int: some.integers(int(-INT - 1 if shape.min is None else shape.min), int(shape.max or INT)),
        float: some.floats(shape.min, shape.max, allow_nan=False),
        str: text_of(int(shape.max or 3000)),
    }
    plain = kinds[shape.kind]
    return some.one_of(some.none(), plain) if shape.nil else plain


def structs(noun: Noun, shapes: dict[str, Shape]) -> "some.SearchStrategy[dict[str, Any]]":
    """Structs of some of the fields."""
    return some.fixed_dictionaries({}, optional={name: values(noun, name, shape) for name, shape in shapes.items()})


def wrong(shape: Of) -> list[Any]:
    """Values that are never taken: of another type, over the limit, nil where there is no nil."""
    odd: list[Any] = [[], {}, {"x": 1}]
    odd += [] if shape.nil else [None]
    others: dict[type, list[Any]] = {str: [1, True, 1.5], int: ["1", 1.5], bool: [1, "x", 0.0], float: [1, "x", True]}
    odd += others[shape.kind]
    if shape.kind is str and shape.max is not None:
        limit = int(shape.max)
        odd += ["x" * (limit + 1), "é" * (limit // 2) + "xx"[: limit % 2 + 1], "😀" * (limit // 4 + 1)]
    if shape.kind in (int, float):
        odd += [shape.min - 1] if shape.min is not None else []
        odd += [shape.max + 1] if shape.max is not None else []
    return odd


MAILS = ["a.b+c%d@x.example", "UPPER@Case.Example", "x_y-z@a-b.c_d.org"]
NOUNS = (
    Noun(
        "Site", "Sites", {"name": "N", "abbreviated_name": "A", "login_base": "newsite"},
        special={"login_base": ["a.b", "c" * 32, "9x"], "name": ["é" * 127, "x"], "abbreviated_name": ["é" * 25, "y"]},
    ),
    Noun(
        "Person", "Persons", {"email": "new@x.example", "first_name": "N", "last_name": "P"},
        special={"email": MAILS}, silent="password enabled",
    ),
    Noun("Node", "Nodes", {"hostname": "brand.new.org"}, ("princeton",),
         special={"hostname": ["A-1.x9.org", "n" * 63 + ".b.edu"], "boot_state": ["boot", "disabled", "install"],
                  "node_type": ["regular", "reservable"], "site_id": [2, 3]}, silent="session"),
    Noun("Interface", "Interfaces", {**STATIC, "ip": "192.0.2.40", "is_primary": False}, (Id("node"),),
         special={"ip": ["192.0.2.41", "192.0.2.1"], "network": "192.0.2.0", "broadcast": "192.0.2.255",
                  "netmask": "255.255.255.0", "gateway": ["192.0.2.1", "192.0.2.254", None],
                  "dns1": ["192.0.2.9", "2001:db8::1", None], "dns2": ["192.0.2.9", None], "mac": ["A:b:C:1:2:3", None],
                  "hostname": ["X.y.org", None, ""], "bwlimit": [None, 0, 500_000, INT], "is_primary": False,
                  "method": "static", "type": "ipv4"}, silent="interface_tag_ids last_updated"),
    Noun("Slice", "Slices", {"name": "princeton_brand"},
         special={"name": ["princeton_b.C_9", "princeton_" + "z" * 54], "instantiation": ["delegated", "nm-controller"],
                  "expires": [1_600_000_001, 1_600_500_000], "initscript": "start"}),
    Noun("SiteAddress", "Addresses", {"line1": "a", "city": "b", "state": "c", "postalcode": "d", "country": "e"},
         ("princeton",), record="Address"),
    Noun("AddressType", "AddressTypes", {"name": "n"}, special={"name": ["é" * 10, "x"]}),
    Noun("ConfFile", "ConfFiles", {"source": "s", "dest": "d"}),
    Noun("InitScript", "InitScripts", {"name": "n", "script": "s"}, special={"name": ["é" * 127, "x"]}),
    Noun("PCU", "PCUs", {"ip": "192.0.2.3"}, ("princeton",), special={"ip": ["2001:db8::3", "192.0.2.4"]},
         silent="last_updated"),
    Noun("PCUType", "PCUTypes", {"model": "m"}, special={"model": ["é" * 127, "x"]}),
    Noun("PCUProtocolType", "PCUProtocolTypes", {"port": 23, "protocol": "p"}, ("M1",),
         special={"port": [1, 65535], "protocol": ["x", "é" * 30], "pcu_type_id": Id("pcu_type")}),
    Noun("TagType", "TagTypes", {"tagname": "t"}, special={"tagname": ["é" * 50, "x"]}),
    Noun("Peer", "Peers", {"peername": "p", "peer_url": "https://p/"},
         special={"peername": ["x", "é" * 99], "peer_url": ["https://é/x/", "https://q/"]}),
    Noun("PersonKey", "Keys", {"key_type": "ssh", "key": KEY}, (Id("member_id"),),
         special={"key_type": "ssh", "key": [KEY + "=" * (4096 - len(KEY)), KEY]}, record="Key"),
)  # fmt: skip
