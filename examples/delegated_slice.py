"""Make a delegated slice and redeem its ticket on every node, in ten lines on the standard library alone."""

import json
import sys
import xmlrpc.client as rpc

facts, name = json.load(open(sys.argv[1])), "princeton_example"
plc = facts["authorities"]["plc"]
pi, api = {"AuthMethod": "password", **plc["persons"]["pi"]}, rpc.ServerProxy(plc["plcapi_plain"], allow_none=True)
api.SliceCreate(pi, name)
api.SliceSetInstantiationMethod(pi, name, "delegated")
api.SliceUsersAdd(pi, name, [plc["persons"]["user"]["Username"]])
ticket = rpc.Binary(api.SliceGetTicket(pi, name).encode())
for host, node in facts["nodes"].items():
    print(host, rpc.ServerProxy(node["pl_conf"]).create_sliver(ticket))
