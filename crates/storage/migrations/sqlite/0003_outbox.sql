-- What is to be sent to other services: in order within a lane, leased while it is being sent, parked when it was tried too
-- often.
CREATE TABLE outbox (
    entry_id     TEXT     NOT NULL PRIMARY KEY,
    lane         TEXT     NOT NULL,
    position     BIGINT   NOT NULL,
    kind         TEXT     NOT NULL,
    payload      BLOB     NOT NULL,
    attempts     BIGINT   NOT NULL,
    due_at       BIGINT   NOT NULL,
    leased_until BIGINT,
    parked       SMALLINT NOT NULL,
    problem      TEXT,
    created_at   BIGINT   NOT NULL,
    UNIQUE (lane, position)
);
CREATE INDEX outbox_due ON outbox (parked, due_at);

-- The history that this database holds: a new one begins when it is restored from a back-up.
CREATE TABLE store_epoch (
    only_row SMALLINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    epoch    TEXT     NOT NULL
);
