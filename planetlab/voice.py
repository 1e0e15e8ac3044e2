"""A fingerprint in words that two people can compare by telephone: eight of a list of 2,048, 88 bits.

The list is that of BIP 39: no two words begin with the same four letters.
"""

from functools import cache

from mnemonic import Mnemonic

from planetlab.errors import BadArgument

COUNT = 8
_BITS = 11  # of one word


@cache
def _list() -> tuple[str, ...]:
    return tuple(Mnemonic("english").wordlist)


def words(fingerprint: str) -> str:
    """The first bits of a fingerprint (hex, at least 22 digits) as words.

    >>> words("00" * 32)
    'abandon abandon abandon abandon abandon abandon abandon abandon'
    """
    size = 4 * len(fingerprint)
    if size < COUNT * _BITS:
        raise BadArgument(f"fingerprint: expected at least {COUNT * _BITS // 4} hex digits, got {len(fingerprint)}")
    number = int(fingerprint, 16)
    return " ".join(_list()[number >> size - _BITS * (at + 1) & 2047] for at in range(COUNT))


def same(said: str, fingerprint: str) -> bool:
    """Whether somebody read out this fingerprint's words; case and blanks do not matter."""
    return " ".join(said.lower().split()) == words(fingerprint)
