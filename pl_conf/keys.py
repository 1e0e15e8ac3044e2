"""The key sensor: who may log in to a slice here, told to programs of this node at once, from memory.

``GET /keys?slice=NAME`` gives an authorized_keys text, one key per line; 404 for a slice that is not here. Its readers
give it one second in all, so it never asks anything of anybody.
"""

from twisted.web.http import Request
from twisted.web.resource import Resource

from planetlab.names import SliceName


class Keys:
    """The keys of every slice here."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}

    def change(self, name: SliceName, keys: tuple[str, ...] | None) -> None:
        """Replace a slice's keys; None: the slice is here no more."""
        if keys is None:
            self._texts.pop(str(name), None)
        else:
            self._texts[str(name)] = "".join(f"{key}\n" for key in keys).encode()

    def text(self, name: str) -> bytes | None:
        """A slice's authorized_keys text; None when it is not here."""
        return self._texts.get(name)


class KeySensor(Resource):
    """The sensor as a web resource."""

    isLeaf = True

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys

    def render_GET(self, request: Request) -> bytes:
        name = request.args.get(b"slice", [b""])[0].decode("utf-8", "replace") if request.args else ""
        text = self._keys.text(name) if request.path == b"/keys" else None
        if text is None:
            return _plain(
                request, 404, b"no such slice here\n" if request.path == b"/keys" else b"ask for /keys?slice=NAME\n"
            )
        return _plain(request, 200, text)


def _plain(request: Request, code: int, text: bytes) -> bytes:
    request.setResponseCode(code)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    request.setHeader(b"x-content-type-options", b"nosniff")
    return text
