"""Postal addresses of sites, and what each is for."""

from typing import Annotated

from planetlab.both import forms, getting, rights, writing
from planetlab.both.methods.sites import SiteKey, ours
from planetlab.calls import Call
from planetlab.errors import DatabaseError
from planetlab.filters import HasAny
from planetlab.methods import Api, Role
from planetlab.records.sites import ADDRESS, ADDRESS_TYPE, SITE
from planetlab.registry.store import Row

api = Api()

AddressId = Annotated[int, forms.of(ADDRESS, "address_id")]
AddressFields = Annotated[Row, forms.struct(ADDRESS, ADDRESS.settable())]
TypeKey = Annotated[int | str, forms.id_or_name(ADDRESS_TYPE)]
TypeFields = Annotated[Row, forms.struct(ADDRESS_TYPE, ADDRESS_TYPE.settable())]
PERSONS_AND_NODES = (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE)

getting.declare(
    api,
    getting.Get(
        "Addresses", ADDRESS, PERSONS_AND_NODES, forms.wanted(ADDRESS, "id"), "address_filter", "List postal addresses."
    ),
    getting.Get(
        "AddressTypes",
        ADDRESS_TYPE,
        PERSONS_AND_NODES,
        forms.wanted(ADDRESS_TYPE),
        "address_type_filter",
        "List what an address may be for.",
    ),
)


@api.method(Role.ADMIN, Role.PI)
def AddSiteAddress(call: Call, site_id_or_login_base: SiteKey, address_fields: AddressFields) -> int:
    """Add a postal address to a site. PIs add to their own."""
    site = ours(call.store, site_id_or_login_base)
    rights.must_be_at_site(call, site["site_id"], "add an address")
    given = writing.sort_out(ADDRESS, address_fields, ADDRESS.settable())
    number = writing.add(call.store, ADDRESS, given.native, "address_fields")
    call.store.link("site_address", site_id=site["site_id"], address_id=number)
    call.store.note(Site=site["site_id"])
    return number


@api.method(Role.ADMIN, Role.PI)
def UpdateAddress(call: Call, address_id: AddressId, address_fields: AddressFields) -> int:
    """Change a postal address. PIs change those of their own sites."""
    address = _own(call, address_id)
    given = writing.sort_out(ADDRESS, address_fields, ADDRESS.settable())
    writing.update(call.store, ADDRESS, address["address_id"], given.native, "address_fields")
    return 1


@api.method(Role.ADMIN, Role.PI)
def DeleteAddress(call: Call, address_id: AddressId) -> int:
    """Delete a postal address. PIs delete those of their own sites."""
    writing.remove(call.store, ADDRESS, _own(call, address_id)["address_id"])
    return 1


@api.method(Role.ADMIN, Role.PI)
def AddAddressTypeToAddress(call: Call, address_type_id_or_name: TypeKey, address_id: AddressId) -> int:
    """Say what an address is for; saying it again is refused (106)."""
    kind = call.store.find(ADDRESS_TYPE, address_type_id_or_name)
    _own(call, address_id)
    if not call.store.link("address_address_type", address_id=address_id, address_type_id=kind["address_type_id"]):
        raise DatabaseError(f"Address {address_id} is {kind['name']} already")
    call.store.note(f"Address {address_id} is {kind['name']}", Address=address_id)
    return 1


@api.method(Role.ADMIN, Role.PI)
def DeleteAddressTypeFromAddress(call: Call, address_type_id_or_name: TypeKey, address_id: AddressId) -> int:
    """Take back what an address is for."""
    kind = call.store.find(ADDRESS_TYPE, address_type_id_or_name)
    _own(call, address_id)
    call.store.unlink("address_address_type", address_id=address_id, address_type_id=kind["address_type_id"])
    call.store.note(f"Address {address_id} is no longer {kind['name']}", Address=address_id)
    return 1


@api.method(Role.ADMIN)
def AddAddressType(call: Call, address_type_fields: TypeFields) -> int:
    """Add a use that addresses may have."""
    given = writing.sort_out(ADDRESS_TYPE, address_type_fields, ADDRESS_TYPE.settable())
    return writing.add(call.store, ADDRESS_TYPE, given.native, "address_type_fields")


@api.method(Role.ADMIN)
def UpdateAddressType(call: Call, address_type_id_or_name: TypeKey, address_type_fields: TypeFields) -> int:
    """Change a use of addresses."""
    kind = call.store.find(ADDRESS_TYPE, address_type_id_or_name)
    given = writing.sort_out(ADDRESS_TYPE, address_type_fields, ADDRESS_TYPE.settable())
    writing.update(call.store, ADDRESS_TYPE, kind["address_type_id"], given.native, "address_type_fields")
    return 1


@api.method(Role.ADMIN)
def DeleteAddressType(call: Call, address_type_id_or_name: TypeKey) -> int:
    """Delete a use of addresses; the addresses stay."""
    kind = call.store.find(ADDRESS_TYPE, address_type_id_or_name)
    writing.remove(call.store, ADDRESS_TYPE, kind["address_type_id"])
    return 1


def _own(call: Call, address_id: int) -> Row:
    """The address, if the caller may change it: an admin, or a PI of a site that has it."""
    address: Row = call.store.find(ADDRESS, address_id)
    if not call.is_admin:
        sites = call.store.rows(SITE, HasAny("address_ids", (address_id,)), ("site_id",))
        mine = any(rights.at_site(call, site["site_id"]) for site in sites)
        call.must(mine, f"Address {address_id} belongs to none of your sites")
    return address
