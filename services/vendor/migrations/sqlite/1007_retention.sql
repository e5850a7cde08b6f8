-- How long the contents of a bundle are kept (microseconds), in which region, until when, and when they were deleted. What was
-- committed before has no retention and is kept for good. expires_at is NULL while a case that is open holds the bundle.
ALTER TABLE bundles ADD COLUMN retention BIGINT;
ALTER TABLE bundles ADD COLUMN region TEXT NOT NULL DEFAULT '';
ALTER TABLE bundles ADD COLUMN expires_at BIGINT;
ALTER TABLE bundles ADD COLUMN content_deleted_at BIGINT;
CREATE INDEX bundles_expiring ON bundles (expires_at) WHERE content_deleted_at IS NULL;

-- Every bundle that a case holds: the one with which it was opened, and those that the partner brought later.
CREATE TABLE IF NOT EXISTS case_bundles (
    case_id    TEXT   NOT NULL REFERENCES cases (case_id),
    bundle_id  TEXT   NOT NULL REFERENCES bundles (bundle_id),
    held_since BIGINT NOT NULL,
    PRIMARY KEY (case_id, bundle_id)
);
CREATE INDEX IF NOT EXISTS case_bundles_bundle ON case_bundles (bundle_id, held_since);
INSERT INTO case_bundles (case_id, bundle_id, held_since)
    SELECT case_id, bundle_id, accepted_at FROM cases WHERE TRUE ON CONFLICT DO NOTHING;
