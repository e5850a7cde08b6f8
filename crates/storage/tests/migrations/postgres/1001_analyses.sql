-- As each service that takes bundles in has it.
CREATE TABLE bundle_analyses (
    bundle_id      TEXT   NOT NULL PRIMARY KEY,
    profile        TEXT   NOT NULL,
    manifest_bytes BIGINT NOT NULL,
    state          TEXT   NOT NULL,
    attempts       BIGINT NOT NULL,
    due_at         BIGINT NOT NULL,
    told           BYTEA,
    profile_sha256 BYTEA,
    decided_at     BIGINT
);
