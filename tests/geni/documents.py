"""RSpec documents to try things with: one of each kind, as a clerk would make them up, and any number by chance."""

from typing import Any

from hypothesis import strategies as st

from planetlab.names import Hrn, Urn
from planetlab.rspecs.documents import (
    Document,
    Execute,
    Install,
    Interface,
    Kind,
    Lease,
    Link,
    Location,
    Login,
    Node,
    Property,
    Sliver,
)

NOON = 1_767_610_800.0  # 2026-01-05T11:00:00Z
PLC = Hrn(("plc",))
CM = Urn.parse("urn:publicid:IDN+plc+authority+cm")
CORNELL = Urn.parse("urn:publicid:IDN+plc:cornell+authority+sa")
N1 = Urn.parse("urn:publicid:IDN+plc:cornell+node+n1.cs.cornell.edu")
ETH0 = Urn.parse("urn:publicid:IDN+plc:cornell+interface+node1:eth0")
ETH1 = Urn.parse("urn:publicid:IDN+plc:cornell+interface+node1:eth1")
COBWEB = Urn.parse("urn:publicid:IDN+plc:cornell+slice+cobweb")

AD = Document(
    kind=Kind.ADVERTISEMENT,
    generated=NOON - 3600,
    generated_by="plfed",
    expires=NOON,
    nodes=(
        Node(
            component_id=N1,
            component_name="n1.cs.cornell.edu",
            component_manager=CM,
            site=CORNELL,
            exclusive=True,
            available=True,
            bw_limit=5000,
            granularity=1800,
            hardware=("plab-pc", "pc"),
            location=Location(country="US", latitude=42.44, longitude=-76.48),
            interfaces=(Interface(component_id=ETH0, ipv4="192.0.2.11"), Interface(component_id=ETH1)),
            slivers=(Sliver(initscripts=("cobweb_start",), images=("debian-12",)),),
            tags=(("arch", "x86_64"), ("two words", "<&>\"'")),
        ),
    ),
    leases=(Lease(slice=COBWEB, start=NOON, steps=2, nodes=(N1,)),),
    links=(
        Link(
            component_id=Urn.parse("urn:publicid:IDN+plc+link+l1"),
            component_name="l1",
            managers=(str(CM),),
            types=("lan",),
            ends=(Interface(component_id=ETH0), Interface(component_id=ETH1)),
            properties=(Property(source=str(ETH0), destination=str(ETH1), capacity=1000, latency=0, packet_loss=0.25),),
        ),
    ),
)

REQUEST = Document(
    kind=Kind.REQUEST,
    defaults=Sliver(initscripts=("cobweb_start",), tags=(("vsys", "vif_up"),)),
    nodes=(
        Node(
            client_id="n1",
            component_id=N1,
            component_name="n1.cs.cornell.edu",
            component_manager=CM,
            slivers=(Sliver(tags=(("cpu_share", "5"), ("net_max_rate", "2000"), ("initscripts?", "é"))),),
            executes=(Execute(command="/bin/start &", shell="bash"),),
            installs=(Install(url="http://x.example/a.tgz", install_path="/opt", file_type="tar.gz"),),
        ),
    ),
    leases=(Lease(slice=COBWEB, start=NOON, steps=2, nodes=(N1,)),),
)

MANIFEST = Document(
    kind=Kind.MANIFEST,
    generated=NOON,
    generated_by="plfed",
    expires=NOON + 86400,
    nodes=(
        Node(
            client_id="n1",
            component_id=N1,
            component_name="n1.cs.cornell.edu",
            component_manager=CM,
            site=CORNELL,
            sliver_id=Urn.parse("urn:publicid:IDN+plc+sliver+1-2"),
            slivers=(Sliver(name="cornell_cobweb", tags=(("cpu_share", "5"),)),),
            logins=(Login(hostname="n1.cs.cornell.edu", username="cornell_cobweb"),),
        ),
    ),
)

