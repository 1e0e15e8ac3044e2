-- No two leases of one node overlap while either runs or is to come: one that is over stands in nobody's way.

DROP TRIGGER lease_is_free;
CREATE TRIGGER lease_is_free BEFORE INSERT ON leases
    WHEN EXISTS (SELECT 1 FROM leases WHERE node_id = NEW.node_id AND t_until > call_time()
        AND t_from < NEW.t_until AND t_until > NEW.t_from)
BEGIN SELECT RAISE(ABORT, 'overlapping lease'); END;

DROP TRIGGER lease_stays_free;
CREATE TRIGGER lease_stays_free BEFORE UPDATE OF t_from, t_until, node_id ON leases
    WHEN EXISTS (SELECT 1 FROM leases WHERE node_id = NEW.node_id AND lease_id <> NEW.lease_id
        AND t_until > call_time() AND t_from < NEW.t_until AND t_until > NEW.t_from)
BEGIN SELECT RAISE(ABORT, 'overlapping lease'); END;
