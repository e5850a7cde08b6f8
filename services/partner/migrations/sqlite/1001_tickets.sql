-- The code by which the tokens of an organisation's people name it; empty: they have no access of their own.
ALTER TABLE customers ADD COLUMN organisation TEXT NOT NULL DEFAULT '';
CREATE INDEX customers_organisation ON customers (organisation);

-- Front-line tickets. problem, work, entitlement and decision are the contract's messages. What is known of the escalation
-- stands in the same row: one ticket has one at a time.
CREATE TABLE tickets (
    ticket_id              TEXT     NOT NULL PRIMARY KEY,
    number                 BIGINT   NOT NULL UNIQUE,
    partner_id             TEXT     NOT NULL,
    customer_id            TEXT     NOT NULL REFERENCES customers (customer_id),
    vendor_id              TEXT     NOT NULL,
    state                  TEXT     NOT NULL,
    channel                TEXT     NOT NULL,
    contact_email          TEXT     NOT NULL,
    liaison_email          TEXT     NOT NULL,
    problem                BLOB     NOT NULL,
    statement_confirmed_at BIGINT,
    solution_confirmed_at  BIGINT,
    work                   BLOB     NOT NULL,
    entitled               SMALLINT NOT NULL,
    entitlement            BLOB ,
    assignee               TEXT,
    opened_at              BIGINT   NOT NULL,
    test_case              SMALLINT NOT NULL,
    revision               BIGINT   NOT NULL,
    escalation_id          TEXT UNIQUE,
    escalation_status      TEXT,
    decision               BLOB ,
    withdrawing            SMALLINT NOT NULL,
    asked                  SMALLINT NOT NULL,
    case_id                TEXT UNIQUE,
    case_number            TEXT     NOT NULL,
    case_state             TEXT     NOT NULL,
    receipt                TEXT     NOT NULL
);
CREATE INDEX tickets_partner ON tickets (partner_id, ticket_id);
CREATE INDEX tickets_customer ON tickets (customer_id, ticket_id);

-- Notes, each for one audience. entry_id is the outbox entry by which one goes to the vendor.
CREATE TABLE ticket_notes (
    note_id    TEXT     NOT NULL PRIMARY KEY,
    ticket_id  TEXT     NOT NULL REFERENCES tickets (ticket_id),
    audience   TEXT     NOT NULL,
    author     TEXT     NOT NULL,
    text       TEXT     NOT NULL,
    written_at BIGINT   NOT NULL,
    entry_id   TEXT UNIQUE,
    pending    SMALLINT NOT NULL
);
CREATE INDEX ticket_notes_ticket ON ticket_notes (ticket_id, written_at);

-- Bundles that were committed for a ticket, verified and signed here.
CREATE TABLE bundles (
    bundle_id          TEXT   NOT NULL PRIMARY KEY,
    ticket_id          TEXT   NOT NULL REFERENCES tickets (ticket_id),
    root               BLOB   NOT NULL,
    manifest_size      BIGINT NOT NULL,
    manifest_signature TEXT   NOT NULL,
    entries            BIGINT NOT NULL,
    size_bytes         BIGINT NOT NULL,
    committed_at       BIGINT NOT NULL,
    UNIQUE (ticket_id, root)
);

-- The joint history of each case, as the vendor sequenced and chained it: kept verbatim.
CREATE TABLE case_events (
    vendor_id     TEXT   NOT NULL,
    case_id       TEXT   NOT NULL,
    sequence      BIGINT NOT NULL,
    type_name     TEXT   NOT NULL,
    payload       BLOB   NOT NULL,
    salt          BLOB   NOT NULL,
    content_hash  BLOB   NOT NULL,
    previous_hash BLOB   NOT NULL,
    hash          BLOB   NOT NULL,
    actor         TEXT   NOT NULL,
    committed_at  BIGINT NOT NULL,
    origin        TEXT   NOT NULL,
    PRIMARY KEY (vendor_id, case_id, sequence)
);

-- How far each vendor's feed was applied: moved in the transaction that applies.
CREATE TABLE feed_cursors (
    partner_id TEXT NOT NULL,
    vendor_id  TEXT NOT NULL,
    cursor     TEXT NOT NULL,
    PRIMARY KEY (partner_id, vendor_id)
);
