"""Passwords: the original's MD5-crypt is still read, new ones are kept as scrypt, and guessing is slowed down."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

from attrs import define, field

from planetlab.errors import NotAuthenticated

_ITOA = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LOG_COST, _BLOCK, _LANES = 14, 8, 1  # scrypt: 16 MiB and some 50 ms per try
_FAILURES, _FORGET = 10, 300.0  # so many wrong tries per name and address; seconds after which one is forgotten
_REMEMBER = 300.0  # seconds that a password once found right is taken without the slow check
_MOST = 20_000  # entries of each memory; beyond that it starts anew


def kept(password: str) -> str:
    """The form in which a password is stored; an MD5-crypt hash is kept as it is, as the original did."""
    if password.startswith("$1$") and len(password) > len("$1$"):
        return password
    salt = secrets.token_bytes(16)
    return f"$scrypt${_LOG_COST}${b64encode(salt).decode()}${b64encode(_scrypt(password, salt, _LOG_COST)).decode()}"


def fits(stored: str, password: str) -> bool:
    """Whether ``password`` is the one stored; slow by design for scrypt."""
    if stored.startswith("$1$") and stored.count("$") >= 3:
        salt = stored.split("$")[2][:8]
        return hmac.compare_digest(md5_crypt(password, salt).encode(), stored.encode())
    if stored.startswith("$scrypt$"):
        _, _, cost, salt_text, digest = stored.split("$")
        tried = _scrypt(password, b64decode(salt_text), int(cost))
        return hmac.compare_digest(tried, b64decode(digest))
    return False


def is_slow(stored: str) -> bool:
    """Whether checking against this hash takes longer than a transaction should wait."""
    return stored.startswith("$scrypt$")


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=1 << min(cost, 16), r=_BLOCK, p=_LANES, maxmem=1 << 28, dklen=32
    )


def md5_crypt(password: str, salt: str) -> str:
    """Poul-Henning Kamp's MD5-crypt, ``$1$salt$22 characters``, as crypt(3) computes it."""
    secret, grain = password.encode(), salt.encode()
    inner = hashlib.md5(secret + grain + secret, usedforsecurity=False).digest()
    start = hashlib.md5(secret + b"$1$" + grain, usedforsecurity=False)
    start.update((inner * (len(secret) // 16 + 1))[: len(secret)])
    bits = len(secret)
    while bits:
        start.update(b"\0" if bits & 1 else secret[:1])
        bits >>= 1
    final = start.digest()
    for turn in range(1000):
        piece = hashlib.md5(secret if turn & 1 else final, usedforsecurity=False)
        if turn % 3:
            piece.update(grain)
        if turn % 7:
            piece.update(secret)
        piece.update(final if turn & 1 else secret)
        final = piece.digest()
    order = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
    text = "".join(_base64(final[a] << 16 | final[b] << 8 | final[c], 4) for a, b, c in order)
    return f"$1${salt}${text}{_base64(final[11], 2)}"


def _base64(value: int, count: int) -> str:
    return "".join(_ITOA[value >> 6 * place & 63] for place in range(count))


@define
class Guesses:
    """Counts wrong passwords per name and address, and remembers for a while which were right.

    What is remembered is a keyed digest, with a key that lives as long as the process.
    """

    _key: bytes = field(factory=lambda: secrets.token_bytes(32))
    _right: dict[bytes, float] = field(factory=dict)
    _wrong: dict[tuple[str, str], tuple[int, float]] = field(factory=dict)
    _refused: dict[bytes, float] = field(factory=dict)

    def slow_down(self, name: str, address: str, now: float) -> None:
        """Raise `NotAuthenticated` when there were too many wrong tries; nothing is computed for such a call."""
        count, since = self._wrong.get((name, address), (0, now))
        if count >= _FAILURES and now - since < _FORGET:
            wait = max(1, round(since + _FORGET - now))
            raise NotAuthenticated(f"too many wrong passwords for {name} from {address}; try again in {wait} s")

    def known(self, stored: str, password: str, now: float) -> bool:
        """Whether this password was found right a short while ago."""
        until = self._right.get(self._digest(stored, password), 0.0)
        return now < until

    def refuse(self, stored: str, password: str, now: float) -> None:
        """Remember for a moment that it was wrong, for the call that waits for this answer."""
        if len(self._refused) >= _MOST:
            self._refused.clear()
        self._refused[self._digest(stored, password)] = now + _REMEMBER

    def known_wrong(self, stored: str, password: str, now: float) -> bool:
        """Whether this password was found wrong a short while ago."""
        return now < self._refused.get(self._digest(stored, password), 0.0)

    def right(self, stored: str, password: str, name: str, address: str, now: float) -> None:
        """Remember that it was right."""
        if len(self._right) >= _MOST:
            self._right.clear()
        self._right[self._digest(stored, password)] = now + _REMEMBER
        self._wrong.pop((name, address), None)

    def wrong(self, name: str, address: str, now: float) -> None:
        """Count a wrong one."""
        count, since = self._wrong.get((name, address), (0, now))
        if now - since >= _FORGET:
            count, since = 0, now
        if len(self._wrong) >= _MOST:
            self._wrong.clear()
        self._wrong[name, address] = (count + 1, since)

    def _digest(self, stored: str, password: str) -> bytes:
        return hashlib.blake2b(f"{stored}\0{password}".encode(), key=self._key, digest_size=32).digest()
