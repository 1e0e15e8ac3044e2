"""The reference of an interface, printed from its declarations: Markdown for `docs/`, HTML for a browser."""

from jinja2 import Environment, StrictUndefined

from planetlab.methods import Api, Argument, Method

_MARKDOWN = """\
# {{ title }}

{{ methods | length }} methods. An argument in brackets may be left out; `auth` is the struct that says who calls.
{% for method in methods %}
## {{ method.name }}

    {{ method | call }}

{{ method.doc }}

{% if method.status != "current" -%}
Deprecated.
{% endif -%}
Roles: {{ method | roles }}.{% if method.reads %} Changes nothing.{% endif %}

{% for argument in method.wire_arguments -%}
* `{{ argument.name }}`: `{{ argument.shape.text() }}`{{ argument | told }}
{% endfor -%}
* returns `{{ method.returns.text() }}`
{% endfor %}"""

_HTML = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title }}</title></head>
<body>
<h1>{{ title }}</h1>
<p>{{ methods | length }} methods. An argument in brackets may be left out; <code>auth</code> is the struct that says
who calls.</p>
<ul>
{% for method in methods %}<li><a href="#{{ method.name }}">{{ method.name }}</a></li>
{% endfor %}</ul>
{% for method in methods %}
<section id="{{ method.name }}">
<h2>{{ method.name }}</h2>
<pre>{{ method | call }}</pre>
{% for paragraph in method.doc.split("\\n\\n") %}<p>{{ paragraph }}</p>
{% endfor %}<p>{% if method.status != "current" %}Deprecated. {% endif %}Roles: {{ method | roles }}.
{%- if method.reads %} Changes nothing.{% endif %}</p>
<ul>
{% for argument in method.wire_arguments -%}
<li><code>{{ argument.name }}</code>: <code>{{ argument.shape.text() }}</code>{{ argument | told }}</li>
{% endfor -%}
<li>returns <code>{{ method.returns.text() }}</code></li>
</ul>
</section>
{% endfor %}
</body>
</html>
"""


def _call(method: Method) -> str:
    shown = [f"[{argument.name}]" if argument.optional else argument.name for argument in method.wire_arguments]
    return f"{method.name}({', '.join(shown)}) -> {method.returns.wire}"


def _roles(method: Method) -> str:
    return ", ".join(sorted(method.roles)) or "any"


def _told(argument: Argument) -> str:
    said = getattr(argument.shape, "doc", "")
    return f" {said}" if said else ""


def _render(template: str, title: str, api: Api, escape: bool) -> str:
    environment = Environment(autoescape=escape, undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters.update(call=_call, roles=_roles, told=_told)
    methods = [api[name] for name in sorted(api)]
    return environment.from_string(template).render(title=title, methods=methods)


def markdown(title: str, api: Api) -> str:
    """One page with every method: its call, its doc, its roles, its arguments."""
    return _render(_MARKDOWN, title, api, escape=False)


def html(title: str, api: Api) -> str:
    """The same for a browser."""
    return _render(_HTML, title, api, escape=True)
