"""Claims about the plfed command."""
