"""Ask every node's audit page, as a stranger would, which slices sent packets to an address."""

import json
import sys
import urllib.request

facts = json.load(open(sys.argv[1]))
address = sys.argv[2] if len(sys.argv) > 2 else "198.51.100.7"
for host, node in facts["nodes"].items():
    with urllib.request.urlopen(f"{node['audit'].rstrip('/')}/to/{address}.json", timeout=10) as page:
        print(host, json.load(page))
