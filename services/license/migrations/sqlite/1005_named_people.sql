-- How agreements run on, and the record of their seats.
ALTER TABLE agreements ADD COLUMN plan TEXT NOT NULL DEFAULT 'contract';

CREATE TABLE seat_grants (
    seat_grant_id TEXT   NOT NULL PRIMARY KEY,
    agreement_id  TEXT   NOT NULL REFERENCES agreements (agreement_id),
    seats_before  BIGINT NOT NULL,
    seats_after   BIGINT NOT NULL,
    note          TEXT   NOT NULL,
    granted_by    TEXT   NOT NULL,
    granted_at    BIGINT NOT NULL
);
CREATE INDEX seat_grants_agreement ON seat_grants (agreement_id, seat_grant_id);

-- The vendor's working days. Weekdays are numbers of ISO 8601, the closing hour is minutes since midnight, and each holiday is a line:
-- its date, a blank, its name.
CREATE TABLE business_calendar (
    only_row   SMALLINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    weekdays   TEXT     NOT NULL,
    closes     BIGINT   NOT NULL,
    holidays   TEXT     NOT NULL,
    revision   BIGINT   NOT NULL,
    changed_at BIGINT
);
INSERT INTO business_calendar (only_row, weekdays, closes, holidays, revision) VALUES (1, '1 2 3 4 5', 1020, '', 1);

-- Customers' notices of changes of liaisons. Who is added has a contact id from the beginning, and is a liaison once the notice is
-- applied.
CREATE TABLE liaison_notices (
    liaison_notice_id TEXT   NOT NULL PRIMARY KEY,
    agreement_id      TEXT   NOT NULL REFERENCES agreements (agreement_id),
    end_user_id       TEXT   NOT NULL REFERENCES end_users (end_user_id),
    submitted_by      TEXT   NOT NULL,
    effective_on      TEXT   NOT NULL,
    effective_at      BIGINT NOT NULL,
    grace_ends_at     BIGINT NOT NULL,
    document_digest   BLOB   NOT NULL,
    state             TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    ended_at          BIGINT
);
CREATE INDEX liaison_notices_agreement ON liaison_notices (agreement_id, liaison_notice_id);
CREATE INDEX liaison_notices_end_user ON liaison_notices (end_user_id, liaison_notice_id);
CREATE INDEX liaison_notices_pending ON liaison_notices (effective_at, liaison_notice_id) WHERE state = 'pending';

CREATE TABLE liaison_removals (
    liaison_notice_id TEXT   NOT NULL REFERENCES liaison_notices (liaison_notice_id),
    place             BIGINT NOT NULL,
    contact_id        TEXT   NOT NULL,
    successor_id      TEXT,
    PRIMARY KEY (liaison_notice_id, place)
);

CREATE TABLE liaison_additions (
    liaison_notice_id     TEXT     NOT NULL REFERENCES liaison_notices (liaison_notice_id),
    place                 BIGINT   NOT NULL,
    contact_id            TEXT     NOT NULL,
    name                  TEXT     NOT NULL,
    email                 TEXT     NOT NULL,
    administrative_rights SMALLINT NOT NULL,
    struck                SMALLINT NOT NULL,
    PRIMARY KEY (liaison_notice_id, place)
);

-- Development kits: products whose licences are bought for named persons.
ALTER TABLE products ADD COLUMN sdk SMALLINT NOT NULL DEFAULT 0;

CREATE TABLE sdk_users (
    sdk_user_id TEXT   NOT NULL PRIMARY KEY,
    license_id  TEXT   NOT NULL REFERENCES licenses (license_id),
    name        TEXT   NOT NULL,
    email       TEXT   NOT NULL,
    named_at    BIGINT NOT NULL,
    ended_at    BIGINT
);
CREATE UNIQUE INDEX sdk_users_license_email ON sdk_users (license_id, email) WHERE ended_at IS NULL;

-- The right to online accounts. Whether one lapsed is judged by its agreement when it is asked for.
CREATE TABLE online_accounts (
    online_account_id    TEXT   NOT NULL PRIMARY KEY,
    agreement_id         TEXT   NOT NULL REFERENCES agreements (agreement_id),
    name                 TEXT   NOT NULL,
    email                TEXT   NOT NULL,
    referring_contact_id TEXT   NOT NULL REFERENCES liaisons (contact_id),
    origin               TEXT   NOT NULL,
    created_at           BIGINT NOT NULL,
    confirmed_at         BIGINT,
    ended_at             BIGINT,
    end_note             TEXT   NOT NULL
);
CREATE UNIQUE INDEX online_accounts_agreement_email ON online_accounts (agreement_id, email) WHERE ended_at IS NULL;
CREATE INDEX online_accounts_agreement ON online_accounts (agreement_id, online_account_id);

-- Notices of ended employment.
CREATE TABLE departures (
    departure_id    TEXT   NOT NULL PRIMARY KEY,
    end_user_id     TEXT   NOT NULL REFERENCES end_users (end_user_id),
    email           TEXT   NOT NULL,
    document_digest BLOB   NOT NULL,
    recorded_by     TEXT   NOT NULL,
    recorded_at     BIGINT NOT NULL
);
CREATE INDEX departures_end_user ON departures (end_user_id, departure_id);
