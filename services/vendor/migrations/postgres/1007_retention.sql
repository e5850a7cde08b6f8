-- How long the contents of a bundle are kept (microseconds), in which region, until when, and when they were deleted. What was
-- committed before has no retention and is kept for good. expires_at is NULL while a case that is open holds the bundle.
ALTER TABLE bundles ADD COLUMN retention BIGINT;
ALTER TABLE bundles ADD COLUMN region TEXT NOT NULL DEFAULT '';
ALTER TABLE bundles ADD COLUMN expires_at BIGINT;
ALTER TABLE bundles ADD COLUMN content_deleted_at BIGINT;
CREATE INDEX bundles_expiring ON bundles (expires_at) WHERE content_deleted_at IS NULL;
