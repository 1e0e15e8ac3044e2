"""Change one byte of a good ticket, bring it to a node, and see it refused with the reason.

Run beside a demo: ``python examples/forged_ticket.py plfed-demo/facts.json``
"""

import json
import sys
import xmlrpc.client

facts = json.load(open(sys.argv[1] if sys.argv[1:] else "plfed-demo/facts.json"))
plc = facts["authorities"]["plc"]
api = xmlrpc.client.ServerProxy(plc["plcapi_plain"], allow_none=True)
ticket = api.SliceGetTicket({"AuthMethod": "password", **plc["persons"]["pi"]}, "princeton_scriptroute")
forged = ticket.encode().replace(b"princeton_scriptroute", b"princeton_scriptr0ute", 1)
for host, node in facts["nodes"].items():
    code, reason = xmlrpc.client.ServerProxy(node["pl_conf"]).create_sliver(xmlrpc.client.Binary(forged))
    assert code != 0, f"{host} took a forged ticket"
    print(host, code, reason)
