"""List each authority's sites with their slices, as its users see them."""

import json
import sys
import xmlrpc.client

facts = json.load(open(sys.argv[1]))
for name, authority in facts["authorities"].items():
    api = xmlrpc.client.ServerProxy(authority["plcapi_plain"], allow_none=True)
    auth = {"AuthMethod": "password", **authority["persons"]["user"]}
    for site in api.GetSites(auth, {}, ["name", "login_base", "slice_ids"]):
        slices = api.GetSlices(auth, site["slice_ids"], ["name"]) if site["slice_ids"] else []
        print(name, site["login_base"], site["name"], [s["name"] for s in slices])
