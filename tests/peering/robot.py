"""A peer that holds its true key and misbehaves: what it tells, in a thousand wrong ways, the same for one seed."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from planetlab import keys
from tests.peering.ground import Static

Objects = dict[str, Any]
Bend = Callable[[random.Random, Objects], None]

NUMBERS = ("site_id", "key_id", "person_id", "node_id", "slice_id")
PLURALS = dict(zip(("Sites", "Keys", "Persons", "Nodes", "Slices"), NUMBERS, strict=True))
PAYLOADS = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'; DROP TABLE nodes; --", "\x1b[2J\x1b]0;own\x07",
    "=cmd|' /C calc'!A0", "\x00", "a\nb", "\u202egpj.exe", "../../etc/passwd", "${jndi:ldap://x}", "%n%s%n", "{{7*7}}",
    "\ud800", "é" * 300, "", " ", "x" * 70_000,
)  # fmt: skip
VALUES = (
    *(None, True, False, -1, 0, 2**31, 2**63, 10**40, -(2**63), 1.5, 1e308, "", "9999", "x", [], {}, [[]], [None]),
    *({"a": {"b": {"c": []}}}, ["x"] * 50, 253402300799, 4102444800),
)
OURS = {
    "login_base": ("princeton", "plc", "pl"),
    "hostname": ("n1.princeton.example", "N1.PRINCETON.EXAMPLE", "n1.princeton.example."),
    "email": ("root@plc.example", "pi@princeton.example", "maint@localhost.localdomain"),
    "name": ("princeton_one", "plc_netflow", "pl_sirius", "princeton_", "_", "PRINCETON_one", "prіnceton_one"),
}
"""Names that are ours, or pretend to be."""


def honest() -> Objects:
    """What the peer tells as long as it behaves: a site, persons, keys, nodes and slices that hang together."""
    site = {"site_id": 1, "name": "Evil U", "abbreviated_name": "Evil", "login_base": "evil", "is_public": True,
            "enabled": True, "max_slices": 10, "max_slivers": 1000, "latitude": 1.0, "longitude": 2.0,
            "url": "http://e/"}  # fmt: skip
    found: Objects = {"Sites": [site], "Keys": [], "Persons": [], "Nodes": [], "Slices": []}
    for number in range(1, 5):
        found["Keys"].append({"key_id": number, "key_type": "ssh", "key": f"ssh-rsa AAAAB3NzaC1yc2E{number}= u"})
        person = {"person_id": number, "first_name": "E", "last_name": "V", "email": f"u{number}@evil.example",
                  "enabled": True, "key_ids": [number], "site_ids": [1], "role_ids": [30]}  # fmt: skip
        node = {"node_id": number, "hostname": f"n{number}.evil.example", "site_id": 1, "boot_state": "boot",
                "node_type": "regular", "verified": False, "run_level": "boot"}  # fmt: skip
        one = {"slice_id": number, "name": f"evil_s{number}", "site_id": 1, "instantiation": "plc-instantiated",
               "url": "http://e/", "description": "d", "max_nodes": 100, "creator_person_id": 1, "expires": 2**31 - 1,
               "node_ids": [1, 2], "person_ids": [1, 2]}  # fmt: skip
        found["Persons"].append(person)
        found["Nodes"].append(node)
        found["Slices"].append(one)
    return found


def _row(by: random.Random, said: Objects) -> tuple[str, dict[str, Any]]:
    plural = by.choice([name for name in PLURALS if said[name]])
    return plural, by.choice(said[plural])


def _any_value(by: random.Random, said: Objects) -> None:
    """Some field has a value of any kind."""
    for _ in range(by.randint(1, 4)):
        _, row = _row(by, said)
        row[by.choice(list(row))] = copy.deepcopy(by.choice(VALUES))


def _payload(by: random.Random, said: Objects) -> None:
    """Every text of some object carries something for somebody's parser."""
    _, row = _row(by, said)
    for name, value in row.items():
        if isinstance(value, str):
            row[name] = by.choice(PAYLOADS)


def _our_names(by: random.Random, said: Objects) -> None:
    """It says that names of ours are its own."""
    name = by.choice(list(OURS))
    plural = {"login_base": "Sites", "hostname": "Nodes", "email": "Persons", "name": "Slices"}[name]
    by.choice(said[plural])[name] = by.choice(OURS[name])


def _numbers(by: random.Random, said: Objects) -> None:
    """Two objects have one number, or a number is none."""
    plural, row = _row(by, said)
    row[PLURALS[plural]] = by.choice((1, 2, 0, -5, 2**31, True, "1", None, 3.0))


def _links(by: random.Random, said: Objects) -> None:
    """Links lead to what is not there, or is not its own."""
    for row in (*said["Persons"], *said["Slices"]):
        for name in ("key_ids", "site_ids", "role_ids", "node_ids", "person_ids"):
            if name in row and by.random() < 0.5:
                row[name] = by.choice(([10, 20, 30, 40], [-1], [999], "1", [1, 1, 1], [True], [[1]], None, {}, [1.0]))


def _missing(by: random.Random, said: Objects) -> None:
    """Fields are not there."""
    _, row = _row(by, said)
    for name in by.sample(list(row), by.randint(1, len(row))):
        del row[name]


def _more(by: random.Random, said: Objects) -> None:
    """Fields are there that are not the peer's to say."""
    _, row = _row(by, said)
    row |= {"peer_id": None, "password": "x", "deleted": True, "session": "x", "verification_key": "x", "node_key": "x",
            "is_blacklisted": False, "roles": ["admin"],
            "hrn": by.choice(("plc.princeton.one", "plc", "evil.x", "", 7))}  # fmt: skip


