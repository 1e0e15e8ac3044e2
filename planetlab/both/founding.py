"""A new registry's first rows: words, roles, kinds of tags, mails, two accounts and the operator's own site."""

from planetlab.both import hrns, passwords
from planetlab.both.methods.sites import join
from planetlab.errors import Conflict
from planetlab.records.accessors import ACCESSORS, FIRST_TAGS
from planetlab.records.first import MESSAGES, PCU_MODELS
from planetlab.records.logs import MESSAGE
from planetlab.records.nodes import PCU_PROTOCOL_TYPE, PCU_TYPE
from planetlab.records.persons import PERSON, ROLE
from planetlab.records.rules import email as checked_email
from planetlab.records.sites import ADDRESS_TYPE, SITE
from planetlab.records.words import ADDRESS_TYPES, ROLES, WORDS
from planetlab.registry import tags, words
from planetlab.registry.opening import connect, prepare
from planetlab.registry.plc import Plc
from planetlab.registry.store import Store

NO_PASSWORD = "nopass"  # what no password fits; the maintenance account's stands in the settings


def found(path: str, plc: Plc, email: str, password: str, now: float) -> None:
    """Make the registry file at ``path`` with its first rows and the administrator ``email``.

    Raises `Conflict` when it has persons already, `BadArgument` for an address that is none.
    """
    prepare(path)
    connection = connect(path, "both")
    try:
        connection.execute("BEGIN IMMEDIATE")
        fill(Store(connection, now, plc), email, password)
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def fill(store: Store, email: str, password: str) -> None:
    """Write the first rows into an empty registry."""
    if store.rows(PERSON, fields=("person_id",)):
        raise Conflict("this registry has persons already")
    _words(store)
    for row in ACCESSORS:
        tags.kind(store, row.tag, row.category, row.writers)
    for first in FIRST_TAGS:
        tags.kind(store, first.tag, first.category, first.writers)
    for message in MESSAGES:
        store.insert(
            MESSAGE, {"message_id": message.message_id, "subject": message.subject, "template": message.template}
        )
    for model, name, ports in PCU_MODELS:
        number = store.insert(PCU_TYPE, {"model": model, "name": name})
        for port, protocol in ports:
            store.insert(PCU_PROTOCOL_TYPE, {"pcu_type_id": number, "port": port, "protocol": protocol})
    _people(store, email, password)


def _words(store: Store) -> None:
    for listed in WORDS:
        for word in listed.first:
            store.insert(listed.record, {listed.record.key: word})
    words.run_levels(store)
    for number, name in ROLES.items():
        store.insert(ROLE, {"role_id": number, "name": name})
    for name in ADDRESS_TYPES:
        store.insert(ADDRESS_TYPE, {"name": name})


def _people(store: Store, email: str, password: str) -> None:
    """Person 1 is the maintenance account, without a password here; person 2 the administrator, at site 1."""
    plc = store.plc
    maintenance = _person(store, plc.maintenance_user, "Maintenance", "Account", "")
    for role in ("admin", "pi", "user", "tech"):
        _grant(store, maintenance, role)
    admin = _person(store, email, "Default", "Administrator", password)
    for role in ("admin", "pi"):
        _grant(store, admin, role)
    site = store.insert(
        SITE,
        {
            "name": f"{plc.name} Central",
            "abbreviated_name": plc.name[:50],
            "login_base": plc.slice_prefix,
            "url": f"https://{plc.web_host}/",
            "max_slices": 100,
        },
    )
    hrns.name_site(store, site, plc.slice_prefix)
    join(store, admin, {"site_id": site})
    hrns.name_person(store, admin, checked_email(email), plc.slice_prefix)


def _person(store: Store, email: str, first: str, last: str, password: str) -> int:
    number: int = store.insert(
        PERSON,
        {
            "email": checked_email(email),
            "first_name": first,
            "last_name": last,
            "password": passwords.kept(password) if password else NO_PASSWORD,
            "enabled": True,
        },
    )
    return number


def _grant(store: Store, person_id: int, role: str) -> None:
    number = next(number for number, name in ROLES.items() if name == role)
    store.link("person_role", person_id=person_id, role_id=number)
