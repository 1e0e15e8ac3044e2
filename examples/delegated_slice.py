"""Make a delegated slice and redeem its ticket on every node, with nothing but the standard library."""
import json, sys, xmlrpc.client as rpc  # noqa: E401, I001

facts = json.load(open(sys.argv[1]))
plc = facts["authorities"]["plc"]
pi, user = ({"AuthMethod": "password", **plc["persons"][who]} for who in ("pi", "user"))
api, name = rpc.ServerProxy(plc["plcapi_plain"], allow_none=True), "princeton_example"
api.SliceCreate(pi, name)
api.SliceSetInstantiationMethod(pi, name, "delegated")
api.SliceUsersAdd(pi, name, [user["Username"]])
ticket = api.SliceGetTicket(pi, name)
for host, node in facts["nodes"].items():
    print(host, rpc.ServerProxy(node["pl_conf"]).create_sliver(rpc.Binary(ticket.encode())))
