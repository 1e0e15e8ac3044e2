"""An authority's folder at work: its book of what it certified and which keys it has, its statements, its rotations."""
