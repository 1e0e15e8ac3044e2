"""Slices of other authorities, as they stand in this registry: a site ``sfa:<hrn>``, a slice, and its people.

The site's login base is made of all the components of the foreign authority's name, as the later originals made it;
they did not look whether two names become one, and here the second one is refused. People of a foreign slice exist for
that slice only: who names somebody as a user of its slice says nothing of that person anywhere else.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from planetlab.both import writing
from planetlab.calls import Call
from planetlab.credentials import Credential
from planetlab.errors import BadArgument, Conflict, NotFound
from planetlab.filters import Compare, both
from planetlab.gids import Gid
from planetlab.names import Hrn, SliceName, Urn
from planetlab.records.persons import KEY, PERSON
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import tags
from planetlab.registry.store import Row, Store
from slice_authority.methods import persons, slices
from slice_authority.sfa import things
from slice_authority.sfa.registering import slice_name

ROOM = 20  # slices that one foreign authority may have here, until an admin says otherwise at its site
MOST_USERS, MOST_KEYS = 200, 20
_LONG = 12  # characters of an hrn from which on its components are cut
_NOT_BASE = re.compile(r"[^a-z0-9]")


@frozen
class User:
    """Somebody who shall get into a slice's slivers: by URN, with SSH keys."""

    urn: Urn
    keys: tuple[str, ...]
    email: str = ""


def read_users(said: Any, where: str = "users") -> tuple[User, ...]:
    """Users as callers send them: an array of {urn, keys}; nothing is nobody. Raises `BadArgument`."""
    if said in (None, ""):
        return ()
    if not isinstance(said, list) or len(said) > MOST_USERS:
        raise BadArgument(f"expected an array of at most {MOST_USERS} users", where)
    return tuple(_user(one, f"{where}[{index}]") for index, one in enumerate(said))


def _user(said: Any, where: str) -> User:
    if not isinstance(said, Mapping):
        raise BadArgument("expected {urn, keys}", where)
    name = said.get("urn") or said.get("hrn")
    hrn, _ = things.xrn(name, "user", where)
    keys = said.get("keys") or []
    if not isinstance(keys, list) or len(keys) > MOST_KEYS or any(not isinstance(key, str) for key in keys):
        raise BadArgument(f"expected at most {MOST_KEYS} SSH keys as texts", f"{where}['keys']")
    return User(Urn.of(hrn, "user"), tuple(key.strip() for key in keys))


def login_base(authority: Hrn) -> str:
    """The login base of a foreign authority's site here.

    >>> login_base(Hrn.parse("onelab.upmc.fit_demo"))
    'one8up8fit8'
    """
    whole = len(str(authority))
    parts = [part.lower() for part in authority.path]
    if whole > _LONG:
        parts = [part[: max(1, int(len(part) * _LONG / whole))] for part in parts]
    return _NOT_BASE.sub("8", "8".join(parts))[:32]


def is_local_name(store: Store, hrn: Hrn) -> bool:
    """Whether a slice of this name would be one of a site of ours."""
    above = things.find(store, hrn.authority, "authority")
    return above is not None and above.is_ours and bool(above.row)


def local_slice(store: Store, hrn: Hrn) -> Row | None:
    """The slice of this name as it stands here, one of ours or one made here for another authority's; else None."""
    found = things.find(store, hrn, "slice")
    return found.row if found is not None and found.row["peer_id"] is None else None


def slice_for(call: Call, credential: Credential) -> Row:
    """The slice that a credential is on; for another authority's slice, one is made here. Raises `NotFound`."""
    store, target = call.store, credential.object
    if target.urn.kind != "slice":
        raise BadArgument(f"the credential is on the {target.urn.kind} {target.hrn}, expected one on a slice", "creds")
    there = local_slice(store, target.hrn)
    if there is not None:
        return there
    if is_local_name(store, target.hrn):
        raise NotFound(f"no slice has the name {target.hrn} here")
    store.must_write()
    site = _site(call, target.hrn.authority)
    return _slice(call, site, target, min(credential.expires, call.now + store.plc.slice_life))


