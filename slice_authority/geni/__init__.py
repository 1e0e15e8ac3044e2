"""The GENI interfaces of a slice authority: Federation API services, aggregate manager API, the older clearinghouse."""
