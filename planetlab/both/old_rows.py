"""Which names of older releases mean which of today's, and which mean nothing any more: rows.

A row may rename members of structs, filters, return fields and results, put separate values into one struct, or change
the order of arguments. What is no row, because no method of today does it alone, is a function of its half.
"""

from collections.abc import Mapping

from attrs import field, frozen

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
NETWORK_TYPES: Names = {"nodenetwork_setting_type_id": "tag_type_id", "name": "tagname"}
TAG_TYPES: Names = {"attribute_type_id": "tag_type_id", "name": "tagname"}
SLICE_TAGS: Names = {"slice_attribute_id": "slice_tag_id", "attribute_type_id": "tag_type_id", "name": "tagname"}
NODES: Names = {"nodenetwork_ids": "interface_ids"}
GROUPS: Names = {"name": "groupname"}
ATTRIBUTES: Names = {"attribute_id": "tag_type_id", "name": "tagname"}
SETTINGS: Names = {"interface_setting_id": "interface_tag_id"}
SETTING_TYPES: Names = {"interface_setting_type_id": "tag_type_id", "name": "tagname"}
NODE_TAG_TYPES: Names = {"node_tag_type_id": "tag_type_id"}


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
    Old("AddNodeNetworkSettingType", "AddTagType", NETWORK_TYPES),
    Old("UpdateNodeNetworkSettingType", "UpdateTagType", NETWORK_TYPES),
    Old("DeleteNodeNetworkSettingType", "DeleteTagType"),
    Old("GetNodeNetworkSettingTypes", "GetTagTypes", NETWORK_TYPES),
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
    # names that lived for days or weeks between two releases
    Old("AddAddress", "AddSiteAddress"),
    Old("AddKey", "AddPersonKey", packs=("key_type", "key"), keeps=1),
    Old("AddAttribute", "AddTagType", ATTRIBUTES, packs=("name",)),
    Old("UpdateAttribute", "UpdateTagType", ATTRIBUTES),
    Old("DeleteAttribute", "DeleteTagType"),
    Old("GetAttributes", "GetTagTypes", ATTRIBUTES),
    Old("AddInterfaceSetting", "AddInterfaceTag"),
    Old("UpdateInterfaceSetting", "UpdateInterfaceTag"),
    Old("DeleteInterfaceSetting", "DeleteInterfaceTag"),
    Old("GetInterfaceSettings", "GetInterfaceTags", SETTINGS),
    Old("AddInterfaceSettingType", "AddTagType", SETTING_TYPES),
    Old("UpdateInterfaceSettingType", "UpdateTagType", SETTING_TYPES),
    Old("DeleteInterfaceSettingType", "DeleteTagType"),
    Old("GetInterfaceSettingTypes", "GetTagTypes", SETTING_TYPES),
    Old("AddNodeTagType", "AddTagType", NODE_TAG_TYPES),
    Old("UpdateNodeTagType", "UpdateTagType", NODE_TAG_TYPES),
    Old("DeleteNodeTagType", "DeleteTagType"),
    Old("GetNodeTagTypes", "GetTagTypes", NODE_TAG_TYPES),
    *(
        Old(f"{verb}{noun}{end}", f"{verb}TagType{end}", {key: "tag_type_id", "name": "tagname"})
        for noun, key in (("LinkType", "link_type_id"), ("IlinkType", "ilink_type_id"))
        for verb, end in (("Add", ""), ("Update", ""), ("Delete", ""), ("Get", "s"))
    ),
    Old("BindRemoteObjectToPeer", "BindObjectToPeer"),
    Old("InitiateResetPassword", "ResetPassword"),
    Old("RemovePersonFromSite", "DeletePersonFromSite"),
    Old("RemoveRoleFromPerson", "DeleteRoleFromPerson", order=(1, 0)),
    Old("RetrieveSliceSshKeys", "RetrieveSlicePersonKeys"),
)

_NO_BOXES = "dummynet boxes went with 5.0, and their table with them"
_ANY_WIDTH = "bandwidths were a list of words for a month of 2006; since then any number from 500000 on is one"

NOT_MAPPED = {
    "AdmAddNodeGroup": "groups are made by a tag and its value since 4.3, and the old call names neither",
    "GetSlicesMD5": "a digest over the rows of one implementation's tables",
    "UpdateEmulationLink": _NO_BOXES,
    "DeleteEmulationLink": _NO_BOXES,
    "GetNodeDummynetBox": _NO_BOXES,
    "SetNodeDummynetBox": _NO_BOXES,
    "GetNodeSubclass": "an accessor that only dummynet boxes used",
    "SetNodeSubclass": "an accessor that only dummynet boxes used",
    "AddDummynetBox": _NO_BOXES,
    "DeleteDummynetBox": _NO_BOXES,
    "GetDummyBoxMedium": _NO_BOXES,
    "GetDummyBoxUsers": _NO_BOXES,
    "AdmGetAllNodeNetworkBandwidthLimits": _ANY_WIDTH,
    "GetNodeNetworkBandwidthLimits": _ANY_WIDTH,
    "GetForeignNodes": "lived for three weeks of 2006; foreign nodes are told by GetNodes {~peer_id: nil}",
    "GetForeignSlices": "lived for a week of 2006; foreign slices are told by GetSlices {~peer_id: nil}",
    "RemoveNodeFromNodeGroup": "lived for a day of 2006, and became DeleteNodeFromNodeGroup, which is answered",
    "SetPersonPrimaryKey": "no key has been a person's primary one since October 2006",
}
"""Older names that are not answered, and why."""
