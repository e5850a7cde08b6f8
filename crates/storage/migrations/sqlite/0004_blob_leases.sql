-- Until when content is kept that nothing pins; what a committed bundle names is pinned until the bundle's contents are given up.
ALTER TABLE blobs ADD COLUMN pinned SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE blobs ADD COLUMN leased_until BIGINT NOT NULL DEFAULT 0;
UPDATE blobs SET pinned = 1 WHERE complete = 1;
CREATE INDEX blobs_due ON blobs (leased_until) WHERE pinned = 0;

-- What pins a blob: the id of a bundle. The reference keeps the engine itself from deleting what is pinned. What was whole before
-- this step has a pin without a name and is kept for good: no row says which bundle names it.
CREATE TABLE blob_pins (
    owner  TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    pin    TEXT NOT NULL,
    PRIMARY KEY (owner, pin, sha256),
    FOREIGN KEY (owner, sha256) REFERENCES blobs (owner, sha256)
);
CREATE INDEX blob_pins_blob ON blob_pins (owner, sha256);
INSERT INTO blob_pins (owner, sha256, pin) SELECT owner, sha256, '' FROM blobs WHERE complete = 1;

-- How much is stored on each account: `north`, and within it `north/tkt_…`. A part is counted on its account and on the outer one.
CREATE TABLE blob_accounts (
    account      TEXT   NOT NULL PRIMARY KEY,
    stored_bytes BIGINT NOT NULL CHECK (stored_bytes >= 0)
);
ALTER TABLE blob_parts ADD COLUMN account TEXT NOT NULL DEFAULT '';
UPDATE blob_parts SET account = owner;
INSERT INTO blob_accounts (account, stored_bytes)
    SELECT owner, CAST(SUM(size_bytes) AS BIGINT) FROM blob_parts GROUP BY owner;
INSERT INTO blob_accounts (account, stored_bytes)
    SELECT substr(owner, 1, instr(owner, '/') - 1), CAST(SUM(size_bytes) AS BIGINT) FROM blob_parts
    WHERE instr(owner, '/') > 0 GROUP BY substr(owner, 1, instr(owner, '/') - 1);
CREATE UNIQUE INDEX blob_parts_object ON blob_parts (object);

-- Objects whose rows are gone, until they are gone themselves.
CREATE TABLE blob_tombstones (
    object    TEXT   NOT NULL PRIMARY KEY,
    buried_at BIGINT NOT NULL
);
