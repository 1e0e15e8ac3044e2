"""Certificates and credentials that this authority has given, and what it has revoked."""

from uuid import UUID

from attrs import frozen

from planetlab.registry.store import Store


@frozen
class Given:
    """A credential that was issued; ``owner`` and ``target`` are URNs, times epoch seconds."""

    serial: str
    digest: str
    owner: str
    target: str
    privileges: str
    issued: int
    expires: int


def gid(store: Store, urn: str, key: str) -> tuple[bytes, int] | None:
    """The chain, PEM, that was given for this name and key, and when it ends. ``key`` is its fingerprint, for a
    certificate with an address that and the address.
    """
    rows = store.ask("SELECT chain, expires FROM gids WHERE urn = ? AND key = ?", [urn, key])
    return (bytes(rows[0]["chain"]), int(rows[0]["expires"])) if rows else None


def has_given(store: Store, urn: str, key: str) -> bool:
    """Whether a certificate was given for this name and key fingerprint, with an address or without."""
    return bool(store.ask("SELECT 1 FROM gids WHERE urn = ? AND substr(key, 1, 64) = ? LIMIT 1", [urn, key]))


def newest_gid(store: Store, urn: str) -> tuple[bytes, int] | None:
    """As `gid`, whatever its key: the one that was given last."""
    rows = store.ask("SELECT chain, expires FROM gids WHERE urn = ? ORDER BY issued DESC LIMIT 1", [urn])
    return (bytes(rows[0]["chain"]), int(rows[0]["expires"])) if rows else None


def uuid_of(store: Store, urn: str) -> UUID | None:
    """The number by which a name that is used again for another thing can be told from the first."""
    rows = store.ask("SELECT uuid FROM gids WHERE urn = ? LIMIT 1", [urn])
    return UUID(rows[0]["uuid"]) if rows else None


def keep_gid(store: Store, urn: str, key: str, uuid: UUID, chain: bytes, expires: float) -> None:
    """Remember a certificate that was given."""
    store.change(
        "INSERT INTO gids (urn, key, uuid, chain, expires, issued) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (urn, key) DO UPDATE SET chain = excluded.chain, expires = excluded.expires, "
        "issued = excluded.issued",
        [urn, key, str(uuid), chain, int(expires), int(store.now)],
    )


def forget_gids(store: Store, urn: str) -> None:
    """A thing is gone: what has its name later gets a new certificate and number."""
    store.change("DELETE FROM gids WHERE urn = ?", [urn])


def keep_credential(store: Store, given: Given) -> None:
    """Remember a credential that was issued."""
    store.change(
        "INSERT INTO credentials (serial, digest, owner, target, privileges, issued, expires) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [given.serial, given.digest, given.owner, given.target, given.privileges, given.issued, given.expires],
    )


def credentials(store: Store, owner: str = "", target: str = "") -> list[Given]:
    """The credentials that were issued to an owner, on a target, or to all on all, and that are not over."""
    rows = store.ask(
        "SELECT serial, digest, owner, target, privileges, issued, expires FROM credentials "
        "WHERE expires > ? AND (? = '' OR owner = ?) AND (? = '' OR target = ?) ORDER BY issued, serial",
        [int(store.now), owner, owner, target, target],
    )
    return [Given(**row) for row in rows]


def revoke(store: Store, kind: str, name: str, why: str, expires: float | None = None) -> bool:
    """Believe a credential (by digest) or a key (by fingerprint) no more; whether it was believed until now."""
    return bool(
        store.change(
            "INSERT INTO revoked (kind, name, why, at, expires) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [kind, name, why, int(store.now), None if expires is None else int(expires)],
        )
    )


def revoked(store: Store, kind: str, names: list[str]) -> str | None:
    """Why one of ``names`` is believed no more, or None."""
    marks = ", ".join("?" * len(names))
    rows = store.ask(f"SELECT why FROM revoked WHERE kind = ? AND name IN ({marks}) LIMIT 1", [kind, *names])
    return str(rows[0]["why"]) if rows else None


def tidy(store: Store) -> int:
    """Forget papers that are over by themselves; how many there were."""
    old = [int(store.now) - 86_400]
    gone = store.change("DELETE FROM credentials WHERE expires < ?", old)
    gone += store.change("DELETE FROM revoked WHERE expires IS NOT NULL AND expires < ?", old)
    return gone + store.change("DELETE FROM gids WHERE expires < ?", old)
