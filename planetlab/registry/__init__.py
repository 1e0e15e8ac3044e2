"""The PLC's records in one SQLite file; the only place of the authorities that says SQL."""
