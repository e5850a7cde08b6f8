-- What the vendor requires, by product: every version is kept, the last one counts. content is the contract's message.
CREATE TABLE admission_policies (
    product_id   TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    content      BYTEA  NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (product_id, version)
);

-- Hours of cover with their targets, in the same way.
CREATE TABLE coverages (
    coverage     TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    content      BYTEA  NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (coverage, version)
);

-- The artefacts that a bundle has, a JSON list: what the gate asks of its manifest.
ALTER TABLE bundles ADD COLUMN artefacts TEXT NOT NULL DEFAULT '[]';

-- What became of each escalation: the row that stands for it, locked by whoever decides about it. hold_id is the incident that a
-- genuine proof set aside for it, to be given back when it is withdrawn without a case.
CREATE TABLE escalations (
    partner_id    TEXT   NOT NULL,
    escalation_id TEXT   NOT NULL,
    status        TEXT   NOT NULL,
    attempts      BIGINT NOT NULL,
    hold_id       TEXT,
    changed_at    BIGINT NOT NULL,
    PRIMARY KEY (partner_id, escalation_id)
);

-- The decision log: each refusal. The decision that accepted stands with its case.
CREATE TABLE refusals (
    partner_id    TEXT   NOT NULL,
    escalation_id TEXT   NOT NULL,
    attempt       BIGINT NOT NULL,
    decision      BYTEA  NOT NULL,
    decided_at    BIGINT NOT NULL,
    PRIMARY KEY (partner_id, escalation_id, attempt)
);

-- Cases, each with the escalation that opened it, its frozen cover, its decision, its receipt, and the head of its history.
-- bundle_id pins the bundle.
CREATE TABLE cases (
    case_id            TEXT     NOT NULL PRIMARY KEY,
    number             BIGINT   NOT NULL UNIQUE,
    partner_id         TEXT     NOT NULL,
    escalation_id      TEXT     NOT NULL,
    ticket_number      TEXT     NOT NULL,
    state              TEXT     NOT NULL,
    severity           TEXT     NOT NULL,
    subject            TEXT     NOT NULL,
    product_id         TEXT     NOT NULL,
    version            TEXT     NOT NULL,
    end_user_id        TEXT     NOT NULL,
    contact_id         TEXT     NOT NULL,
    license_id         TEXT     NOT NULL,
    license_revision   BIGINT   NOT NULL,
    agreement_id       TEXT,
    tier_id            TEXT     NOT NULL,
    coverage           TEXT     NOT NULL,
    priority           BIGINT   NOT NULL,
    hold_id            TEXT     NOT NULL,
    proof_id           TEXT     NOT NULL UNIQUE,
    bundle_id          TEXT     NOT NULL REFERENCES bundles (bundle_id),
    escalation         BYTEA    NOT NULL,
    decision           BYTEA    NOT NULL,
    receipt            TEXT     NOT NULL,
    engineer           TEXT,
    accepted_at        BIGINT   NOT NULL,
    first_response_due BIGINT,
    first_response_at  BIGINT,
    test_case          SMALLINT NOT NULL,
    revision           BIGINT   NOT NULL,
    head_sequence      BIGINT   NOT NULL,
    head_hash          BYTEA    NOT NULL,
    UNIQUE (partner_id, escalation_id)
);
CREATE INDEX cases_partner ON cases (partner_id, case_id);
CREATE INDEX cases_state ON cases (state, first_response_due);

-- The joint history of each case, and its place in its partner's feed.
CREATE TABLE case_events (
    case_id       TEXT   NOT NULL REFERENCES cases (case_id),
    sequence      BIGINT NOT NULL,
    partner_id    TEXT   NOT NULL,
    feed_sequence BIGINT NOT NULL,
    feed_hash     BYTEA  NOT NULL,
    type_name     TEXT   NOT NULL,
    payload       BYTEA  NOT NULL,
    salt          BYTEA  NOT NULL,
    content_hash  BYTEA  NOT NULL,
    previous_hash BYTEA  NOT NULL,
    hash          BYTEA  NOT NULL,
    actor         TEXT   NOT NULL,
    committed_at  BIGINT NOT NULL,
    origin        TEXT   NOT NULL,
    PRIMARY KEY (case_id, sequence),
    UNIQUE (partner_id, feed_sequence)
);

-- The head of each partner's feed: locked last in a transaction, so that the order of the feed is the order of commitment.
CREATE TABLE feeds (
    partner_id TEXT   NOT NULL PRIMARY KEY,
    sequence   BIGINT NOT NULL,
    hash       BYTEA  NOT NULL
);

-- Notes of the vendor's own. Nothing here has a way into case_events.
CREATE TABLE internal_notes (
    note_id    TEXT   NOT NULL PRIMARY KEY,
    case_id    TEXT   NOT NULL REFERENCES cases (case_id),
    author     TEXT   NOT NULL,
    text       TEXT   NOT NULL,
    written_at BIGINT NOT NULL
);
CREATE INDEX internal_notes_case ON internal_notes (case_id, written_at);