def _shapes(by: random.Random, said: Objects) -> None:
    """A list is none, a row is none, a kind is missing or unheard of."""
    name = by.choice(list(PLURALS))
    by.choice(
        (
            lambda: said.update({name: by.choice(VALUES)}),
            lambda: said.pop(name),
            lambda: said[name].append(by.choice(VALUES)),
            lambda: said.update({"Peers": [{}], "ConfFiles": [{"file": "/etc/shadow"}]}),
        )
    )()


def _many(by: random.Random, said: Objects) -> None:
    """There are very many of them."""
    plural = by.choice(("Sites", "Nodes", "Persons", "Slices"))
    row, key = said[plural][0], PLURALS[plural]
    unique = {"Sites": "login_base", "Nodes": "hostname", "Persons": "email", "Slices": "name"}[plural]
    said[plural] = [{**row, key: n, unique: f"{row[unique]}{n}"} for n in range(1, by.choice((12_000, 60_000)))]


def _few(by: random.Random, said: Objects) -> None:
    """Most of it is gone, until the next time."""
    for name in by.sample(list(PLURALS), by.randint(1, 5)):
        said[name] = said[name][: by.randint(0, 1)]


def _keys(by: random.Random, said: Objects) -> None:
    """All persons share a key, or have that of one of ours, or none at all."""
    text = by.choice(("ssh-rsa AAAAB3NzaC1yc2E= pi@princeton", "x", "ssh-rsa " + "A" * 9000, "ssh-rsa A\nssh-rsa B"))
    for row in said["Keys"]:
        row["key"] = text


def _times(by: random.Random, said: Objects) -> None:
    """Slices end in ways that are no time."""
    for row in said["Slices"]:
        row["expires"] = by.choice((253402300799, -1, 0, True, None, "tomorrow", 1e300, 2**31, 2**31 - 1, 1))


BENDS: tuple[Bend, ...] = (
    _any_value, _any_value, _any_value, _payload, _payload, _our_names, _our_names, _numbers, _links, _missing, _more,
    _shapes, _few, _keys, _times,
)  # fmt: skip
RARE: tuple[Bend, ...] = (_many,)


@frozen
class Deed:
    """One misbehaviour: what it is, and doing it."""

    name: str
    do: Callable[[Static], None]


def deeds(count: int, seed: int = 8) -> Iterator[Deed]:
    """So many misbehaviours, of the objects that it tells, of the files that tell them, of its statement."""
    by = random.Random(seed)
    for number in range(count):
        if number % 10 == 9:
            name, what = by.choice(PAPERS)
            yield Deed(f"{number} {name}", what)
        else:
            bends = by.sample(BENDS, by.randint(1, 3)) if number % 250 != 100 else [RARE[0]]
            said = honest()
            for bend in bends:
                _carefully(bend, by, said)
            names = " and ".join(bend.__name__.strip("_") for bend in bends)
            yield Deed(f"{number} {names}", lambda static, said=said: _tell(static, said))


def _carefully(bend: Bend, by: random.Random, said: Objects) -> None:
    """Bend what can still be bent: another may have bent it out of shape."""
    try:
        bend(by, said)
    except (AttributeError, IndexError, KeyError, TypeError):
        said.setdefault("Sites", [])


def _tell(static: Static, said: Objects) -> None:
    static.objects = said
    static.version += 1
    static.say()


def _raw(static: Static, data: bytes) -> None:
    _tell(static, honest())
    static.pages["objects.json"] = data


def _older(static: Static) -> None:
    static.say(version=max(1, static.version - 3))


def _other_bytes(static: Static) -> None:
    static.say(name=f"{static.version} said twice", refresh_hint=77)


def _not_its_key(static: Static) -> None:
    static.version += 1
    static.say(signing=keys.new_p256())


PAPERS: tuple[tuple[str, Callable[[Static], None]], ...] = (
    ("older statement", _older),
    ("two statements of one version", _other_bytes),
    ("signed by another key", _not_its_key),
    ("statement that is over", lambda static: _said(static, issued=static.now - 99, expires=static.now - 9)),
    ("statement for ever", lambda static: _said(static, expires=static.now + 9e9)),
    ("statement of another", lambda static: static.pages.update({"statement.json": b"{}"})),
    ("statement cut off", lambda static: _cut(static, "statement.json")),
    ("statement missing", lambda static: static.pages.pop("statement.json", None) and None),
    ("objects cut off", lambda static: _tell(static, honest()) or _cut(static, "objects.json")),
    ("objects swapped", lambda static: _raw(static, json.dumps({"Sites": []}).encode())),
    ("objects that nest", lambda static: _raw(static, b"[" * 100_000)),
    ("objects of no text", lambda static: _raw(static, b"\xff\xfe\x00")),
    ("objects that are not there", lambda static: _tell(static, honest()) or static.pages.pop("objects.json") and None),
    ("objects that are a number", lambda static: _tell(static, 7)),  # type: ignore[arg-type]  # that is what it does
    ("objects that are nothing", lambda static: _tell(static, {})),
)  # fmt: skip


def _said(static: Static, **more: Any) -> None:
    static.version += 1
    static.say(**more)


def _cut(static: Static, name: str) -> None:
    static.pages[name] = static.pages[name][: len(static.pages[name]) // 2]
