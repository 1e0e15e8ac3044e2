"""The records of one PLC, behind one door."""
