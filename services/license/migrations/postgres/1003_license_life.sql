-- What becomes of licences: what they were granted for, by which order, and what was changed of them since.
ALTER TABLE licenses ADD COLUMN kind TEXT NOT NULL DEFAULT 'paid';
ALTER TABLE licenses ADD COLUMN order_reference TEXT NOT NULL DEFAULT '';
CREATE INDEX licenses_order_reference ON licenses (order_reference) WHERE order_reference <> '';
CREATE INDEX licenses_valid_until ON licenses (valid_until);

-- Orders that were carried out: one of a seller is not carried out again.
CREATE TABLE orders (
    seller_id       TEXT     NOT NULL REFERENCES partners (partner_id),
    order_reference TEXT     NOT NULL,
    content         BYTEA    NOT NULL,
    by_seller       SMALLINT NOT NULL,
    placed_at       BIGINT   NOT NULL,
    PRIMARY KEY (seller_id, order_reference)
);
CREATE INDEX orders_placed ON orders (seller_id, placed_at);
CREATE TABLE order_licenses (
    order_reference TEXT NOT NULL,
    seller_id       TEXT NOT NULL,
    license_id      TEXT NOT NULL REFERENCES licenses (license_id),
    PRIMARY KEY (order_reference, seller_id, license_id),
    FOREIGN KEY (seller_id, order_reference) REFERENCES orders (seller_id, order_reference)
);

-- The history of licences, agreements and partners. A row holds what checks knew of the thing before the change: what they knew at an
-- instant is in the first change after it.
CREATE TABLE changes (
    subject_id   TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    change       TEXT   NOT NULL,
    changed_at   BIGINT NOT NULL,
    changed_by   TEXT   NOT NULL,
    partner_id   TEXT   NOT NULL,
    note         TEXT   NOT NULL,
    fields       TEXT   NOT NULL,
    facts_before BYTEA,
    PRIMARY KEY (subject_id, revision)
);

ALTER TABLE tiers ADD COLUMN early_access SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE releases ADD COLUMN early_access_on TEXT;
ALTER TABLE releases ADD COLUMN published_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE partners ADD COLUMN orders_per_day BIGINT NOT NULL DEFAULT 0;
ALTER TABLE partners ADD COLUMN units_per_order BIGINT NOT NULL DEFAULT 0;

-- Keys that were replaced: they find nothing, and are not taken again.
CREATE TABLE replaced_keys (
    key_digest  BYTEA  NOT NULL PRIMARY KEY,
    license_id  TEXT   NOT NULL REFERENCES licenses (license_id),
    replaced_at BIGINT NOT NULL
);

-- When the first version started that keeps a history: nothing is known of the time before.
CREATE TABLE history_began (
    only_row SMALLINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    began_at BIGINT   NOT NULL
);
