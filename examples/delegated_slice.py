"""Make a delegated slice and redeem its ticket on every node, with the standard library alone.

Run beside a demo: ``python examples/delegated_slice.py plfed-demo/facts.json``
"""

import json
import sys
import time
import xmlrpc.client as rpc

facts = json.load(open(sys.argv[1] if sys.argv[1:] else "plfed-demo/facts.json"))
name = f"princeton_example{int(time.time())}"  # a name that no earlier run has taken
plc = facts["authorities"]["plc"]
pi, api = {"AuthMethod": "password", **plc["persons"]["pi"]}, rpc.ServerProxy(plc["plcapi_plain"], allow_none=True)
api.SliceCreate(pi, name)
api.SliceSetInstantiationMethod(pi, name, "delegated")
api.SliceUsersAdd(pi, name, [plc["persons"]["user"]["Username"]])
ticket = rpc.Binary(api.SliceGetTicket(pi, name).encode())
for host, node in facts["nodes"].items():
    print(host, rpc.ServerProxy(node["pl_conf"]).create_sliver(ticket))  # [0, [rcap]], or [reason, text]