_WORD = st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True)
_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zs", "Zl", "Zp")), min_size=1, max_size=20)
_TAGS = st.lists(st.tuples(_WORD | _TEXT, _TEXT), max_size=3, unique_by=lambda pair: pair[0]).map(tuple)
_SLIVERS = st.builds(
    Sliver,
    type=st.sampled_from(("plab-vserver", "container")),
    tags=_TAGS,
    initscripts=st.lists(_WORD, max_size=2).map(tuple),
    images=st.lists(_WORD, max_size=2).map(tuple),
)


@st.composite
def requests(draw: st.DrawFn) -> Document:
    """A request that every spelling can say: named nodes, each with one sliver."""
    nodes, manager = [], draw(st.sampled_from((CM, None)))
    for number in range(draw(st.integers(0, 4))):
        host = f"{draw(_WORD)}{number}.example"
        nodes.append(
            Node(
                client_id=f"c{number}",
                component_id=Urn.of(Hrn(("plc", "site", host)), "node"),
                component_name=host,
                component_manager=manager,
                exclusive=draw(st.booleans()),
                slivers=(draw(_SLIVERS),),
                tags=draw(_TAGS),
            )
        )
    return Document(kind=Kind.REQUEST, nodes=tuple(nodes), defaults=Sliver(tags=draw(_TAGS)))


_URNS = st.builds(lambda site, name: Urn(("plc", site), "node", f"{name}.example"), _WORD, _WORD)
_PLACES = st.builds(
    Location,
    country=st.sampled_from(("", "US", "CH")),
    latitude=st.floats(-90, 90).map(lambda number: round(number, 6)),
    longitude=st.floats(-180, 180).map(lambda number: round(number, 6)),
)
_INTERFACES = st.builds(
    lambda site, name, ipv4: Interface(component_id=Urn(("plc", site), "interface", name), ipv4=ipv4),
    _WORD,
    _WORD,
    st.sampled_from(("", "192.0.2.7")),
)
_LOGINS = st.builds(Login, hostname=_WORD, port=st.integers(1, 65_535), username=_WORD)
_LEASES = st.builds(
    Lease,
    slice=st.builds(lambda name: Urn(("plc", "cornell"), "slice", name), _WORD),
    start=st.integers(0, 2**31 - 1).map(float),
    steps=st.integers(1, 10_000),
    nodes=st.lists(_URNS, min_size=1, max_size=3, unique=True).map(tuple),
)
_EXECUTES = st.builds(Execute, command=_TEXT, shell=st.sampled_from(("sh", "bash")))
_INSTALLS = st.builds(Install, url=_TEXT, install_path=_TEXT, file_type=st.sampled_from(("", "tar.gz")))


def few(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """None to three of them."""
    return st.lists(values, max_size=3).map(tuple)


_TIMES = st.none() | st.integers(0, 2**32).map(float)
_OFFERED = st.builds(
    lambda urn, **more: Node(component_id=urn, component_name=urn.name, component_manager=CM, **more),
    _URNS,
    site=st.none() | st.just(CORNELL),
    exclusive=st.booleans(),
    available=st.none() | st.booleans(),
    bw_limit=st.none() | st.integers(0, 10**9),
    granularity=st.none() | st.integers(1, 86_400),
    hardware=few(_WORD),
    location=st.none() | _PLACES,
    interfaces=few(_INTERFACES),
    slivers=few(_SLIVERS),
    tags=_TAGS,
)
_GIVEN = st.builds(
    lambda urn, number, **more: Node(
        client_id=f"c{number}", component_id=urn, component_name=urn.name, component_manager=CM, **more
    ),
    _URNS,
    st.integers(0, 99),
    sliver_id=st.just(Urn(("plc",), "sliver", "1-2")),
    slivers=_SLIVERS.map(lambda sliver: (sliver,)),
    logins=few(_LOGINS),
    executes=few(_EXECUTES),
    installs=few(_INSTALLS),
)
_HEAD = {"leases": few(_LEASES), "generated": _TIMES, "generated_by": st.just("") | _WORD, "expires": _TIMES}
advertisements = st.builds(Document, kind=st.just(Kind.ADVERTISEMENT), nodes=few(_OFFERED), **_HEAD)
manifests = st.builds(Document, kind=st.just(Kind.MANIFEST), nodes=few(_GIVEN), **_HEAD)
