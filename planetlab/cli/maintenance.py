"""The maintenance account of an authority whose folder is on this machine: what its operators call it as."""

import pathlib
import tomllib
from typing import Any
from urllib.parse import urlsplit

from planetlab.cli.facts import FACTS
from planetlab.errors import BadSettings

SETTINGS = ("slice_authority.toml", "mgmt_authority.toml")


def settings_in(folder: str) -> pathlib.Path | None:
    """The settings of the authority in a folder; None for a demo's folder. Raises `BadSettings` when it is neither."""
    if (pathlib.Path(folder) / FACTS).exists():
        return None
    there = [pathlib.Path(folder) / name for name in SETTINGS]
    found = next((path for path in there if path.exists()), None)
    if found is None:
        raise BadSettings(f"--dir {folder}: expected a demo's {FACTS}, or an authority's {SETTINGS[0]}")
    return found


def account(path: pathlib.Path) -> tuple[str, str | None, dict[str, Any]]:
    """Address and CA of the authority with these settings, and the auth struct of its maintenance account."""
    try:
        known = tomllib.loads(path.read_text(encoding="utf-8"))
        where = known["listen"][0]
        port = int(where.split(":")[1])
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise BadSettings(f"{path} is no authority's settings: expected TOML with listen = ['tcp:PORT…']") from error
    host = urlsplit(str(known.get("sibling", ""))).hostname or "127.0.0.1"
    words = known.get("maintenance_user"), known.get("maintenance_password")
    own = {"AuthMethod": "capability", "Username": words[0], "AuthString": words[1]} if all(words) else None
    return f"https://{host}:{port}/PLCAPI/", str(known["ca"]) if "ca" in known else None, own or {}
