"""Values into HTML: every value is escaped, and a template that asks for what is not there is an error."""

import pathlib
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from planetlab.redact import one_line
from web.pages import MENU, age

HERE = pathlib.Path(__file__).parent
MOST = 2000  # characters of any one text that is shown


def _seen(value: Any) -> Any:
    """Text of others without what cannot be seen; what a template has escaped itself stays."""
    return one_line(value, MOST) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT = Environment(
    finalize=_seen,
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
)
_ENVIRONMENT.filters["age"] = age
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "max-age=10",
}

# With forms: browsers tell a site of its own forms that they are its own only if it lets them.
FORM_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'"),
    "Referrer-Policy": "same-origin",
}


def html(template: str, **values: Any) -> bytes:
    """The page that ``template`` makes of ``values``."""
    return _ENVIRONMENT.get_template(f"{template}.html").render(menu=MENU, **values).encode()


def style() -> bytes:
    """The one style sheet."""
    return (HERE / "static" / "style.css").read_bytes()
