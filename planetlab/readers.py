"""Strangers who read our pages and send their forms: where they are, and what they sent, of which only so much is read.

A form counts only when a page of ours sent it: a browser says whose page it was, and another site's must not speak for
the reader who happens to be there.
"""

from urllib.parse import parse_qsl

from twisted.web.http import Request

from planetlab.errors import BadArgument, Forbidden
from planetlab.prefixes import plain
from planetlab.redact import one_line

MOST_FIELDS = 20


def viewer(request: Request) -> str:
    """The reader's address, IPv4 written as such; "" when it has none."""
    return plain(getattr(request.getClientAddress(), "host", "") or "")


def sent(request: Request, most: int) -> str:
    """What a request brings. Raises `BadArgument` for more than ``most`` bytes, `Forbidden` for another site's form."""
    origin = request.getHeader("origin")
    if origin is not None and origin.partition("://")[2] != (request.getHeader("host") or ""):
        raise Forbidden(f"expected a form of this page, got one of {one_line(origin, 80)}")
    assert request.content is not None
    body: bytes = request.content.read(most + 1)
    if len(body) > most:
        raise BadArgument(f"expected at most {most} bytes", "form")
    return body.decode("utf-8", "replace")


def fields(form: str) -> dict[str, str]:
    """The fields of a form, as a browser sends them. Raises `BadArgument`."""
    try:
        return dict(parse_qsl(form, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise BadArgument(f"expected at most {MOST_FIELDS} fields", "form") from None
