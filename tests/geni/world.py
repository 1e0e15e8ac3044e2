"""A PLC in memory with its GENI interfaces: callers show certificates, each interface has its dialect."""

from typing import Any
from xmlrpc.client import Fault

from planetlab.calls import Call, dispatch
from planetlab.errors import PlanetLabError
from planetlab.methods import Api, Role
from planetlab.presented import Presented
from slice_authority.geni import am2, am3, clearinghouse, dialects, ma, protogeni, sa, sr
from slice_authority.sfa.places import Places
from slice_authority.sfa.visitor import Visitor
from tests.registry.world import ADMIN
from tests.sfa.world import SfaWorld, by_itself, ssh

PLC = "urn:publicid:IDN+plc"
PROJECT = f"{PLC}+project+princeton"
CODEEN = f"{PLC}:princeton+slice+codeen"
USER, PI = f"{PLC}:princeton+user+user", f"{PLC}:princeton+user+pi"
PLACES = Places(host="plc.example", registry="https://plc.example:12345/", aggregate="https://plc.example:12346/")


class GeniWorld(SfaWorld):
    """As `SfaWorld`; the tech has a key, too, and the administrator."""

    interfaces: dict[str, tuple[Api, Any]] = {
        "sa": (sa.api, dialects.Federation()),
        "ma": (ma.api, dialects.Federation()),
        "sr": (sr.api, dialects.Federation()),
        "ch": (clearinghouse.api, dialects.Bare()),
        "pg": (protogeni.api, protogeni.ProtoGeni()),
        "am1": (am2.first, dialects.Bare()),
        "am2": (am2.api, dialects.Geni(2)),
        "am3": (am3.api, dialects.Geni(3)),
    }

    def __init__(self, **plc: Any) -> None:
        super().__init__(**{"sfa_places": PLACES, **plc})
        self.call("AddPersonKey", self.tech, "tech@princeton.example", {"key_type": "ssh", "key": ssh("tech")})
        self.call("AddPersonKey", ADMIN, ADMIN["Username"], {"key_type": "ssh", "key": ssh("admin") + " root@plc"})

    def said(self, who: str | Presented | None, interface: str, name: str, *args: Any) -> Any:
        """What goes over the wire to a call: a value, or a `Fault`."""
        api, dialect = self.interfaces[interface]
        shown = by_itself(who) if isinstance(who, str) else who
        calls: list[Call] = []

        def greet(of: Any, given: tuple[Any, ...]) -> Call:
            visitor, roles = Visitor(shown), frozenset({Role.ANONYMOUS})
            calls.append(self.desk.greet_by(lambda s: Call(visitor, roles, s, s.now, of.name, "192.0.2.9")))
            return calls[-1]

        try:
            method = api.find(name)
            return dialect.answer(self.desk.run_now(method, lambda: dispatch(api, name, args, greet)))
        except PlanetLabError as error:
            return dialect.refuse(error, name, calls[-1] if calls else None)

    def value(self, who: str | Presented | None, interface: str, name: str, *args: Any) -> Any:
        """The value of a call that must succeed."""
        said = self.said(who, interface, name, *args)
        assert not isinstance(said, Fault), said
        if isinstance(said, dict) and "code" in said:
            code = said["code"]["geni_code"] if isinstance(said["code"], dict) else said["code"]
            assert code == 0, said
            return said["value"]
        return said

    def code(self, who: str | Presented | None, interface: str, name: str, *args: Any) -> int:
        """The code of a call that must fail."""
        said = self.said(who, interface, name, *args)
        if isinstance(said, Fault):
            return said.faultCode
        code = said["code"]["geni_code"] if isinstance(said["code"], dict) else said["code"]
        assert code, f"{name} was not refused but answered {said['value']!r:.300}"
        assert said["output"], name
        return int(code)

    def credential(self, who: str, urn: str = CODEEN) -> list[dict[str, str]]:
        """The credentials that a person shows to an aggregate, got at the authority's services."""
        service = "ma" if "+user+" in urn else "sa"
        found: list[dict[str, str]] = self.value(who, service, "get_credentials", urn, [], {})
        return found

    def text(self, who: str, urn: str = CODEEN) -> list[str]:
        """As `credential`, as clients of version 2 hand them in."""
        return [one["geni_value"] for one in self.credential(who, urn)]
