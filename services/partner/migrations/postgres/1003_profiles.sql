-- Vendors' profiles, kept so that they are there when the vendor is not: verified before they are written, with the keys in jwks.
-- listed: the vendor offered it when it answered last.
CREATE TABLE vendor_profiles (
    vendor_id    TEXT     NOT NULL,
    name         TEXT     NOT NULL,
    version      BIGINT   NOT NULL,
    about        TEXT     NOT NULL,
    product_ids  TEXT     NOT NULL,
    content      BYTEA    NOT NULL,
    sha256       BYTEA    NOT NULL,
    signature    TEXT     NOT NULL,
    jwks         TEXT     NOT NULL,
    published_at BIGINT   NOT NULL,
    fetched_at   BIGINT   NOT NULL,
    listed       SMALLINT NOT NULL,
    PRIMARY KEY (vendor_id, name, version)
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
