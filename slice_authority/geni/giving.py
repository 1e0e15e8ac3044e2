"""Credentials for who is known by its TLS certificate, and has rights by the registry."""

from typing import Any

from planetlab.calls import Call
from planetlab.errors import Forbidden
from planetlab.records.persons import PERSON
from planetlab.registry.store import Row
from slice_authority.sfa import allowing, granting, records, rights, speaking, things
from slice_authority.sfa.things import Thing
from slice_authority.sfa.visitor import Visitor


def credential(call: Call, person: Row, thing: Thing, options: Any = None) -> str:
    """A person's credential on a thing, XML. Raises `Forbidden` where the registry gives it no right.

    Its owner's certificate has the key of the caller's connection, unless a tool speaks for the person.
    """
    name = things.name_of(call.store, PERSON, person["person_id"])
    if name is None:
        raise Forbidden(f"{person['email']} has no name in the federation; an admin puts the person into a site first")
    held = rights.of(call.store, person, thing)
    if not held:
        raise Forbidden(f"{name} has no rights to {thing.kind} {thing.hrn}")
    visitor = call.caller
    if isinstance(visitor, Visitor) and not speaking.asked(options if isinstance(options, dict) else None):
        owner = allowing.identity(call.store).certify(call.store, name, "user", visitor.key, person["email"])
    else:
        owner = records.gid_of(call.store, Thing(name, "user", person))
    itself = thing.kind == "user" and thing.number == person["person_id"]
    return granting.given(call.store, owner, owner if itself else records.gid_of(call.store, thing), held, thing)


def listed(text: str) -> list[dict[str, str]]:
    """A credential as GENI's interfaces hand it out."""
    return [{"geni_type": "geni_sfa", "geni_version": "3", "geni_value": text}]
