"""Whose a credential is, before anybody has verified it: good for choosing what to send to whom, for nothing else."""

from planetlab import gids, keys, xml_text
from planetlab.errors import PlanetLabError
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.presented import Presented


def is_held_by(text: bytes, holder: Gid) -> bool:
    """Whether a credential says that its owner is this one."""
    try:
        root = xml_text.parse(text)
        owner = root.findtext("credential/owner_gid") or ""
        return keys.same(gids.read_chain(owner.encode("ascii", "replace"))[0].key, holder.key)
    except PlanetLabError:
        return False


def named(shown: Presented | None) -> Hrn | None:
    """The authority that a caller's certificate names; None for anybody else."""
    if shown is None:
        return None
    try:
        first = shown.chain()[0]
    except PlanetLabError:
        return None
    return first.hrn if first.urn.kind == "authority" else None
