"""The part of a node that makes slivers: pools and loans say what may be, a driver makes it so."""
