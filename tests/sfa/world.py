"""One PLC in memory with SFA interfaces: callers show certificates, calls go from the arguments to the reply."""

import datetime
import functools
import uuid
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from planetlab import gids, keys, openpgp
from planetlab.calls import Call, dispatch
from planetlab.errors import PlanetLabError
from planetlab.gids import Gid, Subject
from planetlab.methods import Api, Role, unite
from planetlab.names import Hrn
from planetlab.presented import Presented
from planetlab.privileges import DEFAULTS, Privilege
from planetlab.trust import Root
from slice_authority.issuing import Sealer
from slice_authority.sfa import older, older_slivers, registry, slivers
from slice_authority.sfa.identity import Identity
from slice_authority.sfa.places import Places
from slice_authority.sfa.replies import Replies
from slice_authority.sfa.visitor import Visitor, is_modern
from tests.registry.world import NOW, Princeton

ROOTS = {"plc": Hrn(("plc",)), "epfl": Hrn(("epfl",)), "evil": Hrn(("evil",))}


@functools.cache
def key(name: str) -> rsa.RSAPrivateKey:
    """A key by name, made once per run."""
    return keys.new_rsa()


def public(name: str) -> keys.PublicKey:
    return keys.accepted(key(name).public_key())


def ssh(name: str) -> str:
    """The public half as OpenSSH writes it."""
    form = serialization.PublicFormat.OpenSSH
    return key(name).public_key().public_bytes(serialization.Encoding.OpenSSH, form).decode()


@functools.cache
def root(name: str) -> Gid:
    """The self-signed certificate of a root authority."""
    return gids.make_root(ROOTS[name], key(name), uuid.UUID(int=7), NOW - 86_400)


def below(name: str, kind: str, own: str, above: tuple[Gid, ...], signer: str) -> tuple[Gid, ...]:
    """A certificate of a name with the key ``own``, by the authority ``above`` whose key is ``signer``."""
    subject = Subject(hrn=Hrn.parse(name), kind=kind, key=public(own))
    return (gids.certify(above[0], key(signer), subject, NOW - 3600), *above)


def identity(name: str, *trusted: str) -> Identity:
    """An authority's papers; it believes itself and those named."""
    roots = tuple(Root(hrn=ROOTS[one], gid=root(one)) for one in (name, *trusted))
    return Identity((root(name),), key(name), roots)


def by_itself(own: str, name: str = "somebody") -> Presented:
    """What ``openssl req -x509`` makes: a certificate signed by its own key, which names nobody we know."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime.fromtimestamp(NOW - 60, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key(own).public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=30))
        .sign(key(own), hashes.SHA256())
    )
    return Presented((certificate,))


def showing(chain: tuple[Gid, ...]) -> Presented:
    return Presented(tuple(gid.certificate for gid in chain))


whole = unite(registry.api, older.api)
aggregates = Api(auth=None)
for _method in (*slivers.api.values(), *older_slivers.api.values()):
    aggregates.add(_method)
PGP = functools.cache(lambda: openpgp.new_key("plc <support@plc.example>"))


class SfaWorld(Princeton):
    """A PLC whose user ``plc.princeton.user`` and PI ``plc.princeton.pi`` have RSA keys; it believes epfl."""

    api: Api = whole

    def __init__(self, **plc: Any) -> None:
        seal = Sealer(ROOTS["plc"], key("ticket"), PGP())
        said = {"sfa": identity("plc", "epfl"), "sfa_places": Places(host="plc.example"), "seal": seal}
        super().__init__(**{**said, **plc})
        for name, auth in (("user", self.user), ("pi", self.pi)):
            email = auth["Username"]
            self.call("AddPersonKey", auth, email, {"key_type": "ssh", "key": ssh(name)})
        self.dialect = Replies()

    def sfa(self, who: Presented | None, name: str, *args: Any, api: Api | None = None) -> Any:
        """What a method of the registry, or of another interface, answers to who shows this. Raises what it raises."""
        table = api or self.api
        method = table.find(name)

        def greet(of: Any, given: tuple[Any, ...]) -> Call:
            visitor = Visitor(who, is_modern(of, given))
            return self.desk.greet_by(
                lambda store: Call(visitor, frozenset({Role.ANONYMOUS}), store, store.now, of.name, "192.0.2.9")
            )

        return self.desk.run_now(method, lambda: dispatch(table, name, args, greet))

    def am(self, who: Presented | None, name: str, *args: Any) -> Any:
        """What the aggregate answers."""
        return self.sfa(who, name, *args, api=aggregates)

    def refusal(self, who: Presented | None, name: str, *args: Any, api: Api | None = None) -> PlanetLabError:
        """The error that a call ends with."""
        try:
            value = self.sfa(who, name, *args, api=api)
        except PlanetLabError as error:
            return error
        raise AssertionError(f"{name} was not refused but answered {value!r:.300}")

    def own(self, name: str) -> str:
        """The credential on itself of a person of Princeton, got with a certificate that openssl made."""
        text: str = self.sfa(by_itself(name), "GetSelfCredential", None, f"plc.princeton.{name}", "user")
        return text

    def on(self, name: str, target: str, kind: str) -> str:
        """A credential on something that a person of Princeton has by the registry."""
        text: str = self.sfa(by_itself(name), "GetCredential", [self.own(name)], target, kind)
        return text


SLICE = "plc.princeton.codeen"
USER, PI = "plc.princeton.user", "plc.princeton.pi"


ANN = "epfl.lab.ann"


def ann() -> tuple[Gid, ...]:
    """A user of another authority."""
    return below(ANN, "user", "ann", (root("epfl"),), "epfl")


def anns_slice(name: str = "epfl.lab.cdn", life: float = 30 * 86_400.0, rights: str = "slice") -> str:
    """The credential that the authority epfl gives its user on one of its slices."""
    target = below(name, "slice", "nobody", (root("epfl"),), "epfl")
    held = tuple(Privilege(one, True) for one in DEFAULTS[rights])
    return identity("epfl").sign(ann(), target, held, NOW + life, "1").decode()


def request(*hosts: str, authority: str = "plc", tags: str = "") -> str:
    """A request in the field's most used spelling for slivers on these nodes of Princeton."""
    nodes = "".join(
        f'<node client_id="{host.split(".")[0]}" component_manager_id="urn:publicid:IDN+{authority}+authority+cm" '
        f'component_id="urn:publicid:IDN+{authority}:princeton+node+{host}" exclusive="false">'
        f'<sliver_type name="plab-vserver">{tags}</sliver_type></node>'
        for host in hosts
    )
    return f'<rspec type="request" xmlns="http://www.geni.net/resources/rspec/3">{nodes}</rspec>'
