"""The SFA interfaces as they are served: three ports, each asking for a certificate, GENI's interfaces beside ours.

Each port answers its own interface at any path that is not another's, for clients call ``/``, ``/RPC2`` or what they
please. What the aggregate's port knows under ``/am/2.0`` and ``/am/3.0`` stands at the bare address as well where no
name of an older interface is in the way, with the answers of the third version.
"""

import socket
from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from planetlab.both import hearing, serving
from planetlab.both.desk import Desk
from planetlab.calls import Call
from planetlab.errors import BadSettings
from planetlab.launch import Running
from planetlab.limits import BULK, Limits, hardened_site
from planetlab.methods import Api, Method
from planetlab.registry import federated, papers, peer_papers
from planetlab.registry.store import Store
from planetlab.serve import Dialect
from planetlab.tls import visitor_options
from planetlab.trust import Root, Roots
from planetlab.visitors import VisitedResource
from slice_authority.federation import Federation
from slice_authority.geni import am2, am3, clearinghouse, dialects, ma, protogeni, sa, sr
from slice_authority.sfa import aggregate, older, older_slivers, registry, slivers
from slice_authority.sfa.alerts import Alerts, Watched
from slice_authority.sfa.identity import Identity, Kept
from slice_authority.sfa.manager import Manager
from slice_authority.sfa.merging import THIRD
from slice_authority.sfa.places import Neighbour, Places
from slice_authority.sfa.replies import Replies
from slice_authority.sfa.settings import Known, SfaPorts
from slice_authority.sfa.visitor import greet_alone, greeting

LOOK_EVERY = 2.0  # seconds between two looks at the authority's folder
LIMITS: Limits = evolve(BULK, depth=24, values=20_000)


def identity(running: Running[Any], said: Federation | None) -> Kept | None:
    """Who we are at these interfaces, by the settings; None while all are off. Raises `BadSettings`."""
    stated, ports = running.settings, running.settings.sfa
    if not ports.is_on:
        return None
    gid = ports.gid or (stated.federation / "gid.pem" if stated.federation else None)
    key = ports.key or (stated.federation / "authority.key" if stated.federation else None)
    if gid is None or key is None:
        raise BadSettings(f"{running.config}: sfa: expected sfa.gid and sfa.key, or federation, the authority's folder")

    believed = Believed(said)
    return Kept(lambda: Identity.load(stated.hrn, gid, key, ports.trusted_roots, believed), (gid, key))


@define
class Believed:
    """The roots that the registry's books of peers say; put together anew when one of their statements changes."""

    said: Federation | None
    _last: tuple[Any, Roots] | None = field(default=None, init=False)

    def __call__(self, store: Store) -> Roots:
        papers_ = peer_papers.every(store)
        own = None if self.said is None else self.said.root
        key = (own, [(one.hrn, one.state, one.statement) for one in papers_])
        if self._last is None or self._last[0] != key:
            above = () if self.said is None else tuple(Root(hrn=one.hrn, gid=one) for one in self.said.above[-1:])
            roots = Roots(hearing.trusted(papers_, own).roots + above)
            self._last = (key, roots)
        return self._last[1]


def places(ports: SfaPorts) -> Places:
    """The addresses that we tell of."""
    host = ports.host or socket.gethostname()

    def url(endpoint: str) -> str:
        return f"https://{host}:{endpoint.split(':')[1]}/" if endpoint.startswith("tcp:") else ""

    def known(ones: tuple[Known, ...]) -> tuple[Neighbour, ...]:
        return tuple(Neighbour(one.hrn, one.url, one.ca) for one in ones)

    return Places(
        host=host,
        registry=url(ports.registry),
        aggregate=url(ports.aggregate),
        slice_interface=url(ports.slice_interface),
        registries=known(ports.registries),
        aggregates=known(ports.aggregates),
    )


async def serve(running: Running[Any], desk: Desk, kept: Kept) -> None:
    """Listen where the settings say."""
    stated, ports = running.settings, running.settings.sfa
    manager = Manager(desk, kept, places(ports), running.reactor, running.clock.now)
    alerts = Alerts.of(desk, running.clock.now)
    trees = (
        (ports.registry, registry_tree(desk, alerts)),
        (ports.aggregate, aggregate_tree(desk, alerts)),
        (ports.slice_interface, manager_tree(manager, alerts)),
    )
    for where, pages in trees:
        if where:
            site = hardened_site(pages, running.reactor, LIMITS)
            await running.listen(where, site, visitor_options(stated.certificate, stated.key))

    async def look() -> None:
        kept.look()

    serving.every(running, LOOK_EVERY, look, "looking at the authority's certificate")
    serving.every(running, serving.TIDY_EVERY, lambda: desk.job(tidy), "tidying slivers and credentials")


