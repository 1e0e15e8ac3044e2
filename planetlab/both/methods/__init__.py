"""Methods that either authority answers, one module per noun."""
