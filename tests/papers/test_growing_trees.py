"""A log's tree: heads as Certificate Transparency counts them, proofs that hold, and everything else refused."""

from hypothesis import given
from hypothesis import strategies as any_of
from twisted.trial.unittest import SynchronousTestCase

from planetlab import merkle
from planetlab.refusals import BadSignature

# The entries and heads that implementations of Certificate Transparency (RFC 6962) test themselves with.
ENTRIES = tuple(
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
)
HEADS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZES = any_of.integers(1, 130)


class Tree:
    """A tree with its hashes in memory."""

    def __init__(self, *entries: bytes) -> None:
        self.kept: dict[tuple[int, int], bytes] = {}
        self.entries = entries
        for size, entry in enumerate(entries):
            for level, number, value in merkle.grown(size, merkle.leaf(entry), self.whole):
                self.kept[level, number] = value

    def whole(self, level: int, number: int) -> bytes:
        return self.kept[level, number]

    def head(self, size: int | None = None) -> bytes:
        return merkle.root(len(self.entries) if size is None else size, self.whole)


def numbered(size: int, mark: str = "") -> Tree:
    return Tree(*(f"{mark}{number}".encode() for number in range(size)))


class AGrowingTree(SynchronousTestCase):
    def refused(self, *said: object) -> None:
        check = merkle.check_inclusion if isinstance(said[0], bytes) else merkle.check_consistency
        with self.assertRaises(BadSignature):
            check(*said)

    def test_its_heads_are_those_of_certificate_transparency(self) -> None:
        tree = Tree(*ENTRIES)
        for size, head in enumerate(HEADS, 1):
            self.assertEqual(head, tree.head(size).hex())
        self.assertEqual(merkle.EMPTY, Tree().head())

    @given(SIZES, any_of.data())
    def test_an_entry_is_proven_and_no_other_is(self, size: int, data: any_of.DataObject) -> None:
        tree, number = numbered(size), data.draw(any_of.integers(0, size - 1))
        path, head = merkle.inclusion(number, size, tree.whole), tree.head()
        merkle.check_inclusion(tree.entries[number], number, size, path, head)
        self.refused(b"another", number, size, path, head)
        self.refused(tree.entries[number], number, size, [*path, head], head)
        self.refused(tree.entries[number], number, size, path, numbered(size, "x").head())
        self.refused(tree.entries[number], size, size, path, head)
        for other in range(size):
            if other != number:
                self.refused(tree.entries[number], other, size, path, head)
        for at in range(len(path)):
            self.refused(tree.entries[number], number, size, [*path[:at], b"\x00" * 32, *path[at + 1 :]], head)
            self.refused(tree.entries[number], number, size, [*path[:at], *path[at + 1 :]], head)

    @given(SIZES, any_of.data())
    def test_a_past_is_proven_and_no_other_past_is(self, size: int, data: any_of.DataObject) -> None:
        tree, first = numbered(size), data.draw(any_of.integers(0, size))
        path = merkle.consistency(first, size, tree.whole)
        old, new = tree.head(first), tree.head()
        merkle.check_consistency(first, size, path, old, new)
        self.refused(first, size, [*path, new], old, new)
        self.refused(size + 1, size, path, old, new)
        if first:
            self.refused(first, size, path, numbered(first, "x").head(), new)
            self.refused(first, size, path, old, numbered(size, "x").head())
        for at in range(len(path)):
            self.refused(first, size, [*path[:at], b"\x00" * 32, *path[at + 1 :]], old, new)
            self.refused(first, size, [*path[:at], *path[at + 1 :]], old, new)

    @given(SIZES)
    def test_it_keeps_two_hashes_an_entry_at_most(self, size: int) -> None:
        self.assertLess(len(numbered(size).kept), 2 * size)
