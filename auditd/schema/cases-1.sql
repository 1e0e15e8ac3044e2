-- Complaints and pauses of strangers. Times are seconds since the epoch.
CREATE TABLE cases (
    number TEXT PRIMARY KEY,
    token TEXT NOT NULL UNIQUE, owner_token TEXT NOT NULL UNIQUE,
    opened REAL NOT NULL, network TEXT NOT NULL,
    pause_until REAL NOT NULL, -- 0: no pause
    state TEXT NOT NULL,
    told TEXT NOT NULL -- the whole case, JSON
) WITHOUT ROWID;
CREATE INDEX cases_by_time ON cases (opened);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, number TEXT NOT NULL, at REAL NOT NULL,
    who TEXT NOT NULL, what TEXT NOT NULL, text TEXT NOT NULL
);
CREATE INDEX events_by_case ON events (number);
CREATE TABLE letters (
    id INTEGER PRIMARY KEY, number TEXT NOT NULL, kind TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, sent REAL,
    UNIQUE (number, kind) -- each goes out once
);
