"""List each authority's sites with their slices, as its users see them.

Run beside a demo: ``python examples/sites_and_slices.py plfed-demo/facts.json``
"""

import json
import sys
import xmlrpc.client

facts = json.load(open(sys.argv[1] if sys.argv[1:] else "plfed-demo/facts.json"))
for name, authority in facts["authorities"].items():
    api = xmlrpc.client.ServerProxy(authority["plcapi_plain"], allow_none=True)
    auth = {"AuthMethod": "password", **authority["persons"]["user"]}
    for site in api.GetSites(auth, {}, ["name", "login_base", "slice_ids"]):
        slices = api.GetSlices(auth, site["slice_ids"], ["name"]) if site["slice_ids"] else []
        print(name, site["login_base"], site["name"], [s["name"] for s in slices])
