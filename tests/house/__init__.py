"""Claims about the tree itself."""
