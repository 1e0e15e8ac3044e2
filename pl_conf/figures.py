"""What pl_conf counts, for ``/metrics``."""

from prometheus_client import Counter, Gauge

TICKETS = Counter("plfed_tickets", "Tickets brought, by the way they came and what came of it.", ["source", "outcome"])
SLIVERS = Gauge("plfed_wishes", "Slivers that shall be on this node.")
POLLS = Counter("plfed_polls", "Polls of an authority, by whether they came to something.", ["authority", "outcome"])
GUARD = Gauge("plfed_deletion_guard", "1 while an authority's answer is held back from ending slivers.", ["authority"])
DOUBT = Gauge("plfed_clock_in_doubt", "1 while this node's clock is not believed.")
UNLOGGED = Counter(
    "plfed_unlogged_tickets", "Tickets redeemed here that their issuer's public log lacks.", ["authority"]
)
