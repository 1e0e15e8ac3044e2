"""The spellings of RSpec documents that are read and written here, as GetVersion lists them."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from planetlab.errors import BadArgument
from planetlab.rspecs.documents import Kind

PLANETLAB = "http://www.planet-lab.org/resources/sfa/ext/planetlab/1"
_FILES = {Kind.ADVERTISEMENT: "ad.xsd", Kind.REQUEST: "request.xsd", Kind.MANIFEST: "manifest.xsd"}


class BadVersion(BadArgument):
    """The call wants a spelling of RSpecs that is not spoken here, or names none where one is needed."""


@frozen
class Version:
    """One spelling: its type and version as clients name them, its namespace, and the extensions that it uses."""

    type: str
    version: str
    namespace: str = ""
    extensions: tuple[str, ...] = ()

    def schema(self, kind: Kind) -> str:
        """Where the public schema for documents of this kind lies; empty for a spelling that has none."""
        return f"{self.namespace}/{_FILES[kind]}" if self.namespace else ""

    def described(self, kind: Kind) -> dict[str, Any]:
        """This spelling as an element of ``geni_ad_rspec_versions`` and ``geni_request_rspec_versions``."""
        return {
            "type": self.type,
            "version": self.version,
            "schema": self.schema(kind),
            "namespace": self.namespace,
            "extensions": list(self.extensions),
        }

    def __str__(self) -> str:
        return f"{self.type} {self.version}"


SFA1 = Version("SFA", "1")
PG2 = Version("ProtoGENI", "2", "http://www.protogeni.net/resources/rspec/2", (PLANETLAB,))
GENI3 = Version("GENI", "3", "http://www.geni.net/resources/rspec/3", (PLANETLAB,))
VERSIONS = (GENI3, PG2, SFA1)


def find(type_: str, version: str) -> Version:
    """The spelling that a client names, in any case. Raises `BadVersion`, which lists those that are spoken.

    >>> str(find("geni", "3"))
    'GENI 3'
    """
    for one in VERSIONS:
        if (one.type.lower(), one.version) == (type_.strip().lower(), version.strip()):
            return one
    spoken = ", ".join(map(str, VERSIONS))
    raise BadVersion(f"geni_rspec_version: {type_[:40]} {version[:40]} is not spoken here; expected one of {spoken}")


def asked(options: Mapping[str, Any], default: Version | None = None) -> Version:
    """The spelling that a call's options name: ``geni_rspec_version``, or ``rspec_version`` as old clients say.

    Either is a struct of type and version, or text like ``SFA 1``. Raises `BadVersion`.
    """
    said = options.get("geni_rspec_version", options.get("rspec_version"))
    if said is None or said == "" or said == {}:
        if default is None:
            raise BadVersion("geni_rspec_version: expected a struct of type and version in the options")
        return default
    if isinstance(said, str):
        said = dict(zip(("type", "version"), [*said.split(None, 1), ""], strict=False))
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise BadVersion(f"geni_rspec_version: expected a struct of type and version, got {said!r:.80}")
    return find(said["type"], str(said.get("version", "")))
