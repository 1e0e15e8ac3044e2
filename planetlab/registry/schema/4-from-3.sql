-- What a deletion takes with it: tags of our own sites and persons stay, as those of the original did, and are told by
-- GetSiteTags and GetPersonTags. A peer's go, so that nothing of a peering is left.

DROP TRIGGER site_goes;
CREATE TRIGGER site_goes AFTER UPDATE OF deleted ON sites WHEN NEW.deleted AND NOT OLD.deleted BEGIN
    UPDATE slices SET is_deleted = 1 WHERE site_id = OLD.site_id AND is_deleted = 0;
    UPDATE nodes SET deleted = 1 WHERE site_id = OLD.site_id AND deleted = 0;
    DELETE FROM pcus WHERE site_id = OLD.site_id;
    UPDATE persons SET deleted = 1 WHERE deleted = 0
        AND person_id IN (SELECT person_id FROM person_site WHERE site_id = OLD.site_id)
        AND person_id NOT IN (SELECT person_id FROM view_person_site WHERE site_id <> OLD.site_id);
    DELETE FROM addresses WHERE address_id IN (SELECT address_id FROM site_address WHERE site_id = OLD.site_id);
    DELETE FROM person_site WHERE site_id = OLD.site_id;
    DELETE FROM site_tags WHERE site_id = OLD.site_id AND OLD.peer_id IS NOT NULL;
END;

DROP TRIGGER person_goes;
CREATE TRIGGER person_goes AFTER UPDATE OF deleted ON persons WHEN NEW.deleted AND NOT OLD.deleted BEGIN
    DELETE FROM keys WHERE person_id = OLD.person_id AND is_blacklisted = 0;
    DELETE FROM person_role WHERE person_id = OLD.person_id;
    DELETE FROM person_site WHERE person_id = OLD.person_id;
    DELETE FROM slice_person WHERE person_id = OLD.person_id;
    DELETE FROM person_tags WHERE person_id = OLD.person_id AND OLD.peer_id IS NOT NULL;
    DELETE FROM sessions WHERE person_id = OLD.person_id;
END;
