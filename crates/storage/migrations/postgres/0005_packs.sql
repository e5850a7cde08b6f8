-- What was verified to lie in a blob that is a pack of small contents: the digest of the list of their sizes and digests. A bundle
-- that is committed again does not read it again.
ALTER TABLE blobs ADD COLUMN verified_layout BYTEA;
