"""Interfaces of a node, added, changed and deleted at random, beside a model of the original's rules for them."""

import random
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import Campus
from tests.registry.world import ADMIN

IPS = [None, "", "192.0.2.5", "192.0.2.200", "198.51.100.7", "2001:db8::1", "bad", "10.1"]
METHODS = ["static", "dhcp", "proxy", "tap", "ipmi", "unknown"]
ADDRESSES = ("ip", "gateway", "network", "netmask", "broadcast", "dns1", "dns2")
POOL: dict[str, list[Any]] = {
    "ip": IPS, "gateway": IPS, "dns1": IPS, "dns2": IPS, "method": [*METHODS, "dream"],
    "type": ["ipv4", "ipv4", "ipv4", "ipv6", ""], "is_primary": [True, False],
    "network": [None, "", "192.0.2.0", "198.51.100.0", "bad", "0.0.0.0"],
    "netmask": [None, "", "255.255.255.0", "255.255.255.128", "0.0.0.0", "bad"],
    "broadcast": [None, "", "192.0.2.255", "198.51.100.255", "bad"], "mac": [None, "", "2:0:0:0:0:1", "bad"],
    "bwlimit": [None, 0, 1, 500_000, 2**31 - 1, -1], "hostname": [None, "", "A.b.org", "bad"],
}  # fmt: skip
GOOD = {
    "ip": "192.0.2.9", "network": "192.0.2.0", "netmask": "255.255.255.0", "broadcast": "192.0.2.255",
    "gateway": "192.0.2.1", "dns1": "192.0.2.53", "type": "ipv4",
}  # fmt: skip
NEEDS = {"proxy": ("ip",), "tap": ("ip", "gateway"), "ipmi": ("ip",)}


def is_address(text: str) -> bool:
    """Whether the C library takes it."""
    for family, read in ((socket.AF_INET, lambda: socket.inet_aton(text)), (socket.AF_INET6, None)):
        try:
            read() if read else socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def number(text: str) -> int:
    """An IPv4 address as a number. Raises `OSError`."""
    return int.from_bytes(socket.inet_aton(text), "big")


def works(row: dict[str, Any], others: list[dict[str, Any]], types: set[str]) -> bool:
    """Whether the original takes an interface with these fields beside ``others`` of the node."""
    method = row.get("method")
    said = {name: value for name, value in row.items() if value}
    if (
        method not in METHODS
        or row.get("type") not in types
        or not all(is_address(said[name]) for name in ADDRESSES if name in said)
        or "bad" in (row.get("mac"), row.get("hostname"))
        or 0 < (row.get("bwlimit") or 0) < 500_000
        or (row.get("bwlimit") or 0) < 0
        or ("is_primary" in said and any(other.get("is_primary") for other in others))
        or (method in ("proxy", "tap") and "mac" in said)
        or not said.keys() >= set(NEEDS.get(str(method), ()))
    ):
        return False
    if method == "static" and row["type"] == "ipv6":
        return {"ip", "gateway"} <= said.keys()
    return method != "static" or is_on_its_network(said)


def is_on_its_network(said: dict[str, Any]) -> bool:
    """Whether a static IPv4 interface says what it must, and its addresses belong together."""
    if not said.keys() >= {"ip", "network", "broadcast", "netmask"} | (
        {"gateway", "dns1"} if "is_primary" in said else set()
    ):
        return False
    try:
        mask, there = number(said["netmask"]), number(said["network"])
        return all(not (number(said[name]) ^ there) & mask for name in ("ip", "broadcast", "gateway") if name in said)
    except OSError:
        return False


class InterfaceModel(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus, self.chance = Campus(), random.Random(2004)
        self.node = self.campus.ids["reservable"]

    def fields(self, new: bool) -> dict[str, Any]:
        share = 0.7 if new and self.chance.random() < 0.5 else 0.15
        odd = {name: self.chance.choice(pool) for name, pool in POOL.items() if self.chance.random() < share}
        good = {**GOOD, "method": self.chance.choice(METHODS)} if new else {}
        return {**odd, **good} if self.chance.random() < 0.6 else {**good, **odd}

    def tried(self, method: str, key: int, fields: dict[str, Any]) -> int:
        code, made = self.campus.told("admin", method, key, fields)
        return -code or int(made)

    def step(self, there: dict[int, dict[str, Any]], types: set[str]) -> bool:
        """Add or change one; whether it was taken."""
        key = self.chance.choice([0, *there])
        fields = self.fields(new=not key)
        first = {} if there else {"is_primary": True}
        row = {**there[key], **fields} if key else {**fields, **first}
        others = [other for number, other in there.items() if number != key]
        got = self.tried("UpdateInterface" if key else "AddInterface", key or self.node, fields)
        expected = works(row, others, types)
        self.assertEqual(expected or -102, got > 0 or got, (key, fields, others))
        if expected:
            there[key or got] = row
        return expected

    def test_what_the_original_takes_is_taken_and_told_and_nothing_else(self) -> None:
        taken = 0
        for types in ({"ipv4"}, {"ipv4", "ipv6"}) * 5:
            self.campus.fresh()
            if "ipv6" in types:
                self.campus.call("AddNetworkType", ADMIN, "ipv6")
            there: dict[int, dict[str, Any]] = {}
            for _ in range(20):
                taken += self.step(there, types)
                if len(there) > 3:
                    gone = self.chance.choice([*there])
                    self.assertEqual(1, self.campus.call("DeleteInterface", ADMIN, gone))
                    del there[gone]
            for row in self.campus.call("GetInterfaces", ADMIN, {"node_id": self.node}):
                said = there.pop(row["interface_id"])
                said = {**said, "mac": "02:00:00:00:00:01"} if said.get("mac") else said
                self.assertEqual(said, {name: row[name] for name in said})
            self.assertEqual({}, there)
        self.assertGreater(taken, 40)