def tidy(store: Store) -> int:
    """End what is over."""
    return aggregate.tidy(store) + papers.tidy(store) + federated.tidy(store)


def registry_tree(desk: Desk, alerts: Alerts) -> Resource:
    """What the registry's port answers, and where."""
    own = together(registry.api, older.api, clearinghouse.api)
    return tree(
        _resource(desk, own, Replies(), alerts),
        {
            "SA": _resource(desk, sa.api, dialects.Federation(), alerts),
            "MA": _resource(desk, ma.api, dialects.Federation(), alerts),
            "SR": _resource(desk, sr.api, dialects.Federation(), alerts),
            "CH": _resource(desk, clearinghouse.api, dialects.Bare(), alerts),
            "protogeni/xmlrpc/sa": _resource(desk, protogeni.api, protogeni.ProtoGeni(), alerts),
            "protogeni/xmlrpc/ch": _resource(desk, protogeni.api, protogeni.ProtoGeni(), alerts),
        },
    )


def aggregate_tree(desk: Desk, alerts: Alerts) -> Resource:
    """What the aggregate's port answers, and where."""
    bare = at_the_bare_address(together(slivers.api, older_slivers.api))
    return tree(_resource(desk, *bare, alerts), geni(desk, alerts))


def manager_tree(manager: Manager, alerts: Alerts) -> Resource:
    """What the slice interface's port answers."""
    api, greet = manager.api(), greet_alone(manager.now)
    dialect = Mixed(Replies(structs=True), dialects.Geni(3), frozenset(THIRD))
    return tree(VisitedResource(api, greet, Watched(dialect, alerts), limits=LIMITS), {})


def geni(desk: Desk, alerts: Alerts) -> dict[str, Resource]:
    """GENI's aggregate interface, each version at its path."""
    return {
        "am/1.0": _resource(desk, am2.first, dialects.Bare(), alerts),
        "am/2.0": _resource(desk, am2.api, dialects.Geni(2), alerts),
        "am/3.0": _resource(desk, am3.api, dialects.Geni(3), alerts),
        "protogeni/xmlrpc/am": _resource(desk, am2.first, dialects.Bare(), alerts),
    }


def at_the_bare_address(own: Api) -> tuple[Api, Dialect]:
    """Our methods, and those of GENI's third version whose names ours leave free, which answer as that version does."""
    third = dialects.Geni(3)
    both = Api(auth=None)
    for method in own.values():
        both.add(method)
    new = [method for method in am3.api.values() if method.name not in own]
    for method in new:
        both.add(evolve(method, body=_saying(third, method)))
    return both, Mixed(Replies(structs=True), third, frozenset(method.name for method in new))


def _saying(dialect: Dialect, method: Method) -> Any:
    def body(call: Call, *args: Any) -> Any:
        return dialect.answer(method.body(call, *args))

    return body


@frozen
class Mixed:
    """Two dialects at one address, told apart by the method."""

    plain: Dialect
    other: Dialect
    names: frozenset[str]

    def answer(self, value: Any) -> Any:
        return self.plain.answer(value)

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        return (self.other if method in self.names else self.plain).refuse(error, method, call)


def together(first: Api, *others: Api) -> Api:
    """The methods of several interfaces at one address; where two have a name, the first one's counts."""
    whole = Api(auth=None)
    for method in (each for api in (first, *others) for each in api.values()):
        if method.name not in whole:
            whole.add(method)
    return whole


def _resource(desk: Desk, api: Api, dialect: Dialect, alerts: Alerts) -> VisitedResource:
    return VisitedResource(api, greeting(desk), Watched(dialect, alerts), desk.run, limits=LIMITS)


class Anywhere(Resource):
    """Answers with ``otherwise`` at every path that is not another's."""

    def __init__(self, otherwise: IResource) -> None:
        super().__init__()
        self._otherwise = otherwise

    def getChild(self, path: bytes, request: Request) -> IResource:
        assert request.postpath is not None
        request.postpath.insert(0, path)  # it is the page's own, which tells its methods at ``reference``
        return self._otherwise

    def render(self, request: Request) -> Any:
        return self._otherwise.render(request)


def tree(otherwise: Resource, paths: Mapping[str, Resource]) -> Resource:
    """A resource for each path, like ``am/3.0``, and one for all the rest."""
    root = Anywhere(otherwise)
    for path, resource in paths.items():
        at: Resource = root
        *above, last = path.encode().split(b"/")
        for part in above:
            at.children.setdefault(part, Anywhere(otherwise))
            at = at.children[part]
        at.putChild(last, resource)
    return root
