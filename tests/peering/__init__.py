"""Tests of peering: real authorities over TLS on loopback, and peers that are only files."""
