"""The methods that both authorities answer, as one API."""

from planetlab.both.methods import accessors, addresses, events, messages, peers, sessions, sites, tag_types, tags
from planetlab.methods import unite

api = unite(
    sessions.api,
    sites.api,
    addresses.api,
    tag_types.api,
    tags.reading(tags.SITES),
    tags.reading(tags.NODES),
    tags.reading(tags.INTERFACES),
    accessors.api_of("BOTH"),
    messages.api,
    events.api,
    peers.api,
)
