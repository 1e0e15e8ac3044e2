"""The whole story, played over the same interfaces that anybody has, each step with its time.

A PI makes a slice, a user is put in it, its ticket is fetched and brought to every node, the slivers send packets, each
node's audit page names the slice to a stranger; slices of a child authority and of an independent one do the same on a
node of plc; then all is given back and is gone.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import treq
from attrs import define, field
from twisted.internet.task import deferLater

from planetlab.ask import Ask, Password
from planetlab.cli.network import STRANGER
from planetlab.cli.plan import WORK
from planetlab.cli.redeem import create, delete, redeem
from planetlab.cli.say import Voice
from planetlab.errors import PeerError, PlanetLabError

LOOK_EVERY = 0.3  # seconds between two looks at a page
PATIENCE = 15.0  # seconds for a page to name a slice, or for a sliver to be gone
RECOVERY = 15.0  # seconds for which a step that fails is played again


class StoryFailed(PlanetLabError):
    """A step of the story did not come out as told."""


def expect(ok: bool, said: str) -> None:
    """Raise `StoryFailed` with what was seen unless ``ok``."""
    if not ok:
        raise StoryFailed(said)


@define
class Step:
    """A step that was played: what it was, how long it took, what was seen."""

    name: str
    seconds: float
    seen: str
    ok: bool = True


@define(eq=False)
class Story:
    """One playing of the story on the federation that ``facts`` describe."""

    facts: Mapping[str, Any]
    reactor: Any
    voice: Voice
    label: str
    is_wanted: Callable[[], bool] = field(default=lambda: True)  # false once whoever plays has been told to end
    steps: list[Step] = field(factory=list)
    slice_of: dict[str, str] = field(factory=dict)
    tickets: dict[str, bytes] = field(factory=dict)
    rcaps: dict[tuple[str, str], str] = field(factory=dict)

    def api(self, authority: str, person: str) -> Ask:
        """An authority's PLC API, called as one of its persons."""
        known = self.facts["authorities"][authority]
        who = known["persons"][person]
        auth = Password(who["Username"], who["AuthString"])
        return Ask(known["plcapi"], ca=known["ca"], auth=auth, reactor=self.reactor, keyed=True)

    def bare(self, url: str) -> Ask:
        """A client of a node's interface."""
        return Ask(url, reactor=self.reactor)

    @property
    def nodes(self) -> dict[str, Mapping[str, Any]]:
        """The nodes of plc."""
        return {name: node for name, node in self.facts["nodes"].items() if node["authority"] == "plc"}

    async def play(self) -> bool:
        """Play every step; whether all came out well. What fails ends the story, but what was made is given back."""
        parts: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("a PI of plc makes a delegated slice with a user", self.make_slices),
            ("its user fetches the signed ticket", self.fetch_tickets),
            ("the ticket is redeemed on every node of plc", self.redeem_everywhere),
            ("a slice of plc.japan comes to a node of plc by the chain of certificates", self.redeem_japan),
            ("a slice of epfl comes to a node whose owner trusts epfl with a small share", self.redeem_epfl),
            ("a forged ticket is refused with its reason", self.refuse_forged),
            ("every node's audit page names the slice that sent packets to a stranger", self.audit_names_slice),
            ("the audit page of that one node names all three", self.audit_names_foreign),
        ]
        well = all([await self.step(*part) for part in parts if self.is_well])
        ending = await self.step("the slices are deleted and nothing of them sends any more", self.give_back)
        return well and ending

    @property
    def is_well(self) -> bool:
        """Whether every step so far came out as told."""
        return all(step.ok for step in self.steps)

    async def step(self, name: str, part: Callable[[], Awaitable[str]]) -> bool:
        """Play one step and tell it.

        A step that fails is played again for a while: each does only what is not done yet, so that a service which
        died and was started again meanwhile does not end the story.
        """
        began = time.monotonic()
        while True:
            try:
                seen, ok = await part(), True
            except PlanetLabError as error:
                seen, ok = str(error), False
            if ok or time.monotonic() > began + RECOVERY or not self.is_wanted():
                break
            await deferLater(self.reactor, LOOK_EVERY)
        self.steps.append(Step(name, time.monotonic() - began, seen, ok))
        self.voice.line(f"{'ok  ' if ok else 'FAIL'} {self.steps[-1].seconds:5.2f} s  {name}: {seen}")
        return ok

    async def make_slices(self) -> str:
        """One slice at each authority, by the v3 calls, with its user."""
        for authority, site in (("plc", "princeton"), ("plc.japan", "tokyo"), ("epfl", "lausanne")):
            self.slice_of[authority] = f"{site}_{self.label}"
            await self._make_slice(self.api(authority, "pi"), authority, self.slice_of[authority])
        return ", ".join(self.slice_of.values())

    async def _make_slice(self, pi: Ask, authority: str, name: str) -> None:
        if not await pi.call("GetSlices", [name], ["name"]):
            await pi.call("SliceCreate", name)
        await pi.call("SliceSetInstantiationMethod", name, "delegated")
        about = "Plays the demo's story: a few packets a second to one address that is nobody's."
        await pi.call("SliceUpdate", name, "http://story.example/", about)
        if not await pi.call("GetSliceTags", {"name": name, "tagname": "initscript_code"}, ["value"]):
            await pi.call("AddSliceTag", name, "initscript_code", WORK)
        user = self.facts["authorities"][authority]["persons"]["user"]["Username"]
        if user not in await pi.call("SliceUsersList", name):
            await pi.call("SliceUsersAdd", name, [user])

    async def fetch_tickets(self) -> str:
        """The tickets, as the slices' users get them."""
        for authority, name in self.slice_of.items():
            ticket = await self.api(authority, "user").call("SliceGetTicket", name)
            expect(isinstance(ticket, str) and "Signature" in ticket, f"no signed ticket: {ticket!r:.80}")
            self.tickets[authority] = ticket.encode()
        return f"{len(self.tickets['plc'])} bytes, signed by plc"

    async def redeem_everywhere(self) -> str:
        """The slice of plc on all nodes of plc at once."""
        urls = {name: node["pl_conf"] for name, node in self.nodes.items()}
        outcomes = await redeem(urls, self.tickets["plc"], self.bare)
        refused = [outcome.line for outcome in outcomes if not outcome.ok]
        expect(not refused, "; ".join(refused))
        self.rcaps.update({("plc", outcome.node): outcome.rcap for outcome in outcomes})
        return f"{len(outcomes)} slivers, slowest {max(outcome.seconds for outcome in outcomes):.2f} s"

    async def redeem_japan(self) -> str:
        """The child's slice on the first node."""
        return await self._redeem_on_first("plc.japan")

    async def redeem_epfl(self) -> str:
        """The independent authority's slice on the first node."""
        return await self._redeem_on_first("epfl")

    async def _redeem_on_first(self, authority: str) -> str:
        name, node = next(iter(sorted(self.nodes.items())))
        code, value = await create(node["pl_conf"], self.tickets[authority], self.bare)
        expect(code == 0, f"{name} refused: {value}")
        self.rcaps[(authority, name)] = str(value[0])
        return f"{self.slice_of[authority]} on {name}"

    async def refuse_forged(self) -> str:
        """One byte of a good ticket is changed."""
        node = next(iter(self.nodes.values()))
        good = self.slice_of["plc"].encode()
        forged = self.tickets["plc"].replace(good, good[:-1] + b"x", 1)
        code, reason = await create(node["pl_conf"], forged, self.bare)
        expect(code != 0, "a forged ticket was taken")
        return str(reason)

    async def audit_names_slice(self) -> str:
        """Ask every node's page what it sent to the stranger until each names the slice."""
        for name in sorted(self.nodes):
            await self._until(partial(self._names, name, "plc"), f"{name} does not name {self.slice_of['plc']}")
        page = f"{next(iter(self.nodes.values()))['audit'].rstrip('/')}/to/{STRANGER}"
        return f"{self.slice_of['plc']}, see {page}"

    async def audit_names_foreign(self) -> str:
        """The first node's page has the foreign slices too."""
        name = min(self.nodes)
        for authority in ("plc.japan", "epfl"):
            await self._until(
                partial(self._names, name, authority),
                f"{name} does not name {self.slice_of[authority]}",
            )
        return ", ".join(self.slice_of.values())

    async def _names(self, node: str, authority: str) -> bool:
        page = await self.page(node, f"to/{STRANGER}.json")
        rows = [row for row in page["slices"] if row["slice"] == self.slice_of[authority]]
        return any(row["packets"] and row["authority"] == authority for row in rows)

    async def page(self, node: str, path: str) -> Any:
        """One page of a node's audit, as its twin for programs."""
        url = f"{self.facts['nodes'][node]['audit'].rstrip('/')}/{path}"
        response = await treq.get(url, timeout=5, persistent=False, reactor=self.reactor)
        expect(response.code == 200, f"{url} answered {response.code}")
        return json.loads(await response.content())

    async def give_back(self) -> str:
        """Give every sliver back, delete the slices, and see the packets end."""
        for (authority, name), rcap in self.rcaps.items():
            code, value = await delete(self.facts["nodes"][name]["pl_conf"], rcap, self.bare)
            expect(code == 0, f"{name} did not delete {self.slice_of[authority]}: {value}")
        for authority, name in self.slice_of.items():
            pi = self.api(authority, "pi")
            if await pi.call("GetSlices", [name], ["name"]):
                await pi.call("SliceDelete", name)
        for name in self.nodes if self.rcaps else ():
            await self._until(partial(self._is_gone, name), f"slivers of the story are still on {name}")
        return f"{len(self.rcaps)} slivers, {len(self.slice_of)} slices"

    async def _is_gone(self, node: str) -> bool:
        found = await Ask(f"unix:{self.facts['nodes'][node]['nm_socket']}", reactor=self.reactor).call("GetXIDs")
        return not set(found) & set(self.slice_of.values())

    async def _until(self, look: Callable[[], Awaitable[bool]], else_said: str) -> None:
        """Look again and again until it is so; a page that does not answer is looked at again, too."""
        deadline, last = time.monotonic() + PATIENCE, ""
        while time.monotonic() < deadline and self.is_wanted():
            try:
                if await look():
                    return
            except (PeerError, StoryFailed, OSError) as error:
                last = f" ({error})"
            await deferLater(self.reactor, LOOK_EVERY)
        raise StoryFailed(f"{else_said} after {PATIENCE:.0f} s{last}")
