"""Slices: named by a site, made by its PIs, used by their members, gone when their time is over."""

from typing import Annotated, Any

from planetlab.both import forms, getting, hrns, rights, tagging, writing
from planetlab.both.callers import PersonCaller
from planetlab.calls import Call
from planetlab.errors import BadArgument, NotFound
from planetlab.failpoints import failpoint
from planetlab.filters import Compare, both
from planetlab.methods import Api, Role
from planetlab.records.persons import PERSON
from planetlab.records.rules import slice_name
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import tags
from planetlab.registry.store import Row, Store
from slice_authority import rules
from slice_authority.methods import placement
from slice_authority.methods.persons import PersonKey

api = Api()

SliceKey = Annotated[int | str, forms.id_or_name(SLICE)]
_CHANGES = ["description", "expires", "instantiation", "max_nodes", "url"]
_NEW = ["description", "instantiation", "max_nodes", "name", "url"]
NewSlice = Annotated[Row, forms.struct(SLICE, _NEW, tags=True)]
SliceChanges = Annotated[
    Row, forms.struct(SLICE, _CHANGES, tags=True, persons=forms.IDS_OR_NAMES, nodes=forms.IDS_OR_NAMES)
]

getting.declare(
    api,
    getting.Get(
        "Slices",
        SLICE,
        (Role.ADMIN, Role.PI, Role.USER, Role.NODE),
        forms.wanted(SLICE, scalars="string int"),
        "slice_filter",
        "List slices whose time is not over: all, those named by number or name, or those that fit a filter.",
        example=(["princeton_codeen"], ["slice_id", "name", "expires"]),
    ),
)


@api.method(Role.ADMIN, Role.PI)
def AddSlice(call: Call, slice_fields: NewSlice) -> int:
    """Make a slice at the site that its name begins with; it lives two weeks unless renewed.

    PIs make slices at their own sites, up to the site's ``max_slices``. Who makes a slice is not thereby a member.
    """
    return make(call, slice_fields)


@api.method(Role.ADMIN, Role.PI, Role.USER)
def UpdateSlice(call: Call, slice_id_or_name: SliceKey, slice_fields: SliceChanges) -> int:
    """Change a slice. Members, PIs of its site and admins may.

    A later ``expires`` is a renewal: the slice must have a description and a URL, its site must be allowed slices, and
    only admins go further than eight weeks from now. ``persons`` and ``nodes`` are full lists.
    """
    change_named(call, slice_id_or_name, slice_fields)
    return 1


@api.method(Role.ADMIN, Role.PI, Role.USER)
def DeleteSlice(call: Call, slice_id_or_name: SliceKey) -> int:
    """Delete a slice with its slivers, memberships and tags; its name is free again."""
    one = ours(call, slice_id_or_name)
    rights.must_change_slice(call, one)
    writing.remove(call.store, SLICE, one["slice_id"])
    return 1


@api.method(Role.ADMIN, Role.PI)
def AddPersonToSlice(call: Call, person_id_or_email: PersonKey, slice_id_or_name: SliceKey) -> int:
    """Make a person a member of a slice. PIs do so in slices of their sites."""
    person, one = _pair(call, person_id_or_email, slice_id_or_name)
    add_member(call.store, one, person)
    return 1


@api.method(Role.ADMIN, Role.PI)
def DeletePersonFromSlice(call: Call, person_id_or_email: PersonKey, slice_id_or_name: SliceKey) -> int:
    """Take a person out of a slice. PIs do so in slices of their sites."""
    person, one = _pair(call, person_id_or_email, slice_id_or_name)
    remove_member(call.store, one, person)
    return 1


def find(call: Call, key: int | str, fields: tuple[str, ...] | None = None) -> Row:
    """A live slice, with all it has where no ``fields`` are named. Its error is what old clients search for."""
    try:
        return call.store.find(SLICE, key, fields)
    except NotFound:
        raise NotFound(f"slice {key!r} does not exist") from None


def ours(call: Call, key: int | str, fields: tuple[str, ...] | None = None) -> Row:
    """A live slice of this PLC, as `find`."""
    one = find(call, key, fields)
    writing.must_be_ours(SLICE, one)
    return one


