"""The unprivileged half of a node: it takes tickets, admits them and keeps the ledger."""
