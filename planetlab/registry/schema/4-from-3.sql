-- The authority's public log of tickets, and the hashes over it.

CREATE TABLE ticket_log (
    number INTEGER PRIMARY KEY,                 -- from 0 on, without a gap
    kind TEXT NOT NULL,                         -- issued, redeemed
    digest TEXT NOT NULL,                       -- SHA-256 of the sealed ticket, hex
    entry BLOB NOT NULL                         -- JSON, the very bytes that the tree is made over
) STRICT;
CREATE INDEX ticket_log_by_digest ON ticket_log (digest, kind);
CREATE TRIGGER ticket_log_stays BEFORE UPDATE ON ticket_log BEGIN
    SELECT RAISE(ABORT, 'the log of tickets only grows');
END;
CREATE TRIGGER ticket_log_remembers BEFORE DELETE ON ticket_log BEGIN
    SELECT RAISE(ABORT, 'the log of tickets only grows');
END;

CREATE TABLE ticket_log_hashes (
    level INTEGER NOT NULL,                     -- the hash over 2**level entries,
    number INTEGER NOT NULL,                    -- from entry number * 2**level on
    hash BLOB NOT NULL,
    PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
