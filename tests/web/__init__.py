"""Claims about the pages of an authority."""
