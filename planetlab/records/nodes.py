"""Nodes and what hangs on them: interfaces, links, groups, files, scripts, power units."""

from planetlab.records.fields import Record, flag, ids, moment, number, text, words
from planetlab.records.rules import (
    address,
    address_or_none,
    bandwidth,
    hostname,
    hostname_or_none,
    mac,
    not_empty,
    not_zero,
)

NODE = Record(
    "Node",
    table="nodes",
    view="view_nodes",
    key="node_id",
    name_key="hostname",
    tags=("arch", "deployment", "extensions", "fcdistro", "hrn", "pldistro", "virt"),
    tag_table="node_tags",
    soft="deleted",
    foreign="peer_node_id",
    strict=True,
    fields=(
        text("boot_nonce", 128, only_admin=True),
        text("boot_state", 20, refers="BootState"),
        ids("conf_file_ids", "conf_file_node", "node_id", "conf_file_id"),
        moment("date_created"),
        text("hostname", 255, required=True, rule=hostname, unique=True),
        ids("interface_ids", "interfaces", "node_id", "interface_id"),
        text("key", 256, only_admin=True),
        moment("last_boot"),
        moment("last_contact"),
        moment("last_download"),
        moment("last_pcu_confirmation"),
        moment("last_pcu_reboot"),
        moment("last_time_spent_offline"),
        moment("last_time_spent_online"),
        moment("last_updated"),
        text("model", 255, nil=True),
        number("node_id"),
        ids("node_tag_ids", "node_tags", "node_id", "node_tag_id"),
        text("node_type", 20, refers="NodeType"),
        ids("nodegroup_ids", "view_nodegroup_node", "node_id", "nodegroup_id"),
        ids("pcu_ids", "pcu_node", "node_id", "pcu_id"),
        number("peer_id", nil=True, derived=True),
        number("peer_node_id", nil=True, derived=True),
        ids("ports", "pcu_node", "node_id", "port", "pcu_id"),
        text("run_level", 20, readonly=True),
        text("session", 256, derived=True, readonly=True, only_admin=True),
        number("site_id", required=True),
        ids("slice_ids", "view_slice_node", "node_id", "slice_id"),
        ids("slice_ids_whitelist", "node_slice_whitelist", "node_id", "slice_id"),
        text("ssh_rsa_key", 1024, readonly=True),
        flag("verified", readonly=True),
        text("version", 64),
    ),
)

INTERFACE = Record(
    "Interface",
    table="interfaces",
    key="interface_id",
    name_key="ip",
    tags=("ifname",),
    tag_table="interface_tags",
    strict=True,
    fields=(
        text("broadcast", nil=True, rule=address_or_none),
        number("bwlimit", min=0, nil=True, rule=bandwidth),
        text("dns1", nil=True, rule=address_or_none),
        text("dns2", nil=True, rule=address_or_none),
        text("gateway", nil=True, rule=address_or_none),
        text("hostname", nil=True, rule=hostname_or_none),
        number("interface_id"),
        ids("interface_tag_ids", "interface_tags", "interface_id", "interface_tag_id"),
        text("ip", nil=True, rule=address_or_none),
        flag("is_primary"),
        moment("last_updated"),
        text("mac", nil=True, rule=mac),
        text("method", required=True, refers="NetworkMethod"),
        text("netmask", nil=True, rule=address_or_none),
        text("network", nil=True, rule=address_or_none),
        number("node_id", required=True),
        text("type", required=True, refers="NetworkType"),
    ),
)

ILINK = Record(
    "Ilink",
    table="ilinks",
    key="ilink_id",
    fields=(
        number("dst_interface_id", required=True),
        number("ilink_id"),
        number("src_interface_id", required=True),
        number("tag_type_id"),
        text("value"),
    ),
)

NODE_GROUP = Record(
    "NodeGroup",
    table="nodegroups",
    view="view_nodegroups",
    key="nodegroup_id",
    name_key="groupname",
    fields=(
        ids("conf_file_ids", "conf_file_nodegroup", "nodegroup_id", "conf_file_id"),
        text("groupname", 50, required=True),
        ids("node_ids", "view_nodegroup_node", "nodegroup_id", "node_id"),
        number("nodegroup_id"),
        number("tag_type_id"),
        text("tagname", derived=True),
        text("value"),
    ),
)

CONF_FILE = Record(
    "ConfFile",
    table="conf_files",
    key="conf_file_id",
    fields=(
        flag("always_update"),
        number("conf_file_id"),
        text("dest", 255, required=True),
        flag("enabled"),
        text("error_cmd", 1024, nil=True),
        text("file_group", 50),
        text("file_owner", 50),
        text("file_permissions", 20),
        flag("ignore_cmd_errors"),
        ids("node_ids", "conf_file_node", "conf_file_id", "node_id", as_one=True),
        ids("nodegroup_ids", "conf_file_nodegroup", "conf_file_id", "nodegroup_id", as_one=True),
        text("postinstall_cmd", 1024, nil=True),
        text("preinstall_cmd", 1024, nil=True),
        text("source", 255, required=True),
    ),
)

INIT_SCRIPT = Record(
    "InitScript",
    table="initscripts",
    key="initscript_id",
    name_key="name",
    fields=(
        flag("enabled"),
        number("initscript_id"),
        text("name", 254, required=True, unique=True),
        text("script", required=True),
    ),
)

PCU = Record(
    "PCU",
    table="pcus",
    key="pcu_id",
    fields=(
        text("hostname", 254),
        text("ip", 254, required=True, rule=address),
        moment("last_updated"),
        text("model", 32, nil=True),
        ids("node_ids", "pcu_node", "pcu_id", "node_id"),
        text("notes", 254, nil=True),
        text("password", 254, nil=True),
        number("pcu_id"),
        ids("ports", "pcu_node", "pcu_id", "port", "node_id"),
        text("protocol", 16, nil=True),
        number("site_id", required=True),
        text("username", 254, nil=True),
    ),
)

PCU_TYPE = Record(
    "PCUType",
    table="pcu_types",
    key="pcu_type_id",
    name_key="model",
    fields=(
        text("model", 254, required=True, rule=not_empty, unique=True),
        text("name", 254),
        ids("pcu_protocol_type_ids", "pcu_protocol_types", "pcu_type_id", "pcu_protocol_type_id"),
        words("pcu_protocol_types", "view_pcu_protocol_types", "pcu_type_id", "printed"),
        number("pcu_type_id"),
    ),
)

PCU_PROTOCOL_TYPE = Record(
    "PCUProtocolType",
    table="pcu_protocol_types",
    key="pcu_protocol_type_id",
    fields=(
        number("pcu_protocol_type_id"),
        number("pcu_type_id", required=True),
        number("port", required=True, rule=not_zero),
        text("protocol", required=True, rule=not_empty),
        flag("supported"),
    ),
)
