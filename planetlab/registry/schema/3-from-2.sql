-- A peer's objects are written in pieces when they are taken over for the first time, and seen when all are there.

CREATE TABLE arriving (
    peer_id INTEGER PRIMARY KEY REFERENCES peers
) STRICT;

DROP VIEW view_sites;
CREATE VIEW view_sites AS SELECT * FROM sites
    WHERE deleted = 0 AND (peer_id IS NULL OR peer_id NOT IN arriving);
DROP VIEW view_persons;
CREATE VIEW view_persons AS SELECT * FROM persons
    WHERE deleted = 0 AND (peer_id IS NULL OR peer_id NOT IN arriving);
DROP VIEW view_slices;
CREATE VIEW view_slices AS SELECT * FROM slices
    WHERE is_deleted = 0 AND (peer_id IS NULL OR peer_id NOT IN arriving);
DROP VIEW view_keys;
CREATE VIEW view_keys AS SELECT * FROM keys
    WHERE is_blacklisted = 0 AND (peer_id IS NULL OR peer_id NOT IN arriving);
DROP VIEW view_nodes;
CREATE VIEW view_nodes AS
    SELECT nodes.*, (SELECT session_id FROM sessions WHERE sessions.node_id = nodes.node_id) AS session
    FROM nodes WHERE deleted = 0 AND (peer_id IS NULL OR peer_id NOT IN arriving);
-- What is linked to a peer's object is the peer's too, but for our nodes, which its slices may be on.
DROP VIEW view_slice_node;
CREATE VIEW view_slice_node AS
    SELECT slice_node.* FROM slice_node JOIN slices USING (slice_id)
    WHERE slices.is_deleted = 0 AND (slices.peer_id IS NULL OR slices.peer_id NOT IN arriving);
-- Tags have numbers of their own, by which they are asked for.
DROP VIEW view_site_tags;
CREATE VIEW view_site_tags AS
    SELECT site_tags.*, tagname, tag_types.description, category, login_base
    FROM site_tags JOIN tag_types USING (tag_type_id) JOIN sites USING (site_id)
    WHERE sites.peer_id IS NULL OR sites.peer_id NOT IN arriving;
DROP VIEW view_person_tags;
CREATE VIEW view_person_tags AS
    SELECT person_tags.*, tagname, tag_types.description, category, email
    FROM person_tags JOIN tag_types USING (tag_type_id) JOIN persons USING (person_id)
    WHERE persons.peer_id IS NULL OR persons.peer_id NOT IN arriving;
DROP VIEW view_node_tags;
CREATE VIEW view_node_tags AS
    SELECT node_tags.*, tagname, tag_types.description, category, hostname
    FROM node_tags JOIN tag_types USING (tag_type_id) JOIN nodes USING (node_id)
    WHERE nodes.peer_id IS NULL OR nodes.peer_id NOT IN arriving;
DROP VIEW view_slice_tags;
CREATE VIEW view_slice_tags AS
    SELECT slice_tags.*, tagname, tag_types.description, category, slices.name
    FROM slice_tags JOIN tag_types USING (tag_type_id) JOIN slices USING (slice_id)
    WHERE slices.peer_id IS NULL OR slices.peer_id NOT IN arriving;

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
    DELETE FROM arriving WHERE peer_id = OLD.peer_id;
END;
