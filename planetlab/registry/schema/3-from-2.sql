-- Papers of the SFA interfaces: certificates and credentials that were given, what was revoked, slivers with their times.

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
