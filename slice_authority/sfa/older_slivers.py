"""The aggregate's calls as clients of 2009 and 2010 make them: one credential first, snake_case, hrns."""

from typing import Any

from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api
from slice_authority.sfa import aggregate, allowing, older, papers, slivers
from slice_authority.sfa.registry import ANY, Credentials, Name, Records
from slice_authority.sfa.slivers import Rspec

api = Api(auth=None)


@api.method(*ANY, reads=True, status="deprecated")
def get_slices(call: Call, cred: Credentials, origin_hrn: Any = None) -> list[str]:
    """List the slices that have slivers here, as hrns."""
    allowing.allowed(call, cred, "listslices")
    return [str(hrn) for hrn in aggregate.here(call)]


@api.method(*ANY, reads=True, status="deprecated")
def list_slices(call: Call, cred: Credentials) -> list[str]:
    """As get_slices, its name of winter 2009."""
    return [str(hrn) for hrn in get_slices(call, cred)]


@api.method(*ANY, reads=True, status="deprecated")
def get_resources(call: Call, cred: Credentials, xrn: Any = None, origin_hrn: Any = None) -> str:
    """Tell the nodes on offer, or a slice's slivers, in SFA 1."""
    if not xrn:
        return str(slivers.ListResources(call, cred, {}))
    return str(slivers.ListResources(call, cred, {"geni_slice_urn": xrn}))


@api.method(*ANY, reads=True, status="deprecated")
def list_nodes(call: Call, cred: Credentials) -> list[str]:
    """List the names of the nodes on offer."""
    allowing.allowed(call, cred, "listnodes")
    return [str(node.component_id.hrn) for node in papers.advertisement(call).nodes if node.component_id]


@api.method(*ANY, status="deprecated")
def create_slice(call: Call, cred: Credentials, xrn: Name, requested_rspec: Rspec, origin_hrn: Any = None) -> str:
    """As CreateSliver; users are those whom the slice has by its registry."""
    return slivers.created(call, xrn, cred, requested_rspec, None, {})


@api.method(*ANY, status="deprecated")
def update_slice(call: Call, cred: Credentials, xrn: Name, requested_rspec: Rspec, origin_hrn: Any = None) -> str:
    """As create_slice: amounts are absolute."""
    return slivers.created(call, xrn, cred, requested_rspec, None, {})


@api.method(*ANY, status="deprecated")
def delete_slice(call: Call, cred: Credentials, xrn: Any = None, origin_hrn: Any = None) -> int:
    """As DeleteSliver. Of 2008 without a name: the slice is that of the credential."""
    return int(slivers.DeleteSliver(call, _named(call, cred, xrn, "deletesliver"), cred))


@api.method(*ANY, status="deprecated")
def start_slice(call: Call, cred: Credentials, xrn: Any = None, origin_hrn: Any = None) -> int:
    """As Start. Of 2008 without a name, as delete_slice."""
    return int(slivers.Start(call, _named(call, cred, xrn, "startslice"), cred))


@api.method(*ANY, status="deprecated")
def stop_slice(call: Call, cred: Credentials, xrn: Any = None, origin_hrn: Any = None) -> int:
    """As Stop. Of 2008 without a name, as delete_slice."""
    return int(slivers.Stop(call, _named(call, cred, xrn, "stopslice"), cred))


@api.method(*ANY, status="deprecated")
def reset_slices(call: Call, cred: Credentials, xrn: Name) -> int:
    """As reset_slice, its name of spring 2009."""
    return int(slivers.reset_slice(call, cred, xrn))


@api.method(*ANY, status="deprecated")
def get_ticket(call: Call, cred: Credentials, xrn: Name, rspec: Any = None, origin_hrn: Any = None) -> str:
    """As GetTicket."""
    return str(slivers.GetTicket(call, xrn, cred, rspec))


@api.method(*ANY, status="deprecated")
def redeem_ticket(call: Call, cred: Credentials, ticket: Any) -> int:
    """As RedeemTicket."""
    return int(slivers.RedeemTicket(call, ticket, cred))


@api.method(*ANY, reads=True, status="deprecated")
def get_aggregates(call: Call, cred: Credentials, xrn: Any = None) -> Records:
    """List the aggregates that are known here, or the one of this name."""
    found: Records = older.get_aggregates(call, cred, xrn)
    return found


@api.method(*ANY, reads=True, status="deprecated")
def get_registries(call: Call, cred: Credentials, xrn: Any = None) -> Records:
    """List the registries that are known here, or the one of this name."""
    found: Records = older.get_registries(call, cred, xrn)
    return found


@api.method(*ANY, reads=True, status="deprecated")
def get_policy(call: Call, cred: Credentials) -> str:
    """Say what is taken here, in one sentence; it is the nodes' owners who decide what each slice gets."""
    allowing.allowed(call, cred, "getpolicy")
    return "best effort on every node that is offered; the owner of each node decides what an authority's slices get"


@api.method(*ANY, reads=True, status="deprecated")
def noop(call: Call) -> int:
    """Answer that somebody is here, as a component of 2008 does."""
    return 1


def _named(call: Call, cred: Any, xrn: Any, operation: str) -> str:
    """The name that a call gives, or that of the slice on which its credential is."""
    if xrn is None:
        return str(allowing.allowed(call, cred, operation).credential.object.urn)
    if not isinstance(xrn, str):
        raise BadArgument(f"expected a slice's name, got {type(xrn).__name__}", "xrn")
    return xrn
