"""Figures for the operator's port."""

from prometheus_client import Counter, Gauge

SLIVERS = Gauge("plfed_node_slivers", "Slivers by state, as of the last round.", ["state"])
STRAYS = Gauge("plfed_node_strays", "Slivers without a record that are kept for their grace.")
UNDONE = Gauge("plfed_node_undone", "Records whose sliver is not as they want it.")
ROUND_SECONDS = Gauge("plfed_node_round_seconds", "How long the last round took.")
DROPPED = Gauge("plfed_node_packets_dropped", "Packets of slivers that did not pass, since the rules stand.", ["why"])
ROUNDS_CUT = Counter("plfed_node_rounds_cut_short", "Rounds that ended with an error of their own.")
DOUBT = Gauge("plfed_node_clock_doubt_seconds", "How far the clock is from believed time, while it is in doubt.")
