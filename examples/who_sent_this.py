"""Ask every node's audit page, as a stranger would, which slices sent packets to an address.

Run beside a demo: ``python examples/who_sent_this.py plfed-demo/facts.json 198.51.100.7``
"""

import json
import sys
import urllib.request

facts = json.load(open(sys.argv[1] if sys.argv[1:] else "plfed-demo/facts.json"))
address = sys.argv[2] if len(sys.argv) > 2 else "198.51.100.7"
for host, node in facts["nodes"].items():
    with urllib.request.urlopen(f"{node['audit'].rstrip('/')}/to/{address}.json", timeout=10) as answer:
        page = json.load(answer)
    print(f"{host} at {page['address']}, gaps in what it saw in the last hour: {len(page['gaps'])}")
    for each in page["slices"]:
        print(f"  {each['slice']:<24} {each['packets']:>7} packets  {each['first_utc']} to {each['last_utc']}")
