"""The half of a PLC that answers for persons, sites, slices and their tickets."""
