"""Figures of one machine: `python -m bench` prints them."""
