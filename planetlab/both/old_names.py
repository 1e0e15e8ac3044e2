"""Methods that the last release no longer exports and clients in the field still call: rows that say today's name.

A row may rename members of structs, filters, return fields and results, put separate values into one struct, or change
the order of arguments. What is no row, because no method of today does it alone, is a function of its half.
"""

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from planetlab.calls import Call
from planetlab.methods import Api, Argument, Method
from planetlab.shapes import Of, Shape

Names = Mapping[str, str]

INTERFACES: Names = {
    "nodenetwork_id": "interface_id",
    "nodenetwork_ids": "interface_ids",
    "nodenetwork_setting_ids": "interface_tag_ids",
}
INTERFACE_TAGS: Names = {
    "nodenetwork_setting_id": "interface_tag_id",
    "nodenetwork_setting_type_id": "tag_type_id",
    "nodenetwork_id": "interface_id",
    "name": "tagname",
}
TAG_TYPES: Names = {"nodenetwork_setting_type_id": "tag_type_id", "attribute_type_id": "tag_type_id", "name": "tagname"}
SLICE_TAGS: Names = {"slice_attribute_id": "slice_tag_id", "attribute_type_id": "tag_type_id", "name": "tagname"}
NODES: Names = {"nodenetwork_ids": "interface_ids"}
GROUPS: Names = {"name": "groupname"}


@frozen
class Old:
    """``name`` is today's ``new``. ``packs`` names the values that came one by one before the struct, which may be
    left out; ``keeps`` is how many arguments stand before those. ``order`` lists today's arguments by their old place.
    """

    name: str
    new: str
    renames: Names = field(factory=dict)
    packs: tuple[str, ...] = ()
    keeps: int = 0
    order: tuple[int, ...] = ()


ROWS = (
    Old("AddNodeNetwork", "AddInterface", INTERFACES),
    Old("UpdateNodeNetwork", "UpdateInterface", INTERFACES),
    Old("DeleteNodeNetwork", "DeleteInterface"),
    Old("GetNodeNetworks", "GetInterfaces", INTERFACES),
    Old("AddNodeNetworkSetting", "AddInterfaceTag"),
    Old("UpdateNodeNetworkSetting", "UpdateInterfaceTag"),
    Old("DeleteNodeNetworkSetting", "DeleteInterfaceTag"),
    Old("GetNodeNetworkSettings", "GetInterfaceTags", INTERFACE_TAGS),
    Old("AddNodeNetworkSettingType", "AddTagType", TAG_TYPES),
    Old("UpdateNodeNetworkSettingType", "UpdateTagType", TAG_TYPES),
    Old("DeleteNodeNetworkSettingType", "DeleteTagType"),
    Old("GetNodeNetworkSettingTypes", "GetTagTypes", TAG_TYPES),
    Old("AddSliceAttribute", "AddSliceTag"),
    Old("UpdateSliceAttribute", "UpdateSliceTag"),
    Old("DeleteSliceAttribute", "DeleteSliceTag"),
    Old("GetSliceAttributes", "GetSliceTags", SLICE_TAGS),
    Old("AddSliceAttributeType", "AddTagType", TAG_TYPES),
    Old("UpdateSliceAttributeType", "UpdateTagType", TAG_TYPES),
    Old("DeleteSliceAttributeType", "DeleteTagType"),
    Old("GetSliceAttributeTypes", "GetTagTypes", TAG_TYPES),
    Old("GetSliceSshKeys", "RetrieveSliceSliverKeys"),
    Old("AdmAuthCheck", "AuthCheck"),
    Old("AdmAddAddressType", "AddAddressType", packs=("name",)),
    Old("AdmDeleteAddressType", "DeleteAddressType"),
    Old("AdmGetAllAddressTypes", "GetAddressTypes"),
    Old("AdmAddSite", "AddSite", packs=("name", "abbreviated_name", "login_base")),
    Old("AdmUpdateSite", "UpdateSite"),
    Old("AdmDeleteSite", "DeleteSite"),
    Old("AdmGetSites", "GetSites"),
    Old("AdmAddPerson", "AddPerson", packs=("first_name", "last_name")),
    Old("AdmUpdatePerson", "UpdatePerson"),
    Old("AdmDeletePerson", "DeletePerson"),
    Old("AdmGetPersons", "GetPersons"),
    Old("AdmAddPersonToSite", "AddPersonToSite"),
    Old("AdmRemovePersonFromSite", "DeletePersonFromSite"),
    Old("AdmSetPersonPrimarySite", "SetPersonPrimarySite"),
    Old("AdmGrantRoleToPerson", "AddRoleToPerson", order=(1, 0)),
    Old("AdmRevokeRoleFromPerson", "DeleteRoleFromPerson", order=(1, 0)),
    Old("AdmSetPersonEnabled", "UpdatePerson", packs=("enabled",), keeps=1),
    Old("AdmGetAllKeyTypes", "GetKeyTypes"),
    Old("AdmAddNode", "AddNode", packs=("hostname", "boot_state"), keeps=1),
    Old("AdmUpdateNode", "UpdateNode", NODES),
    Old("AdmDeleteNode", "DeleteNode"),
    Old("AdmGetNodes", "GetNodes", NODES),
    Old("AdmRebootNode", "RebootNode"),
    Old("AdmGenerateNodeConfFile", "GenerateNodeConfFile"),
    Old("AdmAddNodeNetwork", "AddInterface", INTERFACES, packs=("method", "type"), keeps=1),
    Old("AdmUpdateNodeNetwork", "UpdateInterface", INTERFACES),
    Old("AdmGetNodeGroups", "GetNodeGroups", GROUPS),
    Old("AnonAdmGetNodeGroups", "GetNodeGroups", GROUPS),
    Old("AdmDeleteNodeGroup", "DeleteNodeGroup"),
    Old("AdmUpdateNodeGroup", "UpdateNodeGroup", GROUPS, packs=("name", "description"), keeps=1),
    Old("AdmAddSitePowerControlUnit", "AddPCU"),
    Old("AdmUpdateSitePowerControlUnit", "UpdatePCU"),
    Old("AdmDeleteSitePowerControlUnit", "DeletePCU"),
    Old("AdmGetPowerControlUnits", "GetPCUs"),
    Old("AdmAssociateNodeToPowerControlUnitPort", "AddNodeToPCU", order=(2, 0, 1)),
)

