"""A first look at XML that anybody may have sent, before a parser that keeps what it saw is let near it.

lxml shares one table of element and attribute names among all documents of a process and never empties it: documents
full of new names take memory that does not come back, and it builds the whole tree before anything can be counted.
expat, used here, sees each element as it comes, keeps nothing, and ends at the first that is too much.
"""

from xml.parsers import expat

from planetlab.errors import BadArgument

DEPTH = 32  # elements inside each other
ELEMENTS = 100_000
NAMES = 300  # different names of elements, attributes and namespaces
LENGTH = 200  # characters of one name


class _Seen:
    def __init__(self, depth: int, elements: int, names: int) -> None:
        self.depth, self.elements, self.most = depth, elements, names
        self.inside = self.count = 0
        self.names: set[str] = set()

    def doctype(self, name: str, *_: object) -> None:
        raise BadArgument("a document type declaration is not accepted")

    def start(self, tag: str, attributes: list[str]) -> None:
        self.inside += 1
        self.count += 1
        if self.inside > self.depth:
            raise BadArgument(f"elements nest deeper than {self.depth}")
        if self.count > self.elements:
            raise BadArgument(f"at most {self.elements} elements are read")
        self._name(tag)
        for i in range(0, len(attributes), 2):
            self._name(attributes[i])

    def end(self, tag: str) -> None:
        self.inside -= 1

    def instruction(self, target: str, data: str) -> None:
        self._name(target)

    def _name(self, name: str) -> None:
        if len(name) > LENGTH:
            raise BadArgument(f"names have at most {LENGTH} characters, got {name[:40]!r}…")
        self.names.add(name)
        if len(self.names) > self.most:
            raise BadArgument(f"at most {self.most} different names are read in one document")


def scan(data: bytes, depth: int = DEPTH, elements: int = ELEMENTS, names: int = NAMES) -> None:
    """Raise `BadArgument` unless ``data`` is well-formed XML without a document type, within the limits."""
    seen = _Seen(depth, elements, names)
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler = seen.doctype
    parser.StartElementHandler = seen.start
    parser.EndElementHandler = seen.end
    parser.ProcessingInstructionHandler = seen.instruction
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadArgument(f"expected an XML document: {error}") from None
