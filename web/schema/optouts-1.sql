-- Networks that want no packets from this testbed. Times are seconds since the epoch.
CREATE TABLE optouts (
    token TEXT PRIMARY KEY, -- opens it for who asked
    prefix TEXT NOT NULL, asked_from TEXT NOT NULL, -- an address, and the network that its connection proved
    made REAL NOT NULL, until REAL NOT NULL,
    why TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX optouts_by_end ON optouts (until);
