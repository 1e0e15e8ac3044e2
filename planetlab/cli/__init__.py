"""The plfed command: one program for setting up, running and using a federation of PlanetLabs."""
