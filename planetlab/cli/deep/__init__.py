"""``plfed doctor --deep``: is anything lost, doubled or half made? An independent reader of what services wrote down.

It shares no code with those who write: ledgers, books, registries, logs and seals are read as files, pages and sockets
are asked as a stranger would. What is true for a moment only, between two steps of a running service, is looked at
twice; only what is wrong both times is told.
"""
