"""The node manager's methods: the v4 names, and the pools'."""
