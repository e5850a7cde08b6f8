-- Profiles as they were published: a version never changes. content is the text as it came, product_ids a JSON list of codes.
CREATE TABLE profiles (
    name         TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    about        TEXT   NOT NULL,
    product_ids  TEXT   NOT NULL,
    content      BYTEA  NOT NULL,
    sha256       BYTEA  NOT NULL,
    published_at BIGINT NOT NULL,
    retired_at   BIGINT,
    retire_note  TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (name, version)
);

-- What analyzers found in each bundle: told is the contract's message. It goes with its bundle.
CREATE TABLE bundle_analyses (
    bundle_id      TEXT   NOT NULL PRIMARY KEY REFERENCES bundles (bundle_id) ON DELETE CASCADE,
    profile        TEXT   NOT NULL,
    manifest_bytes BIGINT NOT NULL,
    state          TEXT   NOT NULL,
    attempts       BIGINT NOT NULL,
    due_at         BIGINT NOT NULL,
    told           BYTEA,
    profile_sha256 BYTEA,
    decided_at     BIGINT
);
CREATE INDEX bundle_analyses_due ON bundle_analyses (due_at) WHERE state = 'waiting';
CREATE INDEX bundle_analyses_open ON bundle_analyses (profile) WHERE state IN ('profile-unknown', 'failed');
