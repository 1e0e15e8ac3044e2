"""Journeys through a whole federation."""
