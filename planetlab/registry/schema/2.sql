-- The registry of one PLC. Times are seconds since 1970, UTC. A deleted site, person, node, slice or peer keeps its
-- row under a flag, so that its number is never used again; what hung on it goes by the triggers at the end.
-- peer_id and peer_*_id say whose copy a row is and what number it has there; both NULL for our own.

-- word lists ----------------------------------------------------------------------------------------------------

CREATE TABLE boot_states (boot_state TEXT PRIMARY KEY) STRICT;
CREATE TABLE run_levels (run_level TEXT PRIMARY KEY) STRICT;
CREATE TABLE node_types (node_type TEXT PRIMARY KEY) STRICT;
CREATE TABLE network_methods (method TEXT PRIMARY KEY) STRICT;
CREATE TABLE network_types (type TEXT PRIMARY KEY) STRICT;
CREATE TABLE key_types (key_type TEXT PRIMARY KEY) STRICT;
CREATE TABLE slice_instantiations (instantiation TEXT PRIMARY KEY) STRICT;

CREATE TABLE roles (
    role_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- other PLCs ----------------------------------------------------------------------------------------------------

CREATE TABLE peers (
    peer_id INTEGER PRIMARY KEY AUTOINCREMENT,
    peername TEXT NOT NULL,
    peer_url TEXT NOT NULL,
    key TEXT,                                   -- OpenPGP, armoured: its calls are signed with this
    cacert TEXT,                                -- PEM: its server's certificate is checked against this
    shortname TEXT,
    hrn_root TEXT,
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX one_live_peer ON peers (peername) WHERE deleted = 0;

CREATE TABLE peer_refreshes (
    peer_id INTEGER PRIMARY KEY REFERENCES peers,
    done INTEGER NOT NULL,                      -- when its objects were last taken over
    doubted INTEGER NOT NULL                    -- how many deletions that answer asked for and did not get; 0: none
) STRICT;

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

-- sites ---------------------------------------------------------------------------------------------------------

CREATE TABLE sites (
    site_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    abbreviated_name TEXT NOT NULL,
    login_base TEXT NOT NULL,
    is_public INTEGER NOT NULL DEFAULT 1,
    enabled INTEGER NOT NULL DEFAULT 1,
    latitude REAL,                              -- degrees, north
    longitude REAL,                             -- degrees, east
    url TEXT,
    max_slices INTEGER NOT NULL DEFAULT 0,
    max_slivers INTEGER NOT NULL DEFAULT 1000,
    ext_consortium_id INTEGER,
    date_created INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    peer_id INTEGER REFERENCES peers,
    peer_site_id INTEGER
) STRICT;
CREATE UNIQUE INDEX one_live_login_base ON sites (login_base) WHERE deleted = 0;
CREATE UNIQUE INDEX one_copy_of_site ON sites (peer_id, peer_site_id) WHERE deleted = 0 AND peer_id IS NOT NULL;

CREATE TABLE addresses (
    address_id INTEGER PRIMARY KEY AUTOINCREMENT,
    line1 TEXT NOT NULL,
    line2 TEXT,
    line3 TEXT,
    city TEXT NOT NULL,
    state TEXT NOT NULL,
    postalcode TEXT NOT NULL,
    country TEXT NOT NULL
) STRICT;

CREATE TABLE address_types (
    address_type_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT
) STRICT;

CREATE TABLE address_address_type (
    address_id INTEGER NOT NULL REFERENCES addresses ON DELETE CASCADE,
    address_type_id INTEGER NOT NULL REFERENCES address_types ON DELETE CASCADE,
    PRIMARY KEY (address_id, address_type_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX address_of_type ON address_address_type (address_type_id);

CREATE TABLE site_address (
    site_id INTEGER NOT NULL REFERENCES sites,
    address_id INTEGER NOT NULL REFERENCES addresses ON DELETE CASCADE,
    PRIMARY KEY (site_id, address_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX site_of_address ON site_address (address_id);

-- persons -------------------------------------------------------------------------------------------------------

CREATE TABLE persons (
    person_id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    title TEXT,
    phone TEXT,
    url TEXT,
    bio TEXT,
    enabled INTEGER NOT NULL DEFAULT 0,
    password TEXT NOT NULL DEFAULT 'nopass',    -- $1$salt$hash as the original kept it, or $scrypt$ln=..$salt$hash
    verification_key TEXT,
    verification_expires INTEGER,
    date_created INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    peer_id INTEGER REFERENCES peers,
    peer_person_id INTEGER
) STRICT;
-- The same person may be known here and from each peer; of one origin an address is live once.
CREATE UNIQUE INDEX one_live_email ON persons (email, ifnull(peer_id, 0)) WHERE deleted = 0;
CREATE UNIQUE INDEX one_copy_of_person ON persons (peer_id, peer_person_id) WHERE deleted = 0 AND peer_id IS NOT NULL;

CREATE TABLE person_role (
    person_id INTEGER NOT NULL REFERENCES persons,
    role_id INTEGER NOT NULL REFERENCES roles ON DELETE CASCADE,
    PRIMARY KEY (person_id, role_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX persons_of_role ON person_role (role_id);

CREATE TABLE person_site (
    person_id INTEGER NOT NULL REFERENCES persons,
    site_id INTEGER NOT NULL REFERENCES sites,
    is_primary INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (person_id, site_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX persons_of_site ON person_site (site_id);

CREATE TABLE keys (
    key_id INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id INTEGER REFERENCES persons,
    key_type TEXT NOT NULL REFERENCES key_types ON DELETE CASCADE,
    key TEXT NOT NULL,
    is_blacklisted INTEGER NOT NULL DEFAULT 0,
    peer_id INTEGER REFERENCES peers,
    peer_key_id INTEGER
) STRICT;
CREATE INDEX keys_of_person ON keys (person_id);
CREATE INDEX keys_by_material ON keys (key);
CREATE UNIQUE INDEX one_copy_of_key ON keys (peer_id, peer_key_id) WHERE peer_id IS NOT NULL;

-- nodes ---------------------------------------------------------------------------------------------------------

CREATE TABLE nodes (
    node_id INTEGER PRIMARY KEY AUTOINCREMENT,
    hostname TEXT NOT NULL,
    site_id INTEGER NOT NULL REFERENCES sites,
    node_type TEXT NOT NULL DEFAULT 'regular' REFERENCES node_types,
    boot_state TEXT NOT NULL DEFAULT 'reinstall' REFERENCES boot_states,
    run_level TEXT REFERENCES run_levels,
    model TEXT,
    boot_nonce TEXT,
    version TEXT,
    ssh_rsa_key TEXT,
    key TEXT,                                   -- the secret the node signs its calls with
    verified INTEGER NOT NULL DEFAULT 0,
    date_created INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    last_boot INTEGER,
    last_contact INTEGER,
    last_download INTEGER,
    last_pcu_reboot INTEGER,
    last_pcu_confirmation INTEGER,
    last_time_spent_online INTEGER,             -- seconds
    last_time_spent_offline INTEGER,            -- seconds
    deleted INTEGER NOT NULL DEFAULT 0,
    peer_id INTEGER REFERENCES peers,
    peer_node_id INTEGER
) STRICT;
CREATE UNIQUE INDEX one_live_hostname ON nodes (hostname) WHERE deleted = 0;
CREATE UNIQUE INDEX one_copy_of_node ON nodes (peer_id, peer_node_id) WHERE deleted = 0 AND peer_id IS NOT NULL;
CREATE INDEX nodes_of_site ON nodes (site_id);

CREATE TABLE interfaces (
    interface_id INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id INTEGER NOT NULL REFERENCES nodes,
    is_primary INTEGER NOT NULL DEFAULT 0,
    type TEXT NOT NULL REFERENCES network_types ON DELETE CASCADE,
    method TEXT NOT NULL REFERENCES network_methods ON DELETE CASCADE,
    ip TEXT,
    mac TEXT,
    gateway TEXT,
    network TEXT,
    broadcast TEXT,
    netmask TEXT,
    dns1 TEXT,
    dns2 TEXT,
    bwlimit INTEGER,                            -- bits per second
    hostname TEXT,
    last_updated INTEGER
) STRICT;
CREATE INDEX interfaces_of_node ON interfaces (node_id);
CREATE INDEX interface_by_ip ON interfaces (ip);

CREATE TABLE pcus (
    pcu_id INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites,
    hostname TEXT,
    ip TEXT NOT NULL,
    protocol TEXT,
    username TEXT,
    password TEXT,
    model TEXT,
    notes TEXT,
    last_updated INTEGER
) STRICT;
CREATE INDEX pcus_of_site ON pcus (site_id);

CREATE TABLE pcu_node (
    pcu_id INTEGER NOT NULL REFERENCES pcus ON DELETE CASCADE,
    node_id INTEGER NOT NULL REFERENCES nodes,
    port INTEGER NOT NULL,
    PRIMARY KEY (pcu_id, node_id),
    UNIQUE (pcu_id, port)
) STRICT, WITHOUT ROWID;
CREATE INDEX pcus_of_node ON pcu_node (node_id);

CREATE TABLE pcu_types (
    pcu_type_id INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL UNIQUE,
    name TEXT
) STRICT;

CREATE TABLE pcu_protocol_types (
    pcu_protocol_type_id INTEGER PRIMARY KEY AUTOINCREMENT,
    pcu_type_id INTEGER NOT NULL REFERENCES pcu_types ON DELETE CASCADE,
    port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    supported INTEGER NOT NULL DEFAULT 1,
    UNIQUE (pcu_type_id, port)
) STRICT;

CREATE TABLE conf_files (
    conf_file_id INTEGER PRIMARY KEY AUTOINCREMENT,
    enabled INTEGER NOT NULL DEFAULT 1,
    source TEXT NOT NULL,
    dest TEXT NOT NULL,
    file_permissions TEXT NOT NULL DEFAULT '0644',
    file_owner TEXT NOT NULL DEFAULT 'root',
    file_group TEXT NOT NULL DEFAULT 'root',
    preinstall_cmd TEXT,
    postinstall_cmd TEXT,
    error_cmd TEXT,
    ignore_cmd_errors INTEGER NOT NULL DEFAULT 0,
    always_update INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE initscripts (
    initscript_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL DEFAULT 1,
    script TEXT NOT NULL
) STRICT;

-- slices --------------------------------------------------------------------------------------------------------

CREATE TABLE slices (
    slice_id INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites,
    name TEXT NOT NULL,
    instantiation TEXT NOT NULL DEFAULT 'plc-instantiated' REFERENCES slice_instantiations,
    url TEXT,
    description TEXT,
    max_nodes INTEGER NOT NULL DEFAULT 100,
    creator_person_id INTEGER REFERENCES persons,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    peer_id INTEGER REFERENCES peers,
    peer_slice_id INTEGER
) STRICT;
-- Live names are unique among slices that have not expired, which only the clock knows: the rule stands in code.
CREATE INDEX slices_by_name ON slices (name) WHERE is_deleted = 0;
CREATE INDEX slices_of_site ON slices (site_id);
CREATE INDEX slices_by_expiry ON slices (expires) WHERE is_deleted = 0;
CREATE INDEX slices_for_every_node ON slices (instantiation) WHERE is_deleted = 0;
CREATE UNIQUE INDEX one_copy_of_slice ON slices (peer_id, peer_slice_id) WHERE is_deleted = 0 AND peer_id IS NOT NULL;

CREATE TABLE slice_node (
    slice_id INTEGER NOT NULL REFERENCES slices,
    node_id INTEGER NOT NULL REFERENCES nodes,
    PRIMARY KEY (slice_id, node_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX slices_of_node ON slice_node (node_id);

CREATE TABLE slice_person (
    slice_id INTEGER NOT NULL REFERENCES slices,
    person_id INTEGER NOT NULL REFERENCES persons,
    PRIMARY KEY (slice_id, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX slices_of_person ON slice_person (person_id);

CREATE TABLE node_slice_whitelist (
    node_id INTEGER NOT NULL REFERENCES nodes,
    slice_id INTEGER NOT NULL REFERENCES slices,
    PRIMARY KEY (node_id, slice_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX whitelists_of_slice ON node_slice_whitelist (slice_id);

CREATE TABLE leases (
    lease_id INTEGER PRIMARY KEY AUTOINCREMENT,
    slice_id INTEGER NOT NULL REFERENCES slices,
    node_id INTEGER NOT NULL REFERENCES nodes,
    t_from INTEGER NOT NULL,
    t_until INTEGER NOT NULL,
    CHECK (t_until > t_from)
) STRICT;
CREATE INDEX leases_of_node ON leases (node_id, t_from);
CREATE INDEX leases_of_slice ON leases (slice_id);

-- tags ----------------------------------------------------------------------------------------------------------

CREATE TABLE tag_types (
    tag_type_id INTEGER PRIMARY KEY AUTOINCREMENT,
    tagname TEXT NOT NULL UNIQUE,
    description TEXT,
    category TEXT NOT NULL DEFAULT 'general'
) STRICT;

CREATE TABLE tag_type_role (
    tag_type_id INTEGER NOT NULL REFERENCES tag_types ON DELETE CASCADE,
    role_id INTEGER NOT NULL REFERENCES roles ON DELETE CASCADE,
    PRIMARY KEY (tag_type_id, role_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_types_of_role ON tag_type_role (role_id);

CREATE TABLE site_tags (
    site_tag_id INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites,
    tag_type_id INTEGER NOT NULL REFERENCES tag_types ON DELETE CASCADE,
    value TEXT,
    UNIQUE (site_id, tag_type_id)
) STRICT;
CREATE INDEX site_tags_of_type ON site_tags (tag_type_id, value);

CREATE TABLE person_tags (
    person_tag_id INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id INTEGER NOT NULL REFERENCES persons,
    tag_type_id INTEGER NOT NULL REFERENCES tag_types ON DELETE CASCADE,
    value TEXT,
    UNIQUE (person_id, tag_type_id)
) STRICT;
CREATE INDEX person_tags_of_type ON person_tags (tag_type_id, value);

CREATE TABLE node_tags (
    node_tag_id INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id INTEGER NOT NULL REFERENCES nodes,
    tag_type_id INTEGER NOT NULL REFERENCES tag_types ON DELETE CASCADE,
    value TEXT,
    UNIQUE (node_id, tag_type_id)
) STRICT;
CREATE INDEX node_tags_of_type ON node_tags (tag_type_id, value);

CREATE TABLE interface_tags (
    interface_tag_id INTEGER PRIMARY KEY AUTOINCREMENT,
    interface_id INTEGER NOT NULL REFERENCES interfaces ON DELETE CASCADE,
    tag_type_id INTEGER NOT NULL REFERENCES tag_types ON DELETE CASCADE,
    value TEXT,
    UNIQUE (interface_id, tag_type_id)
) STRICT;
CREATE INDEX interface_tags_of_type ON interface_tags (tag_type_id, value);

CREATE TABLE nodegroups (
    nodegroup_id INTEGER PRIMARY KEY AUTOINCREMENT,
    groupname TEXT NOT NULL UNIQUE,
    tag_type_id INTEGER NOT NULL REFERENCES tag_types,
    value TEXT NOT NULL
) STRICT;
CREATE INDEX nodegroups_by_tag ON nodegroups (tag_type_id, value);

CREATE TABLE slice_tags (
    slice_tag_id INTEGER PRIMARY KEY AUTOINCREMENT,
    slice_id INTEGER NOT NULL REFERENCES slices,
    node_id INTEGER REFERENCES nodes,           -- for this sliver only
    nodegroup_id INTEGER REFERENCES nodegroups ON DELETE CASCADE,  -- for slivers on nodes of this group
    tag_type_id INTEGER NOT NULL REFERENCES tag_types ON DELETE CASCADE,
    value TEXT
) STRICT;
CREATE INDEX tags_of_slice ON slice_tags (slice_id, tag_type_id);
CREATE INDEX slice_tags_of_type ON slice_tags (tag_type_id, value);
CREATE INDEX slice_tags_of_node ON slice_tags (node_id);
CREATE INDEX slice_tags_of_group ON slice_tags (nodegroup_id);

CREATE TABLE ilinks (
    ilink_id INTEGER PRIMARY KEY AUTOINCREMENT,
    src_interface_id INTEGER NOT NULL REFERENCES interfaces ON DELETE CASCADE,
    dst_interface_id INTEGER NOT NULL REFERENCES interfaces ON DELETE CASCADE,
    tag_type_id INTEGER NOT NULL REFERENCES tag_types ON DELETE CASCADE,
    value TEXT,
    UNIQUE (src_interface_id, dst_interface_id, tag_type_id)
) STRICT;
CREATE INDEX ilinks_to ON ilinks (dst_interface_id);

CREATE TABLE conf_file_node (
    conf_file_id INTEGER NOT NULL REFERENCES conf_files ON DELETE CASCADE,
    node_id INTEGER NOT NULL REFERENCES nodes,
    PRIMARY KEY (conf_file_id, node_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX conf_files_of_node ON conf_file_node (node_id);

CREATE TABLE conf_file_nodegroup (
    conf_file_id INTEGER NOT NULL REFERENCES conf_files ON DELETE CASCADE,
    nodegroup_id INTEGER NOT NULL REFERENCES nodegroups ON DELETE CASCADE,
    PRIMARY KEY (conf_file_id, nodegroup_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX conf_files_of_group ON conf_file_nodegroup (nodegroup_id);

-- who is in, what was done, what is to be sent -------------------------------------------------------------------

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,                -- 44 characters, base64 of 32 bytes
    person_id INTEGER REFERENCES persons,
    node_id INTEGER UNIQUE REFERENCES nodes,    -- a node has one session
    expires INTEGER                             -- NULL: until replaced
) STRICT;
CREATE INDEX sessions_of_person ON sessions (person_id);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE events (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id INTEGER,
    node_id INTEGER,
    auth_type TEXT,
    fault_code INTEGER NOT NULL DEFAULT 0,
    call_name TEXT NOT NULL,
    call TEXT NOT NULL,                         -- the name and the printed arguments, secrets taken out
    message TEXT,
    runtime REAL,                               -- seconds
    time INTEGER NOT NULL
) STRICT;

CREATE TABLE event_object (
    event_id INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    object_type TEXT NOT NULL DEFAULT 'Unknown',
    object_id INTEGER NOT NULL
) STRICT;
CREATE INDEX objects_of_event ON event_object (event_id);
CREATE INDEX events_of_object ON event_object (object_type, object_id);

CREATE TABLE messages (
    message_id TEXT PRIMARY KEY,
    subject TEXT,
    template TEXT,                              -- %(name)s is replaced
    enabled INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE outbox (
    mail_id INTEGER PRIMARY KEY AUTOINCREMENT,
    recipients TEXT NOT NULL,                   -- JSON list of addresses
    copies TEXT NOT NULL DEFAULT '[]',          -- JSON list of addresses
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT '',              -- what it is about; damps repetitions
    written INTEGER NOT NULL,
    sent INTEGER,
    tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX unsent_mail ON outbox (mail_id) WHERE sent IS NULL;
CREATE INDEX mail_by_kind ON outbox (kind, written);

-- tickets -------------------------------------------------------------------------------------------------------

CREATE TABLE tickets (
    serial TEXT PRIMARY KEY,                    -- 128 bits, hex
    slice_id INTEGER NOT NULL REFERENCES slices,
    codec TEXT NOT NULL,                        -- xmldsig, openpgp
    purpose TEXT NOT NULL,                      -- delegated: handed to a caller; polled: kept for the slice's nodes
    person_id INTEGER REFERENCES persons,       -- issued to
    peer_id INTEGER REFERENCES peers,           -- issued to
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX tickets_of_slice ON tickets (slice_id, issued);

-- One row per slice whose nodes fetch its ticket by themselves. Every change to what a ticket says raises `version`
-- (see the triggers), and clears `sealed`; the next poll seals anew. A deleted slice's row stays, to be told.
CREATE TABLE standing_tickets (
    slice_id INTEGER PRIMARY KEY REFERENCES slices,
    version INTEGER NOT NULL,
    serial TEXT,
    sealed BLOB
) STRICT;
CREATE INDEX standing_by_version ON standing_tickets (version);

-- The public log: what was issued here, and what nodes of ours redeemed; and the hashes over it.
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

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('version', 1);

-- When a slice last left a node, so that the node's next poll can be told.
CREATE TABLE departures (
    node_id INTEGER NOT NULL,
    slice_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (node_id, slice_id)
) STRICT, WITHOUT ROWID;

-- A retried call with the same key gets the answer of the first.
CREATE TABLE answered (
    key TEXT PRIMARY KEY,                       -- caller, method and the caller's own key
    answer TEXT NOT NULL,                       -- JSON
    time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- views: what the API calls a noun's fields ----------------------------------------------------------------------

CREATE VIEW view_peers AS SELECT * FROM peers WHERE deleted = 0;
CREATE VIEW view_sites AS SELECT * FROM sites WHERE deleted = 0;
CREATE VIEW view_persons AS SELECT * FROM persons WHERE deleted = 0;
CREATE VIEW view_slices AS SELECT * FROM slices WHERE is_deleted = 0;
CREATE VIEW view_keys AS SELECT * FROM keys WHERE is_blacklisted = 0;
CREATE VIEW view_nodes AS
    SELECT nodes.*, (SELECT session_id FROM sessions WHERE sessions.node_id = nodes.node_id) AS session
    FROM nodes WHERE deleted = 0;
CREATE VIEW view_person_site AS
    SELECT person_site.* FROM person_site JOIN sites USING (site_id) JOIN persons USING (person_id)
    WHERE sites.deleted = 0 AND persons.deleted = 0;
CREATE VIEW view_slice_person AS
    SELECT slice_person.* FROM slice_person JOIN slices USING (slice_id) JOIN persons USING (person_id)
    WHERE slices.is_deleted = 0 AND persons.deleted = 0;
CREATE VIEW view_slice_node AS
    SELECT slice_node.* FROM slice_node JOIN slices USING (slice_id) WHERE slices.is_deleted = 0;
CREATE VIEW view_person_roles AS SELECT person_id, role_id, name FROM person_role JOIN roles USING (role_id);
CREATE VIEW view_tag_type_roles AS SELECT tag_type_id, role_id, name FROM tag_type_role JOIN roles USING (role_id);
CREATE VIEW view_address_types AS
    SELECT address_id, address_type_id, name FROM address_address_type JOIN address_types USING (address_type_id);
CREATE VIEW view_pcu_protocol_types AS
    SELECT pcu_type_id, json_object('pcu_protocol_type_id', pcu_protocol_type_id, 'port', port,
        'protocol', protocol, 'supported', json(iif(supported, 'true', 'false'))) AS printed
    FROM pcu_protocol_types;
CREATE VIEW view_nodegroup_node AS
    SELECT nodegroups.nodegroup_id, node_tags.node_id
    FROM nodegroups JOIN node_tags ON node_tags.tag_type_id = nodegroups.tag_type_id
        AND node_tags.value = nodegroups.value;
CREATE VIEW view_nodegroups AS
    SELECT nodegroups.*, tagname FROM nodegroups JOIN tag_types USING (tag_type_id);
CREATE VIEW view_site_tags AS
    SELECT site_tags.*, tagname, tag_types.description, category, login_base
    FROM site_tags JOIN tag_types USING (tag_type_id) JOIN sites USING (site_id);
CREATE VIEW view_person_tags AS
    SELECT person_tags.*, tagname, tag_types.description, category, email
    FROM person_tags JOIN tag_types USING (tag_type_id) JOIN persons USING (person_id);
CREATE VIEW view_node_tags AS
    SELECT node_tags.*, tagname, tag_types.description, category, hostname
    FROM node_tags JOIN tag_types USING (tag_type_id) JOIN nodes USING (node_id);
CREATE VIEW view_interface_tags AS
    SELECT interface_tags.*, tagname, tag_types.description, category, ip
    FROM interface_tags JOIN tag_types USING (tag_type_id) JOIN interfaces USING (interface_id);
CREATE VIEW view_slice_tags AS
    SELECT slice_tags.*, tagname, tag_types.description, category, slices.name
    FROM slice_tags JOIN tag_types USING (tag_type_id) JOIN slices USING (slice_id);
-- call_time() is the time of the call that asks, given by the connection.
CREATE VIEW view_leases AS
    SELECT leases.*, t_until - t_from AS duration, t_until < call_time() AS expired, hostname, node_type, slices.name, slices.site_id
    FROM leases JOIN nodes USING (node_id) JOIN slices USING (slice_id)
    WHERE node_type = 'reservable' AND nodes.deleted = 0 AND slices.is_deleted = 0;
CREATE VIEW view_event_objects AS
    SELECT event_object.event_id, object_type, object_id, person_id, node_id, fault_code, call_name, call, message,
        runtime, time
    FROM event_object JOIN events USING (event_id);

-- what a deletion takes with it ----------------------------------------------------------------------------------

CREATE TRIGGER site_goes AFTER UPDATE OF deleted ON sites WHEN NEW.deleted AND NOT OLD.deleted BEGIN
    UPDATE slices SET is_deleted = 1 WHERE site_id = OLD.site_id AND is_deleted = 0;
    UPDATE nodes SET deleted = 1 WHERE site_id = OLD.site_id AND deleted = 0;
    DELETE FROM pcus WHERE site_id = OLD.site_id;
    UPDATE persons SET deleted = 1 WHERE deleted = 0
        AND person_id IN (SELECT person_id FROM person_site WHERE site_id = OLD.site_id)
        AND person_id NOT IN (SELECT person_id FROM view_person_site WHERE site_id <> OLD.site_id);
    DELETE FROM addresses WHERE address_id IN (SELECT address_id FROM site_address WHERE site_id = OLD.site_id);
    DELETE FROM person_site WHERE site_id = OLD.site_id;
    DELETE FROM site_tags WHERE site_id = OLD.site_id;
END;

CREATE TRIGGER person_goes AFTER UPDATE OF deleted ON persons WHEN NEW.deleted AND NOT OLD.deleted BEGIN
    DELETE FROM keys WHERE person_id = OLD.person_id AND is_blacklisted = 0;
    DELETE FROM person_role WHERE person_id = OLD.person_id;
    DELETE FROM person_site WHERE person_id = OLD.person_id;
    DELETE FROM slice_person WHERE person_id = OLD.person_id;
    DELETE FROM person_tags WHERE person_id = OLD.person_id;
    DELETE FROM sessions WHERE person_id = OLD.person_id;
END;

CREATE TRIGGER person_is_disabled AFTER UPDATE OF enabled ON persons WHEN OLD.enabled AND NOT NEW.enabled BEGIN
    DELETE FROM sessions WHERE person_id = OLD.person_id;
END;

CREATE TRIGGER node_goes AFTER UPDATE OF deleted ON nodes WHEN NEW.deleted AND NOT OLD.deleted BEGIN
    DELETE FROM interfaces WHERE node_id = OLD.node_id;
    DELETE FROM slice_node WHERE node_id = OLD.node_id;
    DELETE FROM slice_tags WHERE node_id = OLD.node_id;
    DELETE FROM node_tags WHERE node_id = OLD.node_id;
    DELETE FROM sessions WHERE node_id = OLD.node_id;
    DELETE FROM node_slice_whitelist WHERE node_id = OLD.node_id;
    DELETE FROM conf_file_node WHERE node_id = OLD.node_id;
    DELETE FROM pcu_node WHERE node_id = OLD.node_id;
    DELETE FROM leases WHERE node_id = OLD.node_id;
END;

CREATE TRIGGER slice_goes AFTER UPDATE OF is_deleted ON slices WHEN NEW.is_deleted AND NOT OLD.is_deleted BEGIN
    DELETE FROM slice_node WHERE slice_id = OLD.slice_id;
    DELETE FROM slice_person WHERE slice_id = OLD.slice_id;
    DELETE FROM slice_tags WHERE slice_id = OLD.slice_id;
    DELETE FROM node_slice_whitelist WHERE slice_id = OLD.slice_id;
    DELETE FROM leases WHERE slice_id = OLD.slice_id;
END;

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

-- No two leases of one node overlap, whoever writes them.
CREATE TRIGGER lease_is_free BEFORE INSERT ON leases
    WHEN EXISTS (SELECT 1 FROM leases WHERE node_id = NEW.node_id AND t_from < NEW.t_until AND t_until > NEW.t_from)
BEGIN SELECT RAISE(ABORT, 'overlapping lease'); END;
CREATE TRIGGER lease_stays_free BEFORE UPDATE OF t_from, t_until, node_id ON leases
    WHEN EXISTS (SELECT 1 FROM leases WHERE node_id = NEW.node_id AND lease_id <> NEW.lease_id
        AND t_from < NEW.t_until AND t_until > NEW.t_from)
BEGIN SELECT RAISE(ABORT, 'overlapping lease'); END;

-- what makes a standing ticket stale -------------------------------------------------------------------------------
-- Each raises the one counter and stamps the slice with it, so "what changed since" is one index range. A peer's slice
-- has no ticket of ours; its many links come and go without.

CREATE TRIGGER ticket_slice_is_new AFTER INSERT ON slices BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    INSERT INTO standing_tickets (slice_id, version)
        SELECT NEW.slice_id, value FROM counters WHERE name = 'version';
END;
CREATE TRIGGER ticket_slice_changes AFTER UPDATE ON slices BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = NEW.slice_id;
END;
CREATE TRIGGER ticket_node_joins AFTER INSERT ON slice_node
    WHEN (SELECT peer_id FROM slices WHERE slice_id = NEW.slice_id) IS NULL BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = NEW.slice_id;
    DELETE FROM departures WHERE node_id = NEW.node_id AND slice_id = NEW.slice_id;
END;
CREATE TRIGGER ticket_node_leaves AFTER DELETE ON slice_node
    WHEN (SELECT peer_id FROM slices WHERE slice_id = OLD.slice_id) IS NULL BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = OLD.slice_id;
    INSERT OR REPLACE INTO departures SELECT OLD.node_id, OLD.slice_id, value FROM counters WHERE name = 'version';
END;
CREATE TRIGGER ticket_person_joins AFTER INSERT ON slice_person
    WHEN (SELECT peer_id FROM slices WHERE slice_id = NEW.slice_id) IS NULL BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = NEW.slice_id;
END;
CREATE TRIGGER ticket_person_leaves AFTER DELETE ON slice_person
    WHEN (SELECT peer_id FROM slices WHERE slice_id = OLD.slice_id) IS NULL BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = OLD.slice_id;
END;
CREATE TRIGGER ticket_tag_is_set AFTER INSERT ON slice_tags BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = NEW.slice_id;
END;
CREATE TRIGGER ticket_tag_changes AFTER UPDATE ON slice_tags BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = NEW.slice_id;
END;
CREATE TRIGGER ticket_tag_goes AFTER DELETE ON slice_tags BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id = OLD.slice_id;
END;
CREATE TRIGGER ticket_key_is_added AFTER INSERT ON keys BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id IN (SELECT slice_id FROM slice_person WHERE person_id = NEW.person_id);
END;
CREATE TRIGGER ticket_key_changes AFTER UPDATE ON keys BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id IN (SELECT slice_id FROM slice_person WHERE person_id IN (NEW.person_id, OLD.person_id));
END;
CREATE TRIGGER ticket_key_goes AFTER DELETE ON keys BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id IN (SELECT slice_id FROM slice_person WHERE person_id = OLD.person_id);
END;
CREATE TRIGGER ticket_person_changes AFTER UPDATE OF enabled, email ON persons BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id IN (SELECT slice_id FROM slice_person WHERE person_id = NEW.person_id);
END;
CREATE TRIGGER ticket_script_changes AFTER UPDATE ON initscripts BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'version';
    UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')
        WHERE slice_id IN (SELECT slice_id FROM view_slice_tags WHERE tagname = 'initscript'
            AND value IN (OLD.name, NEW.name));
END;

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
