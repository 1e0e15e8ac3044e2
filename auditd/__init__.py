"""The audit of a node: which slice sent which packets."""
