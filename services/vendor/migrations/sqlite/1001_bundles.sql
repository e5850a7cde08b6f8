-- Committed bundles. What a manifest says of itself is kept beside its root; the manifest is a blob like any other.
CREATE TABLE bundles (
    bundle_id          TEXT   NOT NULL PRIMARY KEY,
    partner_id         TEXT   NOT NULL,
    root               BLOB   NOT NULL,
    manifest_signature TEXT   NOT NULL,
    redaction          TEXT   NOT NULL,
    collected_at       BIGINT NOT NULL,
    entries            BIGINT NOT NULL,
    size_bytes         BIGINT NOT NULL,
    committed_at       BIGINT NOT NULL,
    UNIQUE (partner_id, root)
);
