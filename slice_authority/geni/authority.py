"""What the services of the Federation API have alike: version, lookup, create, update, delete, by a table of kinds.

Callers are known by their TLS certificate, or a tool speaks for them (``options['speaking_for']``); credentials that
are handed in beside are read for that alone, since the registry knows better than they who may do what now.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api, Role
from planetlab.names import Urn
from planetlab.registry.store import Row
from slice_authority.geni import callers, membership, objects
from slice_authority.geni.objects import Kind

ANY = (Role.ANONYMOUS,)
VERSION = "2"
Type = Annotated[Any, "The type of object, such as SLICE."]
Credentials = Annotated[Any, "An array of credentials as {geni_type, geni_version, geni_value}; may be empty."]
Options = Annotated[Any, "A struct: match, filter, fields, speaking_for."]
Name = Annotated[Any, "A URN; a KEY_ID where keys are meant."]


def service(kinds: Mapping[str, Kind], name: str, path: str) -> Api:
    """The five methods that the service of this name has for its ``kinds``. ``path`` is where it is served."""
    api = Api(auth=None)

    @api.method(*ANY, reads=True)
    def get_version(call: Call, options: Options = None) -> Row:
        """Say what this service is: its API's version, its types of objects, roles, and how it knows its callers."""
        return version(call, kinds, name, path)

    @api.method(*ANY, reads=True)
    def lookup(call: Call, type: Type, credentials: Credentials, options: Options) -> Row:
        """Find objects by ``options.match``: a struct by their key, with the fields in ``options.filter``.

        A list in the match means any of its values. Fields that the caller may not see are left out, and match nothing.
        """
        kind = objects.served(kinds, type)
        return objects.lookup(callers.acting(call, credentials, options), kind, options)

    @api.method(*ANY)
    def create(call: Call, type: Type, credentials: Credentials, options: Options) -> Row:
        """Make an object of ``options.fields``, and give it whole."""
        kind = objects.served(kinds, type)
        make, fields = objects.must(kind, "create"), objects.given(kind, options, "create")
        made: Row = make(callers.acting(call, credentials, options), fields)
        return made

    @api.method(*ANY)
    def update(call: Call, type: Type, urn: Name, credentials: Credentials, options: Options) -> Any:
        """Change the fields of an object that ``options.fields`` names."""
        kind = objects.served(kinds, type)
        change, fields = objects.must(kind, "update"), objects.given(kind, options, "update")
        change(callers.acting(call, credentials, options), urn, fields)

    @api.method(*ANY)
    def delete(call: Call, type: Type, urn: Name, credentials: Credentials, options: Options) -> Any:
        """Delete an object. Slices and projects are not deleted here: a slice ends by itself."""
        remove = objects.must(objects.served(kinds, type), "delete")
        remove(callers.acting(call, credentials, options), urn)

    return api


def version(call: Call, kinds: Mapping[str, Kind], name: str, path: str) -> Row:
    """What ``get_version`` tells."""
    url = f"{call.store.plc.sfa_places.registry.rstrip('/')}/{path}"
    return {
        "VERSION": VERSION,
        "URN": str(Urn(call.store.plc.hrn.path, "authority", name)),
        "SERVICES": list(kinds),
        "OBJECTS": list(kinds),
        "ROLES": list(membership.ROLES),
        "CREDENTIAL_TYPES": [{"type": "geni_sfa", "version": "3"}, {"type": "geni_abac", "version": "1"}],
        "FIELDS": {},
        "API_VERSIONS": {VERSION: url},
        "IMPLEMENTATION": {"code_version": "plfed"},
    }


def typed(said: Any, kinds: Mapping[str, Any]) -> Any:
    """What a call's type stands for. Raises `BadArgument`."""
    if not isinstance(said, str) or said.upper() not in kinds:
        raise BadArgument(f"expected one of {', '.join(kinds)}, got {said!r:.40}", "type")
    return kinds[said.upper()]
