CREATE TABLE accounts (name TEXT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL, CONSTRAINT accounts_balance CHECK (balance >= 0));
