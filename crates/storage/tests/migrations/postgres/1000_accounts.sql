CREATE TABLE accounts (name TEXT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL, CONSTRAINT accounts_balance CHECK (balance >= 0));
CREATE TABLE notes (
    name    TEXT   NOT NULL PRIMARY KEY,
    units   BIGINT NOT NULL,
    content BYTEA  NOT NULL,
    note    TEXT,
    kept    BIGINT NOT NULL
);
