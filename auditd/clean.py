"""Text from outside, made harmless for a page, a line and a table. Escaping for HTML is the template's."""

import re

MOST = 200  # characters of any one text that is shown
# C0 and C1 controls, DEL; separators that end a line; bidirectional controls; zero-width and other invisible marks;
# halves of surrogate pairs; tags and other format characters that hide text. As Unicode 15 lists them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_FORMULA = ("=", "+", "-", "@", "|", "%")


def line(text: object, most: int = MOST) -> str:
    """One line without anything unseen; ``text`` may be bytes of unknown encoding. Cut to ``most`` characters.

    >>> line("a\\r\\nSet-Cookie: b")
    'a  Set-Cookie: b'
    """
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    if len(told) <= most and told.isascii() and told.isprintable():
        return told  # as almost all
    seen = _UNSEEN.sub(lambda found: " " if found.group() in "\t\n\r" else "", told[: most * 4])
    return seen if len(seen) <= most else seen[: most - 1] + "…"


def cell(value: object) -> str:
    """A cell of CSV that no spreadsheet takes for a formula. Numbers stay as they are.

    >>> cell("=HYPERLINK()")
    "'=HYPERLINK()"
    """
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    told = line(value)
    return f"'{told}" if told.startswith(_FORMULA) else told
