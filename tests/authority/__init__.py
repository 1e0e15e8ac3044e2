"""Tests of an authority's folder: its book, its keys, its statements."""
