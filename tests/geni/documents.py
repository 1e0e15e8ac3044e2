"""RSpec documents to try things with: one of each kind, as a clerk would make them up, and any number by chance."""

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
