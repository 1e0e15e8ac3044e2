-- The node manager's books: what was asked of this node, what it decided, and whose packets were whose.

CREATE TABLE entries (
    name TEXT PRIMARY KEY,
    authority TEXT NOT NULL,
    rcap TEXT NOT NULL UNIQUE,       -- 32 hex digits; the same for as long as the entry stays
    record TEXT NOT NULL,            -- JSON, as the creation service said it
    created INTEGER NOT NULL,        -- 1: a sliver is wanted
    stopped_until REAL NOT NULL,     -- a user's Stop holds until then
    loans TEXT NOT NULL,             -- JSON array of [recipient, resource, amount]
    releasing INTEGER NOT NULL,      -- 1: to be destroyed, then struck
    done INTEGER NOT NULL,           -- 0: intent, not yet said by the driver to be so
    reason TEXT NOT NULL,
    since REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pools (
    rcap TEXT PRIMARY KEY,
    parent TEXT NOT NULL,            -- '' for a root pool
    holder TEXT NOT NULL,
    authority TEXT NOT NULL,         -- '' where the holder decides
    ceiling INTEGER NOT NULL,        -- 1: bounds its parts, is no promise itself
    prefixes TEXT NOT NULL,          -- JSON array
    share TEXT NOT NULL,             -- JSON struct, as GetRspec gives it
    bound TEXT NOT NULL              -- sliver's name, '' when not bound
) STRICT, WITHOUT ROWID;

CREATE TABLE windows (               -- by what a slice's packets were known, and when
    id INTEGER PRIMARY KEY,
    slice TEXT NOT NULL,
    authority TEXT NOT NULL,
    kind TEXT NOT NULL,
    tag TEXT NOT NULL,
    since REAL NOT NULL,
    until REAL,                      -- NULL while it holds
    changed INTEGER NOT NULL         -- grows with every change, for callers that ask what is new
) STRICT;
CREATE INDEX windows_changed ON windows (changed);
CREATE INDEX windows_mark ON windows (kind, tag, until);
CREATE INDEX windows_ended ON windows (until);

CREATE TABLE meters (                -- what each slice sent in its day; stays when the slice goes
    name TEXT PRIMARY KEY,
    since REAL NOT NULL,             -- when its day began
    sent INTEGER NOT NULL,           -- bytes
    exempt INTEGER NOT NULL,         -- bytes to exempt destinations
    last_sent INTEGER NOT NULL,      -- the counters at the last look
    last_exempt INTEGER NOT NULL,
    is_told INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE facts (                 -- single values, by name
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
