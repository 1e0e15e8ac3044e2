"""Switches among a call's options, as the field's clients set them."""

from collections.abc import Mapping
from typing import Any

from planetlab.errors import BadArgument

_SAID = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


def is_set(options: Mapping[str, Any], name: str) -> bool:
    """Whether an option is set: by a boolean, by 1 or 0, or by such a word in any case; nil is no.

    Raises `BadArgument` for anything else, which some would take for yes.
    """
    said = options.get(name)
    if said is None or isinstance(said, bool):
        return bool(said)
    word = str(said).strip().lower() if isinstance(said, str | int) else ""
    if word not in _SAID or not isinstance(said, str | int):
        raise BadArgument(f"expected true or false, got {said!r:.40}", f"options[{name!r}]")
    return _SAID[word]
