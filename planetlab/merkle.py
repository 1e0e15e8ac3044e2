"""The hash tree of RFC 9162 §2.1: a list that only grows, whose head tells everything that is in it.

A tree is read through a function that gives the hash of a whole subtree by its level and its number there, so that
whoever keeps those (two rows for each leaf) answers every question in steps of the logarithm of the tree's size.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from planetlab.refusals import BadSignature

Whole = Callable[[int, int], bytes]
"""The hash of the leaves from ``number * 2**level`` on, ``2**level`` of them."""

EMPTY = sha256().digest()
SIZE = 32  # octets of a hash


def leaf(entry: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def above(left: bytes, right: bytes) -> bytes:
    """The hash over two hashes."""
    return sha256(b"\x01" + left + right).digest()


def grown(size: int, new: bytes, whole: Whole) -> Iterator[tuple[int, int, bytes]]:
    """What is to be kept when the leaf ``new`` comes to a tree of ``size`` leaves: level, number, hash."""
    level, number, now = 0, size, new
    yield level, number, now
    while number & 1:
        now = above(whole(level, number - 1), now)
        level, number = level + 1, number >> 1
        yield level, number, now


def root(size: int, whole: Whole) -> bytes:
    """The head's hash of the first ``size`` leaves."""
    return _over(0, size, whole) if size else EMPTY


def inclusion(number: int, size: int, whole: Whole) -> list[bytes]:
    """The proof that leaf ``number`` is among the first ``size``; from the leaf upwards (RFC 9162 §2.1.3)."""
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if number < middle:
            path.append(_over(middle, end, whole))
            end = middle
        else:
            path.append(_over(start, middle, whole))
            start = middle
    return path[::-1]


def consistency(first: int, second: int, whole: Whole) -> list[bytes]:
    """The proof that the tree of ``first`` leaves is the beginning of that of ``second`` (RFC 9162 §2.1.4)."""
    if not 0 < first < second:
        return []
    path: list[bytes] = []
    start, end, is_old = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_over(middle, end, whole))
            end = middle
        else:
            path.append(_over(start, middle, whole))
            start, is_old = middle, False
    return [*([] if is_old else [_over(start, end, whole)]), *path[::-1]]


def check_inclusion(entry: bytes, number: int, size: int, path: Sequence[bytes], head: bytes) -> None:
    """Raise `BadSignature` unless ``path`` leads from the entry to the head of ``size`` leaves."""
    if not 0 <= number < size:
        raise BadSignature("forged", f"entry {number} of a log of {size}")
    now, at, last = leaf(entry), number, size - 1
    for each in path:
        if last == 0:
            raise BadSignature("forged", "the proof is longer than the log is deep")
        if at & 1 or at == last:
            now = above(each, now)
            at, last = _up_to_odd(at, last)
        else:
            now = above(now, each)
        at, last = at >> 1, last >> 1
    if last or now != head:
        raise BadSignature("forged", f"the proof for entry {number} does not lead to the log's head")


def check_consistency(first: int, second: int, path: Sequence[bytes], old: bytes, new: bytes) -> None:
    """Raise `BadSignature` unless the head ``old`` of ``first`` leaves is the beginning of ``new`` of ``second``."""
    if first > second:
        raise BadSignature("rolled-back", f"the log had {first} entries and has {second}")
    if first == second or first == 0:
        well = not path and (first == 0 or old == new) and (first != 0 or old == EMPTY)
        if not well:
            raise BadSignature("two-faced", f"the log's first {first} entries are not what they were")
        return
    steps = [old, *path] if first & (first - 1) == 0 else list(path)
    at, last = _up_to_odd(first - 1, second - 1, until_even=True)
    if not steps or not _leads(steps, at, last, old, new):
        raise BadSignature("two-faced", f"the log's first {first} entries are not what they were")


def _leads(steps: Sequence[bytes], at: int, last: int, old: bytes, new: bytes) -> bool:
    then = now = steps[0]
    for each in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            then, now = above(each, then), above(each, now)
            at, last = _up_to_odd(at, last)
        else:
            now = above(now, each)
        at, last = at >> 1, last >> 1
    return last == 0 and then == old and now == new


def _up_to_odd(at: int, last: int, until_even: bool = False) -> tuple[int, int]:
    """Climb while there is nothing to the right (or, for an old head, while its rightmost subtree is whole)."""
    while (at & 1) if until_even else (not at & 1 and at):
        at, last = at >> 1, last >> 1
    return at, last


def _over(start: int, end: int, whole: Whole) -> bytes:
    size = end - start
    if size & (size - 1) == 0:
        return whole(size.bit_length() - 1, start // size)
    middle = start + _split(size)
    return above(_over(start, middle, whole), _over(middle, end, whole))


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
