"""The aggregate manager API, versions 2 and 1: a slice's slivers are made in one call, and ended in one.

Version 1, as the first clients still speak it, has no options and bare results; its calls are the same.
"""

from typing import Any

from planetlab.calls import Call
from planetlab.errors import Conflict
from planetlab.methods import Api
from planetlab.records.slices import SLICE
from planetlab.registry.store import Row
from planetlab.rspecs import codec
from planetlab.rspecs.versions import asked
from slice_authority.geni import am
from slice_authority.geni.am import DEFAULT, addressed, begun, options_of
from slice_authority.geni.am3 import ANY, Credentials, Options, Rspec, SliceUrn, Time
from slice_authority.sfa import aggregate as agg
from slice_authority.sfa import foreign, papers, reserving, slivers, things
from slice_authority.sfa.times import moment

api = Api(auth=None)
NUMBER = 2


@api.method(*ANY, reads=True)
def GetVersion(call: Call, options: Options = None) -> Row:
    """Say which versions of the API and of RSpecs are spoken here, and at which addresses."""
    return am.version(call, NUMBER)


@api.method(*ANY, reads=True)
def ListResources(call: Call, credentials: Credentials, options: Options = None) -> str:
    """Give an advertisement, or with ``geni_slice_urn`` the manifest of that slice, which may have nothing here."""
    said = options_of(options)
    if not said.get("geni_slice_urn"):
        am.may(call, credentials, said, None)
        return am.advertisement(call, said, DEFAULT)
    hrn, _ = things.xrn(said["geni_slice_urn"], "slice", "options['geni_slice_urn']")
    am.may(call, credentials, said, hrn)
    row = foreign.local_slice(call.store, hrn)
    document = papers.nothing(call, hrn) if row is None else papers.manifest(call, row)
    return slivers.packed(codec.write(document, asked(said, DEFAULT)), said)


@api.method(*ANY)
def CreateSliver(
    call: Call, slice_urn: SliceUrn, credentials: Credentials, rspec: Rspec, users: Any = None, options: Options = None
) -> str:
    """Make a slice's slivers on the nodes that the request asks of us, for ``users``; give the manifest."""
    said = options_of(options)
    on = begun(call, slice_urn, credentials, said)
    if agg.slivers(call, on.row):
        raise Conflict(f"slice {on.hrn} has slivers here already; end them first", "slice_urn")
    document, version = am.request(call, rspec)
    wanted = papers.wanted(call, rspec)
    agg.allocate(call, on.row, on.principal, wanted)
    agg.provision(call, on.row, on.principal, None, foreign.read_users(users))
    reserving.reserve(call, on.row, document)
    row = call.store.find(SLICE, on.row["slice_id"])
    return codec.write(papers.manifest(call, row), version)


@api.method(*ANY)
def DeleteSliver(call: Call, slice_urn: SliceUrn, credentials: Credentials, options: Options = None) -> bool:
    """End all slivers of a slice here."""
    on = addressed(call, slice_urn, credentials, options_of(options))
    on.slivers(call)
    agg.delete(call, on.row, on.principal, on.nodes)
    return True


@api.method(*ANY, reads=True)
def SliverStatus(call: Call, slice_urn: SliceUrn, credentials: Credentials, options: Options = None) -> Row:
    """Tell how a slice's slivers are: configuring, ready, failed or unknown, each and together."""
    on = addressed(call, slice_urn, credentials, options_of(options))
    return slivers.status(call, on.row, on.slivers(call))


@api.method(*ANY)
def RenewSliver(
    call: Call, slice_urn: SliceUrn, credentials: Credentials, expiration_time: Time, options: Options = None
) -> bool:
    """Let a slice's slivers end at another time."""
    on = addressed(call, slice_urn, credentials, options_of(options))
    on.slivers(call)
    agg.renew(call, on.row, on.principal, moment(expiration_time, call.now), on.nodes)
    return True


@api.method(*ANY)
def Shutdown(call: Call, slice_urn: SliceUrn, credentials: Credentials, options: Options = None) -> bool:
    """Stop a slice in an emergency; only an admin opens it again."""
    on = addressed(call, slice_urn, credentials, options_of(options))
    agg.shutdown(call, on.row, on.principal)
    return True


first = Api(auth=None)
"""Version 1: the same calls; its GetVersion says 1."""


@first.method(*ANY, reads=True, name="GetVersion")
def get_version_1(call: Call) -> Row:
    """Say that this is version 1, and what is spoken here."""
    described: Row = am.version(call, 1)
    return {**described, "ad_rspec_versions": described["geni_ad_rspec_versions"],
            "request_rspec_versions": described["geni_request_rspec_versions"]}  # fmt: skip


for _method in api.values():
    if _method.name not in first:
        first.add(_method)
