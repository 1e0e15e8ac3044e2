"""What the Federation API keeps beyond the PLC API: roles within slices and sites, and slivers that were reported."""

from collections.abc import Iterable

from attrs import frozen

from planetlab.registry.store import Store


@frozen(kw_only=True)
class SliverInfo:
    """A sliver as an aggregate or a slice's member reported it; names are URNs, times epoch seconds."""

    urn: str
    slice_id: int
    aggregate: str
    creator: str
    created: int
    expires: int | None = None


def roles(store: Store, kind: str, number: int) -> dict[int, str]:
    """The roles that were said of persons in a ``slice`` or ``site``, by person."""
    rows = store.ask("SELECT person_id, role FROM member_roles WHERE kind = ? AND number = ?", [kind, number])
    return {row["person_id"]: row["role"] for row in rows}


def put_role(store: Store, kind: str, number: int, person_id: int, role: str) -> None:
    """Say a person's role, in place of what was said before."""
    store.change(
        "INSERT INTO member_roles (kind, number, person_id, role) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (kind, number, person_id) DO UPDATE SET role = excluded.role",
        [kind, number, person_id, role],
    )


def drop_role(store: Store, kind: str, number: int, person_id: int) -> None:
    """Know nothing more of a person's role."""
    store.change("DELETE FROM member_roles WHERE kind = ? AND number = ? AND person_id = ?", [kind, number, person_id])


def slivers(store: Store, slice_ids: Iterable[int] | None = None) -> list[SliverInfo]:
    """The slivers reported for these slices, or all of them."""
    rows = store.ask("SELECT urn, slice_id, aggregate, creator, created, expires FROM sliver_infos ORDER BY urn")
    wanted = None if slice_ids is None else set(slice_ids)
    return [SliverInfo(**row) for row in rows if wanted is None or row["slice_id"] in wanted]


def sliver(store: Store, urn: str) -> SliverInfo | None:
    """The sliver that was reported under this name, or None."""
    rows = store.ask(
        "SELECT urn, slice_id, aggregate, creator, created, expires FROM sliver_infos WHERE urn = ?", [urn]
    )
    return SliverInfo(**rows[0]) if rows else None


def put_sliver(store: Store, one: SliverInfo) -> None:
    """Keep a report, in place of an earlier one of the same sliver."""
    store.change(
        "INSERT INTO sliver_infos (urn, slice_id, aggregate, creator, created, expires) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (urn) DO UPDATE SET slice_id = excluded.slice_id, aggregate = excluded.aggregate, "
        "creator = excluded.creator, created = excluded.created, expires = excluded.expires",
        [one.urn, one.slice_id, one.aggregate, one.creator, one.created, one.expires],
    )


def drop_sliver(store: Store, urn: str) -> None:
    """Know nothing more of a sliver."""
    store.change("DELETE FROM sliver_infos WHERE urn = ?", [urn])


def tidy(store: Store) -> int:
    """Forget what was said of slices, sites and persons that are there no more; how much that was."""
    gone = store.change(
        "DELETE FROM member_roles WHERE person_id NOT IN (SELECT person_id FROM persons WHERE deleted = 0) "
        "OR (kind = 'slice' AND number NOT IN (SELECT slice_id FROM slices WHERE is_deleted = 0)) "
        "OR (kind = 'site' AND number NOT IN (SELECT site_id FROM sites WHERE deleted = 0))"
    )
    return gone + store.change(
        "DELETE FROM sliver_infos WHERE slice_id NOT IN (SELECT slice_id FROM slices WHERE is_deleted = 0)"
    )
