-- The keys to which tables of pseudonyms are encrypted: one pair for each partner organisation. The private one is sealed and stays here.
CREATE TABLE partner_identities (
    partner_id TEXT   NOT NULL PRIMARY KEY,
    recipient  TEXT   NOT NULL,
    sealed     BYTEA  NOT NULL,
    made_at    BIGINT NOT NULL
);

-- The key of each ticket's pseudonyms, sealed: made with its first collection ticket, and the same in all of them.
CREATE TABLE pseudonym_keys (
    ticket_id TEXT  NOT NULL PRIMARY KEY REFERENCES tickets (ticket_id),
    sealed    BYTEA NOT NULL
);

-- Requests for diagnostics that were issued.
CREATE TABLE collection_tickets (
    collection_ticket_id TEXT   NOT NULL PRIMARY KEY,
    ticket_id            TEXT   NOT NULL REFERENCES tickets (ticket_id),
    profile              TEXT   NOT NULL,
    issued_by            TEXT   NOT NULL,
    issued_at            BIGINT NOT NULL
);
CREATE INDEX collection_tickets_ticket ON collection_tickets (ticket_id);

-- By which collection ticket a bundle was collected, where its manifest names one.
ALTER TABLE bundles ADD COLUMN collection_ticket_id TEXT;

-- What the pseudonyms of a bundle stand for, encrypted to the partner as it came. It lies here and not among the blobs, which are handed
-- over to vendors.
CREATE TABLE bundle_pseudonyms (
    bundle_id   TEXT   NOT NULL PRIMARY KEY REFERENCES bundles (bundle_id),
    sealed      BYTEA  NOT NULL,
    received_at BIGINT NOT NULL
);
