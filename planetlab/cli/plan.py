"""What a demo consists of, as values: its authorities, their sites, persons and slices, and its nodes."""

from attrs import frozen

from planetlab.names import Hostname, Hrn, LoginBase, SliceName

PASSWORD = "demo-password"  # known to everybody; services that listen off loopback refuse to start with it
EPFL_SHARE = 0.1  # of a node of plc: what its owner grants to slices of epfl
ROLES = ("admin", "pi", "user", "tech")
PORTS_EACH = 10  # from one authority's or node's first port to the next one's

# What a real sliver of a demo does; a sliver that is only remembered has a process beside it that does the same.
WORK = """#!/bin/bash
(
    while :; do
        for each in 1 2 3; do echo plfed > /dev/udp/198.51.100.7/33434; done
        ping -q -c 1 -W 1 198.51.100.7
        curl -s -m 2 http://198.51.100.7/
        sleep 0.5
    done
) < /dev/null > /dev/null 2>&1 &
"""


@frozen
class SlicePlan:
    """A slice of a demo: how it reaches nodes, and what its page says it is for."""

    name: SliceName
    instantiation: str
    url: str
    description: str


@frozen
class AuthorityPlan:
    """One PLC of a demo, with one site."""

    hrn: Hrn
    site_name: str
    login_base: LoginBase
    domain: str
    slices: tuple[SlicePlan, ...]
    parent: Hrn | None = None
    peers: tuple[Hrn, ...] = ()  # the PLCs whose objects it copies

    def email(self, role: str) -> str:
        """The address that the person of this role signs in with."""
        return f"{role}@{self.domain}"


@frozen
class NodePlan:
    """One node of a demo, and whose it is."""

    hostname: Hostname
    authority: Hrn
    number: int  # from 1, over all nodes of the demo

    @property
    def sliver_net(self) -> str:
        """The private network that this node's slivers get their addresses from."""
        return f"10.{100 + self.number % 100}.0.0/16"


@frozen
class Plan:
    """A whole demo."""

    authorities: tuple[AuthorityPlan, ...]
    nodes: tuple[NodePlan, ...]

    def authority(self, hrn: Hrn) -> AuthorityPlan:
        """The authority of this name."""
        return next(authority for authority in self.authorities if authority.hrn == hrn)

    def nodes_of(self, hrn: Hrn) -> tuple[NodePlan, ...]:
        """The nodes that are managed by the authority of this name."""
        return tuple(node for node in self.nodes if node.authority == hrn)


PLC, JAPAN, EPFL = Hrn(("plc",)), Hrn(("plc", "japan")), Hrn(("epfl",))

AUTHORITIES = (
    AuthorityPlan(
        PLC,
        "Princeton University",
        LoginBase("princeton"),
        "plc.example",
        (
            SlicePlan(
                SliceName("princeton", "codeen"),
                "plc-instantiated",
                "http://codeen.example/",
                "A content distribution network; asks web servers for pages on behalf of its users.",
            ),
            SlicePlan(
                SliceName("princeton", "scriptroute"),
                "delegated",
                "http://scriptroute.example/",
                "Measures routes with a few small packets to many addresses.",
            ),
        ),
        peers=(EPFL,),
    ),
    AuthorityPlan(
        JAPAN,
        "University of Tokyo",
        LoginBase("tokyo"),
        "japan.plc.example",
        (
            SlicePlan(
                SliceName("tokyo", "corelab"),
                "delegated",
                "http://corelab.example/",
                "Teaches networking with small exchanges between nodes.",
            ),
        ),
        parent=PLC,
        peers=(EPFL,),
    ),
    AuthorityPlan(
        EPFL,
        "EPFL",
        LoginBase("lausanne"),
        "epfl.example",
        (
            SlicePlan(
                SliceName("lausanne", "survey"),
                "delegated",
                "http://survey.example/",
                "Counts how many hosts answer to an echo request.",
            ),
        ),
        peers=(PLC, JAPAN),
    ),
)


def plan(nodes: int) -> Plan:
    """The demo with ``nodes`` nodes of plc, and one of epfl."""
    ours = [NodePlan(Hostname(f"node{number}.plc.example"), PLC, number) for number in range(1, nodes + 1)]
    return Plan(AUTHORITIES, (*ours, NodePlan(Hostname("node1.epfl.example"), EPFL, nodes + 1)))
