-- What every service keeps: the results of its mutations, and its signing keys.
CREATE TABLE results (
    caller       TEXT   NOT NULL,
    method       TEXT   NOT NULL,
    request_id   TEXT   NOT NULL,
    content      BLOB   NOT NULL,
    response     BLOB,
    sealed_until BIGINT,
    stored_at    BIGINT NOT NULL,
    PRIMARY KEY (caller, method, request_id)
);
CREATE INDEX results_stored_at ON results (stored_at);

CREATE TABLE signing_keys (
    kid            TEXT   NOT NULL PRIMARY KEY,
    purpose        TEXT   NOT NULL,
    sealed_private BLOB   NOT NULL,
    public_jwk     TEXT   NOT NULL,
    active_from    BIGINT NOT NULL,
    retires_at     BIGINT
);
CREATE INDEX signing_keys_purpose ON signing_keys (purpose, active_from);
