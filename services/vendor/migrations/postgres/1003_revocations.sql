-- How far the licence service's feed of entitlements was followed: one row, none before the first time. began_at is the instant,
-- by the licence service's clock, since which every change of a licence was told.
CREATE TABLE entitlement_feed (
    only_row BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    revision BIGINT NOT NULL,
    began_at BIGINT NOT NULL
);

-- Licences that were suspended or revoked, each with its revision then, for as long as a proof that was issued before may live.
CREATE TABLE revoked_licenses (
    license_id       TEXT   NOT NULL PRIMARY KEY,
    license_revision BIGINT NOT NULL,
    heard_at         BIGINT NOT NULL
);