NOT_MAPPED = {
    "AdmAddNodeGroup": "groups are made by a tag and its value since 4.3, and the old call names neither",
    "GetSlicesMD5": "a digest over the rows of one implementation's tables",
    "UpdateEmulationLink": "dummynet boxes went with 5.0, and their table with them",
    "DeleteEmulationLink": "dummynet boxes went with 5.0, and their table with them",
    "GetNodeDummynetBox": "dummynet boxes went with 5.0, and their table with them",
    "SetNodeDummynetBox": "dummynet boxes went with 5.0, and their table with them",
    "GetNodeSubclass": "an accessor that only dummynet boxes used",
    "SetNodeSubclass": "an accessor that only dummynet boxes used",
}
"""Names of older releases that are not answered, and why."""


@frozen
class _Renamed:
    """A shape whose struct members, filter keys or listed names are called otherwise on the wire."""

    inner: Shape
    names: Names

    @property
    def wire(self) -> str:
        return self.inner.wire

    def text(self) -> str:
        return self.inner.text()

    def read(self, value: Any, where: str) -> Any:
        if isinstance(value, dict):
            value = {_named(key, self.names): item for key, item in value.items()}
            if "-SORT" in value:
                value["-SORT"] = _sorted_by(value["-SORT"], self.names)
        elif isinstance(value, list) and where == "return_fields":
            value = [_named(item, self.names) if isinstance(item, str) else item for item in value]
        return self.inner.read(value, where)


def _named(said: str, names: Names) -> str:
    """``said`` by its new name; the prefixes of a filter's key stay before it."""
    bare = said.lstrip("~<>[]&|")
    return said[: len(said) - len(bare)] + names.get(bare, bare)


def _sorted_by(said: Any, names: Names) -> Any:
    """What a filter sorts by, under new names; each may have a sign before it."""
    if isinstance(said, list):
        return [_sorted_by(each, names) for each in said]
    if not isinstance(said, str):
        return said
    bare = said.lstrip("+-")
    return said[: len(said) - len(bare)] + names.get(bare, bare)


def api_of(today: Api) -> Api:
    """The old names of the methods in ``today``."""
    api = Api()
    for row in ROWS:
        if row.new in today:
            api.add(_method(row, today[row.new]))
    return api


def _method(row: Old, new: Method) -> Method:
    accepts = list(new.accepts)
    if row.packs:
        kept, struct = accepts[: row.keeps], accepts[row.keeps]
        packed = [Argument(name, _member(struct.shape, row.renames.get(name, name))) for name in row.packs]
        accepts = [*kept, *packed, Argument(struct.name, struct.shape, optional=True, default={})]
    if row.order:
        accepts = [accepts[row.order.index(place)] for place in range(len(row.order))]
    renamed = tuple(evolve(argument, shape=_Renamed(argument.shape, row.renames)) for argument in accepts)
    return evolve(
        new,
        name=row.name,
        accepts=renamed if row.renames else tuple(accepts),
        body=_body(row, new),
        doc=f"Do as {new.name} does; its name until release 4.",
        status="removed",
        example=None,
    )


def _member(struct: Shape, name: str) -> Shape:
    """The shape of a member; what today's struct does not know was a text, and is not kept."""
    return getattr(struct, "members", {}).get(name, Of(str, nil=True))


def _body(row: Old, new: Method) -> Any:
    back = {today: old for old, today in row.renames.items()}

    def body(call: Call, *args: Any) -> Any:
        said = list(args)
        if row.packs:
            kept, values, rest = (
                said[: row.keeps],
                said[row.keeps :][: len(row.packs)],
                said[row.keeps + len(row.packs) :],
            )
            named = {row.renames.get(name, name): value for name, value in zip(row.packs, values, strict=True)}
            said = [*kept, {**(rest[0] if rest and isinstance(rest[0], dict) else {}), **named}]
        if row.order:
            said = [said[place] for place in row.order]
        if back:
            call.store.for_wire = False  # the members of its rows get their old names below
        return _told(new.body(call, *said), back)

    return body


def _told(value: Any, names: Names) -> Any:
    if not names or not isinstance(value, list):
        return value
    return [{names.get(key, key): item for key, item in row.items()} if isinstance(row, dict) else row for row in value]
