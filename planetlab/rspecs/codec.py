"""RSpec documents in and out: which spelling a document has is seen from its root element."""

from planetlab.errors import BadArgument
from planetlab.rspecs import elements, geni, sfa1
from planetlab.rspecs.documents import Document, Kind
from planetlab.rspecs.elements import MOST_BYTES, local, parse, printed, space
from planetlab.rspecs.versions import SFA1, VERSIONS, Version


def read(data: bytes | str, kind: Kind | None = None, most: int = MOST_BYTES) -> Document:
    """The document in ``data``, at most ``most`` octets. Raises `BadArgument`, which says where it is wrong.

    With ``kind``, a document of another kind is refused; one that cannot say its kind (SFA 1) is taken for it.
    """
    root = parse(data, most)
    version = spelling(root)
    if version is SFA1:
        return sfa1.read(root, kind)
    document = geni.read(root, version)
    return document if kind is None else document.must_be(kind)


def write(document: Document, version: Version) -> str:
    """The document as text that names no encoding; whoever sends it says UTF-8."""
    return printed(sfa1.write(document) if version is SFA1 else geni.write(document, version))


def version_of(data: bytes | str) -> Version:
    """The spelling of a document. Raises `BadArgument`."""
    return spelling(elements.parse(data))


def spelling(root: elements.Element) -> Version:
    """The spelling that a root element begins. Raises `BadArgument`, which lists those that are read."""
    if root.tag == "RSpec":
        return SFA1
    for version in VERSIONS:
        if version.namespace and space(root) == version.namespace:
            return version
    known = ", ".join(f"{one.namespace or 'RSpec'} ({one})" for one in VERSIONS)
    raise BadArgument(f"rspec: <{local(root)[:40]}> of {space(root)[:80] or 'no namespace'}; expected one of {known}")
