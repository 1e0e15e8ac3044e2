"""The management authority's methods, one module per noun."""
