"""The member authority service of the Common Federation API, version 2: persons, their keys, and their credentials."""

from planetlab.calls import Call
from planetlab.methods import Api, unite
from planetlab.registry.store import Row
from slice_authority.geni import authority, callers, giving, member_kind, naming
from slice_authority.geni.authority import ANY, Credentials, Name, Options
from slice_authority.sfa import things

KINDS = member_kind.KINDS
own = Api(auth=None)


@own.method(*ANY)
def get_credentials(call: Call, member_urn: Name, credentials: Credentials, options: Options = None) -> list[Row]:
    """Give the caller's credential on a member: on itself, or on anybody as an admin."""
    person = callers.person(call, credentials, options)
    urn = naming.parsed(member_urn, naming.PERSONS, "member_urn")
    thing = things.get(call.store, urn.hrn, "user")
    return giving.listed(giving.credential(call, person, thing, options))


api = unite(authority.service(KINDS, "ma", "MA"), own)
