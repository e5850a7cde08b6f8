-- What a check rests on, packed beside the columns that it is made of, and written with them: a start reads these and nothing
-- else. A row's facts_revision is the revision of all facts with which it changed last.
CREATE TABLE facts_revision (
    only_row  SMALLINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    revision  BIGINT   NOT NULL,
    catalogue BIGINT   NOT NULL
);
INSERT INTO facts_revision (only_row, revision, catalogue) VALUES (1, 0, 0);

ALTER TABLE licenses ADD COLUMN facts BLOB;
ALTER TABLE licenses ADD COLUMN facts_revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX licenses_facts_revision ON licenses (facts_revision);
ALTER TABLE agreements ADD COLUMN facts BLOB;
ALTER TABLE end_users ADD COLUMN facts_revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX end_users_facts_revision ON end_users (facts_revision);
