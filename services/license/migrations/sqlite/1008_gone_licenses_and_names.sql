-- Licences that are gone for a partner: it left their chain, and nothing tells it of them any more but this. One row for a partner and a
-- licence, the last time counts; it goes when the licence comes back. Kept for good, as licences are, so that no revision is too old.
-- Partners are not referenced: that would lock their rows after the revision of the facts, which is the last lock.
CREATE TABLE gone_licenses (
    partner_id       TEXT   NOT NULL,
    license_id       TEXT   NOT NULL REFERENCES licenses (license_id),
    license_revision BIGINT NOT NULL,
    facts_revision   BIGINT NOT NULL,
    PRIMARY KEY (partner_id, license_id)
);
CREATE INDEX gone_licenses_told ON gone_licenses (partner_id, facts_revision, license_id);

-- An end user has one name. Where its licences had several, it is that of the one that changed last.
UPDATE end_users SET name = (
    SELECT l.end_user_name FROM licenses l WHERE l.end_user_id = end_users.end_user_id
    ORDER BY l.facts_revision DESC, l.license_id DESC LIMIT 1)
WHERE EXISTS (
    SELECT 1 FROM licenses l WHERE l.end_user_id = end_users.end_user_id AND l.end_user_name <> end_users.name);
UPDATE licenses SET end_user_name = (SELECT e.name FROM end_users e WHERE e.end_user_id = licenses.end_user_id)
WHERE end_user_name <> (SELECT e.name FROM end_users e WHERE e.end_user_id = licenses.end_user_id);
