"""The privileged half of a node: pools, loans, and the slivers made of them."""