def make(call: Call, fields: Row) -> int:
    """Make a slice from fields as AddSlice takes them."""
    store: Store = call.store
    given = writing.sort_out(SLICE, fields, _NEW, where="slice_fields")
    if given.native.get("name") is None:
        raise BadArgument("name must be specified", "slice_fields")
    name = given.native["name"]
    slice_name(name)  # before whose it is, as the original
    prefix = name.partition("_")[0]
    site = store.row(SITE, Compare("login_base", "=", prefix))
    if site is None:
        raise BadArgument(f"Invalid slice prefix {prefix!r} in {name!r}: no site has this login base")
    writing.must_be_ours(SITE, site)
    rights.must_be_at_site(call, site["site_id"], "make slices")
    must_have_room(store, site)
    failpoint("create.quota-checked")
    creator = call.caller.person_id if isinstance(call.caller, PersonCaller) else None
    number = writing.add(
        store,
        SLICE,
        given.native,
        "slice_fields",
        site_id=site["site_id"],
        creator_person_id=creator,
        expires=int(call.now) + store.plc.slice_life,
    )
    failpoint("create.slice-row")
    if given.tags:
        tagging.put_exposed(call, SLICE, store.find(SLICE, number), given.tags, checked=True)
    hrns.name_slice(store, number, name)  # by its name, whatever was said
    for said in store.plc.default_vsys:
        kind = tags.kind(store, "vsys", "slice/rspec")
        store.insert(tags.OF["Slice"], {"slice_id": number, "tag_type_id": kind["tag_type_id"], "value": said})
    return number


def must_have_room(store: Store, site: Row) -> None:
    """Refuse a site another slice when it may have none, or has as many as it may."""
    alive = both(Compare("site_id", "=", site["site_id"]), store.live(SLICE))
    rules.room_for_a_slice(site, len(store.rows(SLICE, alive, ("slice_id",))))


def change_named(call: Call, key: int | str, fields: Row) -> None:
    """As `change`; what is no field is refused before the slice is looked up, whoever asks."""
    _sorted_out(fields)
    change(call, ours(call, key), fields)


def change(call: Call, one: Row, fields: Row) -> None:
    """Change a slice by fields as UpdateSlice takes them."""
    rights.must_change_slice(call, one)
    given = _sorted_out(fields)
    if given.native.get("expires") is not None:
        site = call.store.find(SITE, one["site_id"], ("max_slices",))
        most = None if call.is_admin else call.store.plc.longest_renewal
        rules.renewal(one, given.native, site["max_slices"], call.now, most)
    more = "max_nodes" in given.native and given.native["max_nodes"] != one["max_nodes"]
    if more and not call.roles & {Role.ADMIN, Role.PI}:
        raise BadArgument("only PIs and admins change max_nodes", "slice_fields['max_nodes']")
    for name, said in given.related.items():  # before the fields, as the original: who may not is told so first
        _RELATE[name](call, one, said)
    if given.native.get("expires") is not None:
        rules.in_time(given.native["expires"], call.now)
    writing.update(call.store, SLICE, one["slice_id"], given.native, "slice_fields")
    tagging.put_exposed(call, SLICE, one, given.tags, checked=True)


def _sorted_out(fields: Row) -> writing.Given:
    return writing.sort_out(SLICE, fields, _CHANGES, ("persons", "nodes"), "slice_fields")


def add_member(store: Store, one: Row, person: Row) -> None:
    """Make a person a member; who is one already stays one."""
    store.link("slice_person", slice_id=one["slice_id"], person_id=person["person_id"])
    told = f"Person {person['person_id']} added to slice {one['slice_id']}"
    store.note(told, Person=person["person_id"], Slice=one["slice_id"])
    failpoint("create.members")


def remove_member(store: Store, one: Row, person: Row) -> None:
    """Take a member out; who is none stays so."""
    store.unlink("slice_person", slice_id=one["slice_id"], person_id=person["person_id"])
    told = f"Person {person['person_id']} deleted from slice {one['slice_id']}"
    store.note(told, Person=person["person_id"], Slice=one["slice_id"])


def _pair(call: Call, person_key: int | str, slice_key: int | str) -> tuple[Row, Row]:
    person = call.store.find(PERSON, person_key)
    one = find(call, slice_key)
    if one["peer_id"] is not None and person["peer_id"] is not None:
        raise BadArgument("a peer's person in a peer's slice is not our affair")
    call.must(call.is_admin or rights.is_pi_at(call, one["site_id"]), "Not a PI of the slice's site")
    return person, one


def _set_persons(call: Call, one: Row, said: list[Any]) -> None:
    new, gone = writing.relinked(call, PERSON, one["person_ids"], said, "AddPersonToSlice", Role.ADMIN, Role.PI)
    for number in new:
        AddPersonToSlice(call, number, one["slice_id"])
    for number in gone:
        DeletePersonFromSlice(call, number, one["slice_id"])


_RELATE = {"persons": _set_persons, "nodes": placement.set_nodes}
