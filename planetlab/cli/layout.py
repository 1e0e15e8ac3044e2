"""What a demo's folders say: every authority's place and every node's, from the plan, the ports and the wishes."""

from importlib.util import find_spec
from pathlib import Path

from attrs import evolve, frozen

from planetlab.cli import facts, network, place
from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.node import AuditWishes, Inside, NodePlace, TrustedRoot
from planetlab.cli.plan import EPFL, EPFL_SHARE, PLC, WORK, AuthorityPlan, NodePlan, Plan
from planetlab.cli.populate import Populated
from planetlab.names import Hrn

MAIL = "mail"  # the mail catcher's name among the ports
REFRESH_EVERY = 60  # seconds between two copies of a peer's objects
SEGMENT = 60.0  # seconds that a sealed segment of a demo node's log spans, and a flow's longest record
IDLE = 15.0  # seconds of silence that end a flow
POLL_PERIOD, POLL_JITTER = 5.0, 1.0  # seconds between a demo node's polls


@frozen
class Layout:
    """Where everything of a demo is: its folder, and the ports by owner and name."""

    plan: Plan
    path: Path
    ports: dict[str, dict[str, int]]

    def authorities(self) -> dict[Hrn, AuthorityPlace]:
        """The place of each authority, which knows those of the others."""
        alone = {each.hrn: self._authority(each) for each in self.plan.authorities}
        return {
            hrn: evolve(each, neighbours=tuple(one for other, one in alone.items() if other != hrn))
            for hrn, each in alone.items()
        }

    def node(self, each: NodePlan, known: Populated, driver: str, wires: network.Network | None) -> NodePlace:
        """The place of one node, once its authority knows it."""
        host, owner = str(each.hostname), self.plan.authority(each.authority)
        own = self._authority(owner)
        return NodePlace(
            path=self.path / "nodes" / host,
            hostname=each.hostname,
            hrn=each.hostname.hrn(owner.hrn.child(str(owner.login_base))),
            node_id=known.node_id,
            key=known.key,
            ports=self.ports[host],
            roots=self._roots(own),
            driver=driver,
            sliver_net=each.sliver_net,
            inside=_inside(wires, host, each.number),
            poll_period=POLL_PERIOD,
            poll_jitter=POLL_JITTER,
            authority_name=owner.site_name,
            authority_url=f"http://127.0.0.1:{self.ports[str(owner.hrn)]['web']}/",
            contact=owner.domain,
            cgroup=f"{place.group(self.path)}-{each.number}",
            initscript=WORK,
            audit=AuditWishes(
                token=own.archive_token if own.archived else None,
                archive_url=facts.archive(self.ports[str(each.authority)]),
                relay=self.relay,
                segment_seconds=SEGMENT,
                idle=IDLE,
                active=SEGMENT,
            ),
        )

    @property
    def relay(self) -> str:
        """The mail catcher."""
        return facts.mail(self.ports[MAIL])["smtp"]

    def _authority(self, each: AuthorityPlan) -> AuthorityPlace:
        archived = self.plan.nodes_of(each.hrn) if find_spec("duckdb") else ()
        return AuthorityPlace(
            path=self.path / str(each.hrn),
            hrn=each.hrn,
            name=f"PlanetLab {each.hrn}",
            ports=self.ports[str(each.hrn)],
            domain=each.domain,
            relay=self.relay,
            refresh_every=REFRESH_EVERY if each.peers else 0,
            archived=tuple((str(one.hostname), self._pages(one)) for one in archived),
            plain=True,
        )

    def _pages(self, node: NodePlan) -> str:
        """The address of a node's audit pages."""
        return f"http://127.0.0.1:{self.ports[str(node.hostname)]['audit']}/"

    def _roots(self, own: AuthorityPlace) -> tuple[TrustedRoot, ...]:
        """An owner trusts its own authority whole, and across the border a small share."""
        mine = TrustedRoot(hrn=own.hrn, papers=own.path, share=1.0 - EPFL_SHARE, poll=own.url("sa", "SA"))
        other = self._authority(self.plan.authority(EPFL if own.hrn == PLC else PLC))
        passed_on = TrustedRoot(
            hrn=other.hrn, papers=other.path, share=EPFL_SHARE, poll=own.url("sa", "SA"), relayed_by=own.path
        )
        return (mine, passed_on)


def _inside(wires: network.Network | None, host: str, number: int) -> Inside:
    if wires is None:
        return Inside(capture=False)
    node = wires.nodes[host]
    address = network.uplink_address(number)
    return Inside(netns=node.path, uplink=network.UPLINK, enter=node.enter, address=address)