def _site(call: Call, authority: Hrn) -> Row:
    store: Store = call.store
    base = login_base(authority)
    there = store.row(SITE, both(Compare("login_base", "=", base), store.live(SITE)))
    if there is not None:
        if not there["enabled"]:
            raise BadArgument(f"slices of {authority} are not taken here; the operator has disabled its site {base}")
        name = tags.value(store, SITE, there["site_id"], "hrn")
        if name != str(authority) or not things.is_anothers(store, SITE, there["site_id"]):
            raise Conflict(
                f"{authority} would be the site {base} here, which is another's; an admin must rename that one"
            )
        return there
    fields = {"name": f"sfa:{authority}"[:254], "abbreviated_name": base, "login_base": base, "is_public": False}
    number = writing.add(store, SITE, {**fields, "max_slices": ROOM}, "site")
    tags.put(store, SITE, number, "hrn", str(authority))
    things.mark_anothers(store, SITE, number)
    return store.find(SITE, number)


def _slice(call: Call, site: Row, target: Gid, expires: float) -> Row:
    store: Store = call.store
    slices.must_have_room(store, site)
    name = slice_name(site["login_base"], target.hrn.leaf)
    _must_be_free(store, name, target.hrn)
    number = writing.add(
        store,
        SLICE,
        {"name": str(name), "description": f"slice {target.hrn} of another authority"},
        "slice",
        site_id=site["site_id"],
        expires=int(expires),
    )
    tags.put(store, SLICE, number, "hrn", str(target.hrn))
    things.mark_anothers(store, SLICE, number)
    return store.find(SLICE, number)


def _must_be_free(store: Store, name: SliceName, hrn: Hrn) -> None:
    taken = store.row(SLICE, both(Compare("name", "=", str(name)), store.live(SLICE)), ("slice_id",))
    if taken is not None:
        other = tags.value(store, SLICE, taken["slice_id"], "hrn")
        raise Conflict(f"{hrn} would be the slice {name} here, which is {other}'s name already")


def is_foreign(store: Store, one: Row) -> bool:
    """Whether a slice was made here for another authority's."""
    return things.is_anothers(store, SLICE, one["slice_id"])


def put_users(call: Call, one: Row, users: Sequence[User]) -> None:
    """Let exactly these people, with these keys, into a foreign slice's slivers.

    Somebody of our own registry gets in with the keys that are registered here, whatever the call says.
    """
    store: Store = call.store
    wanted = {}
    for user in users:
        ours = things.find(store, user.urn.hrn, "user")
        person = ours.row if ours is not None and ours.is_ours else _person(store, one, user)
        wanted[person["person_id"]] = person
    for number in set(store.list_of(SLICE, "person_ids", one["slice_id"])) - set(wanted):
        slices.remove_member(store, one, {"person_id": number})
    for person in wanted.values():
        slices.add_member(store, one, person)


def _person(store: Store, one: Row, user: User) -> Row:
    digest = hashlib.sha256(str(user.urn).encode()).hexdigest()[:16]
    leaf = re.sub(r"[^A-Za-z0-9_-]", "_", user.urn.hrn.leaf)[:40]
    address = f"{leaf}.{digest}@slice{one['slice_id']}.sfa".lower()
    there = store.row(PERSON, both(Compare("email", "=", address), store.live(PERSON)))
    if there is None:
        said = {"email": address, "first_name": leaf, "last_name": str(user.urn.hrn.authority)[:128]}
        number = writing.add(store, PERSON, {**said, "bio": str(user.urn)[:254], "enabled": True}, "users")
        things.mark_anothers(store, PERSON, number)
        there = store.find(PERSON, number)
    have = {row["key"]: row["key_id"] for row in store.rows(KEY, Compare("person_id", "=", there["person_id"]))}
    for key in dict.fromkeys(user.keys):
        if key not in have:
            persons.add_key(store, there["person_id"], {"key_type": "ssh", "key": key}, "users['keys']")
    for key, key_id in have.items():
        if key not in user.keys:
            writing.remove(store, KEY, key_id)
    return there
