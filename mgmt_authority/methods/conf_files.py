"""Configuration files that nodes fetch, and which nodes and groups of nodes each is for."""

from planetlab.both import forms, getting, keeping
from planetlab.both.keeping import End, Keep, Link
from planetlab.methods import Api, Role
from planetlab.records.nodes import CONF_FILE, NODE, NODE_GROUP

api = Api()

_FILE = End(CONF_FILE, *keeping.number(CONF_FILE))
getting.declare(
    api,
    getting.Get(
        "ConfFiles",
        CONF_FILE,
        (Role.ADMIN, Role.NODE),
        forms.wanted(CONF_FILE, "id"),
        "conf_file_filter",
        "List configuration files with the nodes and groups they are for; one that is for none is for every node.",
        example=([{"dest": "/etc/*"}], ["source", "dest"]),
    ),
)
keeping.declare(
    api,
    Keep(
        "ConfFile",
        CONF_FILE,
        "a configuration file",
        "conf_file_fields",
        keeping.number(CONF_FILE),
        keeping.number(CONF_FILE),
    ),
)
keeping.link(
    api,
    Link(
        "ConfFile",
        "Node",
        "conf_file_node",
        (_FILE, End(NODE, "node_id_or_hostname", forms.id_or_name(NODE), ours=True)),
        "a configuration file to one node of this PLC",
    ),
    Link(
        "ConfFile",
        "NodeGroup",
        "conf_file_nodegroup",
        (_FILE, End(NODE_GROUP, "nodegroup_id_or_name", forms.id_or_name(NODE_GROUP))),
        "a configuration file to every node of a group",
    ),
)
