-- Peers by signed statements, and the tickets that they seal for our nodes.

-- What is known of a peer beyond the PLC API: its signed statement, how it was heard, whether it is suspended.
CREATE TABLE peer_papers (
    peer_id INTEGER PRIMARY KEY REFERENCES peers,
    hrn TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,                        -- active, suspended
    statement BLOB NOT NULL,                    -- the last good one, as it was signed
    anchored TEXT NOT NULL,                     -- by what it was believed first: words, chain
    added INTEGER NOT NULL,
    asked REAL NOT NULL,                        -- when it was last asked, seconds since 1970
    heard REAL NOT NULL,                        -- when it last answered as it must
    failures INTEGER NOT NULL,                  -- in a row
    trouble TEXT NOT NULL,                      -- what the last failure was; empty: none
    alarm TEXT NOT NULL,                        -- what needs a person: a paper that is two-faced, rolled back, forged
    stamp TEXT NOT NULL                         -- of the last view that was taken over; empty: none
) STRICT;

-- Tickets that a peer has sealed for its slices on our nodes, which they fetch through us.
CREATE TABLE peer_tickets (
    peer_id INTEGER NOT NULL REFERENCES peers,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,                   -- raised when what follows changes
    nodes TEXT NOT NULL,                        -- JSON, the numbers of our nodes that it is on
    sealed BLOB,                                -- NULL: it is there no more
    PRIMARY KEY (peer_id, name)
) STRICT, WITHOUT ROWID;

DROP TRIGGER peer_goes;
CREATE TRIGGER peer_goes AFTER UPDATE OF deleted ON peers WHEN NEW.deleted AND NOT OLD.deleted BEGIN
    DELETE FROM peer_papers WHERE peer_id = OLD.peer_id;
    DELETE FROM peer_tickets WHERE peer_id = OLD.peer_id;
    DELETE FROM peer_refreshes WHERE peer_id = OLD.peer_id;
    UPDATE slices SET is_deleted = 1 WHERE peer_id = OLD.peer_id AND is_deleted = 0;
    DELETE FROM keys WHERE peer_id = OLD.peer_id;
    UPDATE persons SET deleted = 1 WHERE peer_id = OLD.peer_id AND deleted = 0;
    UPDATE nodes SET deleted = 1 WHERE peer_id = OLD.peer_id AND deleted = 0;
    UPDATE sites SET deleted = 1 WHERE peer_id = OLD.peer_id AND deleted = 0;
END;
