"""Claims about plfed, one folder per part."""
