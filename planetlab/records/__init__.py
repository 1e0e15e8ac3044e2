"""The nouns of a PLC, as rows: each record's fields with type, limits, defaults, and where lists come from."""
