"""What things are called, and the only place where names are taken apart."""

import re
from collections.abc import Iterable

from attrs import field, frozen

from planetlab.errors import BadArgument

_SLICE_NAME = re.compile(r"(?P<site>[a-z0-9.]+)_(?P<label>[a-zA-Z0-9_.]+)", re.ASCII)
_LOGIN_BASE = re.compile(r"[a-z0-9.]+", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_TOP_LABEL = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+", re.ASCII)
_EMAIL = re.compile(r"[a-zA-Z0-9_.+%=-]+@[a-zA-Z0-9._-]*[a-zA-Z0-9_-]", re.ASCII)
_COMPONENT = re.compile(r"[A-Za-z0-9_.@+-]+", re.ASCII)
_URN_PART = re.compile(r"[!-~]([ -~]*[!-~])?", re.ASCII)  # what can be printed, ASCII alone: no look-alikes
_AT_PLAIN_DOTS = re.compile(r"(?<!\\)\.")

MOST_BYTES = 64  # of a slice name, as PLCAPI since 5.3
MOST_HRN = 255  # characters of a printed hrn; deeper trees than any testbed had
MOST_URN = 1024  # characters of a printed URN: an hrn whose every character is escaped, and more


def _must(ok: bool, said: object, kind: str, expected: str) -> None:
    if not ok:
        shown = said if len(repr(said)) <= 80 else repr(said)[:77] + "..."
        raise BadArgument(f"{shown!r} is no {kind}: expected {expected}")


@frozen(order=True)
class Hrn:
    """A human-readable name: authorities from the root down, then the thing itself.

    A dot inside a component is printed as ``\\.``.

    >>> Hrn.parse(r"plc.cornell.n1\\.cs\\.cornell\\.edu").path
    ('plc', 'cornell', 'n1.cs.cornell.edu')
    """

    path: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Hrn":
        """Read a name off the wire. Raises `BadArgument`, which says what a name looks like."""
        expected = r"components joined by dots, like plc.princeton.codeen (a dot inside one is \.)"
        _must(isinstance(text, str) and 0 < len(text) <= MOST_HRN, text, "hrn", expected)
        parts = tuple(part.replace(r"\.", ".") for part in _AT_PLAIN_DOTS.split(text))
        _must(all(_COMPONENT.fullmatch(part) for part in parts), text, "hrn", expected)
        return cls(parts)

    @property
    def authority(self) -> "Hrn":
        """The authority one step up; the empty name above a root."""
        return Hrn(self.path[:-1])

    @property
    def leaf(self) -> str:
        """The last component."""
        return self.path[-1]

    def governs(self, other: "Hrn") -> bool:
        """Whether ``other`` is this name or lies below it; ``plc.a`` does not govern ``plc.ab``."""
        return bool(self.path) and other.path[: len(self.path)] == self.path

    def child(self, *leaf: str) -> "Hrn":
        """The name ``leaf`` below this one."""
        return Hrn(self.path + leaf)

    def __str__(self) -> str:
        return ".".join(part.replace(".", r"\.") for part in self.path)


@frozen(order=True)
class SliceName:
    """A slice's name: its site's login base, an underscore, a label.

    >>> SliceName.parse("princeton_codeen_beta").hrn(Hrn(("plc",)))
    Hrn(path=('plc', 'princeton', 'codeen_beta'))
    """

    site: str
    label: str

    @classmethod
    def parse(cls, text: str) -> "SliceName":
        """Read a name off the wire. Raises `BadArgument`, which says what a name looks like."""
        match = _SLICE_NAME.fullmatch(text) if isinstance(text, str) and len(text) <= MOST_BYTES else None
        if match is None:
            _must(False, text, "slice name", f"site_label, like princeton_codeen, at most {MOST_BYTES} characters")
            raise AssertionError  # unreachable: _must has raised
        return cls(**match.groupdict())

    @classmethod
    def of(cls, hrn: Hrn) -> "SliceName":
        """The slice that ``hrn`` (root.site.label) names. Raises `BadArgument` for a name that is no slice's."""
        _must(len(hrn.path) >= 3, str(hrn), "slice's hrn", "authority.site.label, like plc.princeton.codeen")
        return cls.parse(f"{hrn.path[-2]}_{hrn.path[-1]}")

    def hrn(self, root: Hrn) -> Hrn:
        """The slice's name in the federation, under its site's authority."""
        return root.child(self.site, self.label)

    def __str__(self) -> str:
        return f"{self.site}_{self.label}"


@frozen(order=True)
class LoginBase:
    """A site's short name, the part of its slices' names before the underscore: ``princeton``."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "LoginBase":
        """Read a login base: 1 to 32 of ``a-z 0-9 .``. Raises `BadArgument`."""
        fits = isinstance(text, str) and len(text) <= 32 and bool(_LOGIN_BASE.fullmatch(text))
        _must(fits, text, "login base", "1 to 32 characters of a-z, 0-9 and dot, like princeton")
        return cls(text)

    def __str__(self) -> str:
        return self.text


@frozen(order=True)
class Hostname:
    """A machine's DNS name, lower case, at least two labels.

    >>> str(Hostname.parse("PlanetLab1.CS.Princeton.edu"))
    'planetlab1.cs.princeton.edu'
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> "Hostname":
        """Read a host name. Raises `BadArgument`."""
        labels = text.lower().split(".") if isinstance(text, str) and len(text) <= 255 else []
        fits = len(labels) >= 2 and all(map(_LABEL.fullmatch, labels)) and bool(_TOP_LABEL.fullmatch(labels[-1]))
        _must(fits, text, "host name", "at least two labels of a-z, 0-9 and -, like planetlab1.cs.princeton.edu")
        return cls(text.lower())

    def hrn(self, site: Hrn) -> Hrn:
        """The node's name in the federation, under its site's authority."""
        return site.child(self.text)

    def __str__(self) -> str:
        return self.text


@frozen(order=True)
class Email:
    """A person's address, kept as written; compared in lower case where PLC compares it so."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "Email":
        """Read an address of at most 254 bytes. Raises `BadArgument`."""
        fits = isinstance(text, str) and len(text) <= 254 and bool(_EMAIL.fullmatch(text))
        _must(fits, text, "e-mail address", "name@host, like pi@princeton.edu")
        return cls(text)

    def hrn(self, site: Hrn) -> Hrn:
        """The person's name in the federation: the local part, ``.`` and ``+`` as ``_`` (as PLCAPI writes it)."""
        return site.child(re.sub(r"[^A-Za-z0-9_-]", "_", self.text.partition("@")[0]))

    def __str__(self) -> str:
        return self.text


# Text to URN after RFC 3151, in this order, as the GENI clearinghouse does; undone in the reverse order.
_TRANSCRIBED = (
    ("%", "%25"), (";", "%3B"), ("+", "%2B"), (" ", "+"), ("#", "%23"), ("?", "%3F"),
    ("'", "%27"), ("::", ";"), (":", "%3A"), ("//", ":"), ("/", "%2F"),
)  # fmt: skip
_PREFIX = "urn:publicid:IDN"


@frozen(order=True)
class Urn:
    """A name in URN form: the authority's components, a type, a name.

    >>> str(Urn.of(Hrn.parse("plc.cornell.cobweb"), "slice"))
    'urn:publicid:IDN+plc:cornell+slice+cobweb'
    """

    authority: tuple[str, ...]
    kind: str
    name: str = field(default="")

    @classmethod
    def of(cls, hrn: Hrn, kind: str) -> "Urn":
        """The URN of the thing of this ``kind`` that ``hrn`` names; an authority's own name is ``sa``."""
        if kind == "authority":
            return cls(hrn.path, kind, "sa")
        return cls(hrn.authority.path, kind, hrn.leaf)

    @classmethod
    def parse(cls, text: str) -> "Urn":
        """Read a URN; the prefix in any case, the rest exactly. Raises `BadArgument`.

        What would not be read again as it is printed is no URN: blanks, which are printed as the sign between parts,
        and signs that stand for others and are not transcribed.
        """
        expected = f"{_PREFIX}+authority+type+name, like {_PREFIX}+plc:cornell+slice+cobweb"
        _must(isinstance(text, str) and text.lower().startswith(_PREFIX.lower() + "+"), text, "URN", expected)
        parts = text.split("+")
        _must(len(text) <= MOST_URN and len(parts) == 4 and all(parts), text, "URN", expected)
        authority = tuple(map(_plain, parts[1].split(":")))
        found = cls(authority, _plain(parts[2]), _plain(parts[3]))
        _must(all(map(_URN_PART.fullmatch, (*authority, found.kind, found.name))), text, "URN", expected)
        _must(found._is_read_again(), text, "URN", expected)
        return found

    def _is_read_again(self) -> bool:
        parts = str(self).split("+")
        said = (
            tuple(map(_plain, part.split(":"))) if number == 1 else _plain(part) for number, part in enumerate(parts)
        )
        return [*said][1:] == [self.authority, self.kind, self.name]

    @property
    def hrn(self) -> Hrn:
        """The name in dotted form; of a sliver without the number that may stand behind a colon."""
        if self.kind == "authority":
            return Hrn(self.authority)
        return Hrn((*self.authority, self.name.partition("//")[0] if self.kind == "sliver" else self.name))

    def __str__(self) -> str:
        authority = ":".join(map(_transcribed, self.authority))
        return "+".join((_PREFIX, authority, _transcribed(self.kind), _transcribed(self.name)))


def _transcribed(text: str) -> str:
    for plain, coded in _TRANSCRIBED:
        text = text.replace(plain, coded)
    return text


def _plain(text: str) -> str:
    for plain, coded in reversed(_TRANSCRIBED):
        text = text.replace(coded, plain)
    return text


def longest_governing(names: Iterable[Hrn], below: Hrn) -> Hrn | None:
    """Of ``names`` the deepest that governs ``below``, or None."""
    return max((name for name in names if name.governs(below)), key=lambda name: len(name.path), default=None)


_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "-": "", "_": "", ".": "", "@": "", "+": ""})


def skeleton(name: Hrn) -> tuple[str, ...]:
    """What is left of a name once case, separators and look-alike characters are put aside.

    Two names with one skeleton are taken for each other by people who read them: an authority certifies one of them.

    >>> skeleton(Hrn.parse("plc.japan")) == skeleton(Hrn.parse("PLC.Jap-an"))
    True
    """
    return tuple(part.casefold().translate(_LOOKS).replace("rn", "m").replace("vv", "w") for part in name.path)
