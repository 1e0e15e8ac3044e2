"""The methods that both authorities answer, as one API."""

from planetlab.both.methods import addresses, events, messages, peers, sessions, sites, tag_types
from planetlab.methods import unite

api = unite(sessions.api, sites.api, addresses.api, tag_types.api, messages.api, events.api, peers.api)
