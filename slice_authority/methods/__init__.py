"""The slice authority's methods, one module per noun."""
