"""The SFA interfaces of a slice authority: registry, slice interface and aggregate."""
