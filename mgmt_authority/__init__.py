"""The half of a PLC that answers for nodes, their boot and their configuration."""
