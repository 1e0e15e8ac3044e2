-- What federation needs: peers by signed statements, papers of the SFA interfaces, and the public log of tickets.

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

CREATE TABLE gids (
    urn TEXT NOT NULL,
    key TEXT NOT NULL,                          -- SHA-256 of the public key, hex; and the address that is certified, if any
    uuid TEXT NOT NULL,                         -- one per urn, whatever its keys
    chain BLOB NOT NULL,                        -- PEM, the leaf first
    expires INTEGER NOT NULL,
    issued INTEGER NOT NULL,
    PRIMARY KEY (urn, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    serial TEXT PRIMARY KEY,                    -- 128 bits, hex
    digest TEXT NOT NULL,                       -- SHA-256 of what was signed, hex
    owner TEXT NOT NULL,                        -- a URN
    target TEXT NOT NULL,                       -- a URN
    privileges TEXT NOT NULL,                   -- names joined by commas
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_of_owner ON credentials (owner);
CREATE INDEX credentials_on_target ON credentials (target);

CREATE TABLE revoked (
    kind TEXT NOT NULL,                         -- credential, key
    name TEXT NOT NULL,                         -- the credential's digest, the key's SHA-256, hex
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    expires INTEGER,                            -- when the paper ends by itself; nil: never
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- What is asked of a sliver beyond "this slice, on this node". A provisioned one counts while slice_node has its pair.
CREATE TABLE sliver_states (
    slice_id INTEGER NOT NULL REFERENCES slices,
    node_id INTEGER NOT NULL REFERENCES nodes,
    state TEXT NOT NULL,                        -- allocated, provisioned
    since INTEGER NOT NULL,                     -- when this state began
    expires INTEGER NOT NULL,
    client_id TEXT NOT NULL,                    -- what the request calls the node
    kind TEXT NOT NULL,                         -- the sliver type that was asked for
    attributes TEXT NOT NULL,                   -- JSON: [[name, value], …], for when it is provisioned
    PRIMARY KEY (slice_id, node_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sliver_states_by_expiry ON sliver_states (expires);
CREATE INDEX sliver_states_of_node ON sliver_states (node_id);

-- What the Federation API keeps beyond the PLC API: roles within slices and sites, and slivers that were reported.
CREATE TABLE member_roles (
    kind TEXT NOT NULL,                         -- slice, site
    number INTEGER NOT NULL,                    -- slice_id or site_id
    person_id INTEGER NOT NULL REFERENCES persons,
    role TEXT NOT NULL,                         -- LEAD, ADMIN, MEMBER, AUDITOR, OPERATOR; who has no row is MEMBER
    PRIMARY KEY (kind, number, person_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sliver_infos (
    urn TEXT PRIMARY KEY,
    slice_id INTEGER NOT NULL REFERENCES slices,
    aggregate TEXT NOT NULL,                    -- a URN
    creator TEXT NOT NULL,                      -- a URN
    created INTEGER NOT NULL,
    expires INTEGER                             -- NULL: not told
) STRICT, WITHOUT ROWID;
CREATE INDEX sliver_infos_of_slice ON sliver_infos (slice_id);

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

-- Controllers and system slices are every node's; when one of them is so no more, every node is to be told.
CREATE INDEX controllers ON slices (slice_id) WHERE instantiation = 'nm-controller' AND is_deleted = 0;
CREATE TRIGGER controller_goes AFTER UPDATE OF instantiation, is_deleted ON slices
    WHEN OLD.instantiation = 'nm-controller' AND OLD.is_deleted = 0 AND OLD.peer_id IS NULL
        AND (NEW.instantiation <> 'nm-controller' OR NEW.is_deleted = 1) BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    INSERT OR REPLACE INTO departures SELECT node_id, OLD.slice_id, value FROM nodes, counters
        WHERE name = 'version' AND deleted = 0 AND peer_id IS NULL;
END;
CREATE TRIGGER system_slice_goes AFTER DELETE ON slice_tags
    WHEN OLD.value = '1' AND OLD.tag_type_id = (SELECT tag_type_id FROM tag_types WHERE tagname = 'system') BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    INSERT OR REPLACE INTO departures SELECT node_id, OLD.slice_id, value FROM nodes, counters
        WHERE name = 'version' AND deleted = 0 AND peer_id IS NULL;
END;
CREATE TRIGGER system_slice_changes AFTER UPDATE OF value ON slice_tags
    WHEN OLD.value = '1' AND NEW.value IS NOT '1'
        AND OLD.tag_type_id = (SELECT tag_type_id FROM tag_types WHERE tagname = 'system') BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    INSERT OR REPLACE INTO departures SELECT node_id, OLD.slice_id, value FROM nodes, counters
        WHERE name = 'version' AND deleted = 0 AND peer_id IS NULL;
END;
