"""The service registry of the Common Federation API, version 2: which services there are, and whom this PLC believes.

It tells of this authority's own services and of the aggregates that its operator names; nobody need show who asks.
"""

from typing import Any

from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api
from planetlab.names import Hrn, Urn
from planetlab.registry.store import Row
from slice_authority.geni import authority, objects
from slice_authority.geni.authority import ANY, Credentials, Options, Type
from slice_authority.geni.objects import Field, Kind, Object
from slice_authority.sfa import allowing, granting, things

AGGREGATE, SLICES, MEMBERS = 0, 1, 3  # words of SERVICE_TYPE
_WORDS = {"AGGREGATE_MANAGER": AGGREGATE, "SLICE_AUTHORITY": SLICES, "MEMBER_AUTHORITY": MEMBERS}
_MOST = 1000  # URNs in one call
api = Api(auth=None)


def _services(call: Call) -> list[Object]:
    place, own = call.store.plc.sfa_places, call.store.plc.hrn
    pem = granting.pem_of(allowing.identity(call.store).chain)
    base = place.registry.rstrip("/")
    found = [
        _service(own, "sa", f"{base}/SA", SLICES, "slices and projects", pem),
        _service(own, "ma", f"{base}/MA", MEMBERS, "persons and their keys", pem),
    ]
    if place.aggregate:
        found.append(_service(own, "am", place.aggregate, AGGREGATE, "slivers on the nodes", pem))
    return found + [_service(one.hrn, "am", one.url, AGGREGATE, "slivers", "") for one in place.aggregates]


def _service(hrn: Hrn, name: str, url: str, kind: int, says: str, pem: str) -> Object:
    return {
        "SERVICE_URN": str(Urn(hrn.path, "authority", name)),
        "SERVICE_URL": url,
        "SERVICE_CERT": pem,
        "SERVICE_NAME": f"{hrn} {name}",
        "SERVICE_DESCRIPTION": f"{says} of {hrn}",
        "SERVICE_TYPE": kind,
        # The two that clients of GENI's own portal need of each aggregate.
        "_GENI_SERVICE_SHORT_NAME": str(hrn),
        "_GENI_SERVICE_ATTRIBUTES": {"UI_AM_TYPE": "ui_other_am"} if kind == AGGREGATE else {},
    }


SERVICE = Kind(
    type="SERVICE",
    key="SERVICE_URN",
    fields=(
        Field("SERVICE_URN", "URN"),
        Field("SERVICE_URL", "URL"),
        Field("SERVICE_CERT", "CERTIFICATE"),
        Field("SERVICE_NAME", "STRING"),
        Field("SERVICE_DESCRIPTION", "STRING"),
        Field("SERVICE_TYPE", "SERVICE_TYPE"),
        Field("_GENI_SERVICE_SHORT_NAME", "STRING"),
        Field("_GENI_SERVICE_ATTRIBUTES", "STRUCT"),
    ),
    find=lambda call, match: _services(call),
)
_SUPPLEMENTARY = {
    one.name: {"OBJECT": "SERVICE", "TYPE": one.type} for one in SERVICE.fields if one.name.startswith("_")
}


@api.method(*ANY, reads=True)
def get_version(call: Call, options: Options = None) -> Row:
    """Say what this service is, and which fields it tells beyond the standard's."""
    said = authority.version(call, {"SERVICE": SERVICE}, "sr", "SR")
    kinds = [{"TYPE": number, "NAME": name} for name, number in _WORDS.items()]
    return {**said, "FIELDS": _SUPPLEMENTARY, "SERVICE_TYPES": [one["NAME"] for one in kinds]}


@api.method(*ANY, reads=True)
def lookup(call: Call, type: Type, credentials: Credentials = None, options: Options = None) -> list[Row]:
    """Find services by ``options.match``, which may be left out; a type is its number or its word.

    Nobody need show credentials: some clients leave their place out and send the options there.
    """
    objects.served({"SERVICE": SERVICE}, type)
    return _found(call, credentials if isinstance(credentials, dict) else options)


@api.method(*ANY, reads=True)
def lookup_aggregates(call: Call, options: Options = None) -> list[Row]:
    """List the aggregates."""
    return _found(call, options, AGGREGATE)


@api.method(*ANY, reads=True)
def lookup_slice_authorities(call: Call, options: Options = None) -> list[Row]:
    """List the slice authorities: this one."""
    return _found(call, options, SLICES)


@api.method(*ANY, reads=True)
def lookup_member_authorities(call: Call, options: Options = None) -> list[Row]:
    """List the member authorities: this one."""
    return _found(call, options, MEMBERS)


@api.method(*ANY, reads=True)
def lookup_authorities_for_urns(call: Call, urns: Any) -> Row:
    """Tell for each URN the address of the service that answers for it; a name that is not ours has none."""
    if not isinstance(urns, list) or len(urns) > _MOST:
        raise BadArgument(f"expected an array of at most {_MOST} URNs", "urns")
    base = call.store.plc.sfa_places.registry.rstrip("/")
    found = {}
    for said in urns:
        hrn, kind = things.xrn(said, "", "urns")
        if call.store.plc.hrn.governs(hrn):
            found[said] = f"{base}/{'MA' if kind == 'user' else 'SA'}"
    return found


@api.method(*ANY, reads=True)
def get_trust_roots(call: Call) -> list[str]:
    """Give the certificates of the roots that are believed here, PEM."""
    return granting.trusted(call.store)


def _found(call: Call, options: Any, kind: int | None = None) -> list[Row]:
    asked = dict(options) if isinstance(options, dict) else {}
    match = dict(asked.get("match") or {})
    if "SERVICE_TYPE" in match:
        said = match["SERVICE_TYPE"]
        match["SERVICE_TYPE"] = [_WORDS.get(str(one), one) for one in (said if isinstance(said, list) else [said])]
    found = objects.lookup(call, SERVICE, {**asked, "match": match, "filter": None})
    chosen = [one for one in found.values() if kind is None or one["SERVICE_TYPE"] == kind]
    names = asked.get("filter")
    return [{name: one[name] for name in names if name in one} for one in chosen] if names else chosen
