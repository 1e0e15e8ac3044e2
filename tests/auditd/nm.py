"""A node manager that says no more than whose packets are whose: a file of owners, read anew for each question."""

import json
import pathlib
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred

from planetlab.calls import Call
from planetlab.methods import Api, Role
from planetlab.serve import ApiResource, hardened_site, listen

api = Api(auth=None)
OWNERS = pathlib.Path(sys.argv[2])


@api.method(Role.ADMIN, reads=True)
def GetOwners(call: Call, since: int = 0) -> dict[str, Any]:
    """All windows, whatever ``since``."""
    owners = json.loads(OWNERS.read_text())
    return {"stamp": len(owners) + 1, "owners": owners}


def greet(method: Any, args: tuple[Any, ...], request: Any) -> Call:
    """Everybody may ask."""
    return Call(caller="test", roles=frozenset({Role.ADMIN}), store=None, now=0.0)


if __name__ == "__main__":
    ensureDeferred(listen(reactor, f"unix:{sys.argv[1]}", hardened_site(ApiResource(api, greet), reactor)))
    print("ready", flush=True)
    reactor.run()
