-- Packs, and a ledger of double entry. A replica of an older version must not run beside this one: it books single
-- entries.
CREATE TABLE incident_packs (
    pack_id         TEXT   NOT NULL PRIMARY KEY,
    end_user_id     TEXT   NOT NULL REFERENCES end_users (end_user_id),
    units           BIGINT NOT NULL,
    units_left      BIGINT NOT NULL,
    order_reference TEXT   NOT NULL,
    granted_at      BIGINT NOT NULL,
    expires_on      TEXT,
    zone            TEXT   NOT NULL,
    CONSTRAINT incident_packs_units_left CHECK (units_left >= 0 AND units_left <= units)
);
CREATE INDEX incident_packs_end_user ON incident_packs (end_user_id, pack_id);
CREATE INDEX incident_packs_open ON incident_packs (end_user_id) WHERE units_left > 0;

-- From when an account's years are counted, how many anniversaries are applied, when time has something to do next, and
-- how many entries its ledger has.
ALTER TABLE end_users ADD COLUMN owed BIGINT NOT NULL DEFAULT 0 CHECK (owed >= 0);
ALTER TABLE end_users ADD COLUMN expired BIGINT NOT NULL DEFAULT 0 CHECK (expired >= 0);
ALTER TABLE end_users ADD COLUMN first_granted_at BIGINT;
ALTER TABLE end_users ADD COLUMN incidents_zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE end_users ADD COLUMN anniversaries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE end_users ADD COLUMN incidents_due_at BIGINT;
ALTER TABLE end_users ADD COLUMN ledger_lines BIGINT NOT NULL DEFAULT 0;
CREATE INDEX end_users_incidents_due_at ON end_users (incidents_due_at);

-- A hold is for an escalation, whose id is its reference, or for a partner's own work. It lapses a week after its last
-- proof ended, and names the packs of its units: `pck_…=1 pck_…=2`.
ALTER TABLE holds RENAME COLUMN escalation_id TO reference;
ALTER TABLE holds RENAME COLUMN proof_expires_at TO lapses_at;
ALTER TABLE holds ADD COLUMN purpose TEXT NOT NULL DEFAULT 'escalation';
ALTER TABLE holds ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE holds ADD COLUMN owed BIGINT NOT NULL DEFAULT 0 CHECK (owed >= 0);
ALTER TABLE holds ADD COLUMN borne BIGINT NOT NULL DEFAULT 0 CHECK (borne >= 0);
ALTER TABLE holds ADD COLUMN reversed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE holds ADD COLUMN packs TEXT NOT NULL DEFAULT '';
ALTER TABLE holds ADD COLUMN minutes BIGINT;
-- The reservation with which an escalated ticket was charged already: it carries one escalation.
ALTER TABLE holds ADD COLUMN charged_hold_id TEXT REFERENCES holds (hold_id);
CREATE UNIQUE INDEX holds_charged_hold_id ON holds (charged_hold_id) WHERE charged_hold_id IS NOT NULL;
CREATE INDEX holds_owing ON holds (end_user_id, hold_id) WHERE owed > 0;
CREATE INDEX holds_reserved ON holds (lapses_at) WHERE state = 'reserved';

-- Entries are numbered within their account, so that what one transaction books keeps its order.
CREATE TABLE incident_entries (
    entry_id          TEXT   NOT NULL PRIMARY KEY,
    end_user_id       TEXT   NOT NULL REFERENCES end_users (end_user_id),
    line              BIGINT NOT NULL,
    movement          TEXT   NOT NULL,
    units             BIGINT NOT NULL CHECK (units > 0),
    reference         TEXT   NOT NULL,
    hold_id           TEXT REFERENCES holds (hold_id),
    note              TEXT   NOT NULL,
    reverses_entry_id TEXT REFERENCES incident_entries (entry_id),
    booked_by         TEXT   NOT NULL,
    booked_at         BIGINT NOT NULL,
    UNIQUE (end_user_id, line)
);
CREATE INDEX incident_entries_hold ON incident_entries (hold_id, line);

-- The legs of entries: those of one entry add up to zero.
CREATE TABLE incident_postings (
    entry_id TEXT   NOT NULL REFERENCES incident_entries (entry_id),
    leg      BIGINT NOT NULL,
    account  TEXT   NOT NULL,
    pack_id  TEXT REFERENCES incident_packs (pack_id),
    units    BIGINT NOT NULL CHECK (units <> 0),
    PRIMARY KEY (entry_id, leg)
);

-- What was there is carried over. Every grant was a pack, without an end, under the number of its entry.
INSERT INTO incident_packs (pack_id, end_user_id, units, units_left, order_reference, granted_at, expires_on, zone)
SELECT 'pck_' || SUBSTR(entry_id, 5), end_user_id, units, units, reference, booked_at, NULL, 'UTC'
FROM ledger_entries WHERE movement = 'grant';

UPDATE holds SET borne = units, units = 0
WHERE EXISTS (
    SELECT 1 FROM ledger_entries e
    WHERE e.movement = 'vendor-bears' AND e.end_user_id = holds.end_user_id AND e.reference = holds.reference
);
UPDATE holds SET lapses_at = lapses_at + 604800000000;

-- Units were spent in the order of the packs, and set aside in the order of the holds: laid beside one another, a hold
-- has of each pack where the two overlap.
WITH bought AS (
    SELECT pack_id, end_user_id, units,
           SUM(units) OVER (PARTITION BY end_user_id ORDER BY pack_id) - units AS begins
    FROM incident_packs
), spent AS (
    SELECT hold_id, end_user_id, units,
           SUM(units) OVER (PARTITION BY end_user_id ORDER BY hold_id) - units AS begins
    FROM holds WHERE state <> 'released' AND units > 0
), shares AS (
    SELECT s.hold_id, b.pack_id,
           CASE WHEN b.begins + b.units < s.begins + s.units THEN b.begins + b.units ELSE s.begins + s.units END
               - CASE WHEN b.begins > s.begins THEN b.begins ELSE s.begins END AS units
    FROM bought b JOIN spent s
        ON s.end_user_id = b.end_user_id AND b.begins < s.begins + s.units AND s.begins < b.begins + b.units
)
UPDATE holds SET packs = COALESCE((
    SELECT group_concat(pack_id || '=' || CAST(units AS BIGINT), ' ') FROM shares WHERE shares.hold_id = holds.hold_id
), '');

WITH spent AS (
    SELECT end_user_id, SUM(units) AS units FROM holds WHERE state <> 'released' GROUP BY end_user_id
), bought AS (
    SELECT pack_id, end_user_id, SUM(units) OVER (PARTITION BY end_user_id ORDER BY pack_id) AS ends FROM incident_packs
), remains AS (
    SELECT b.pack_id, b.ends - COALESCE(s.units, 0) AS units
    FROM bought b LEFT JOIN spent s ON s.end_user_id = b.end_user_id
)
UPDATE incident_packs SET units_left = (
    SELECT CASE WHEN r.units <= 0 THEN 0 WHEN r.units < incident_packs.units THEN r.units ELSE incident_packs.units END
    FROM remains r WHERE r.pack_id = incident_packs.pack_id
);

INSERT INTO incident_entries
    (entry_id, end_user_id, line, movement, units, reference, hold_id, note, reverses_entry_id, booked_by, booked_at)
SELECT e.entry_id, e.end_user_id, ROW_NUMBER() OVER (PARTITION BY e.end_user_id ORDER BY e.entry_id), e.movement, e.units,
       e.reference,
       (SELECT MIN(h.hold_id) FROM holds h WHERE h.end_user_id = e.end_user_id AND h.reference = e.reference),
       '', NULL, '', e.booked_at
FROM ledger_entries e;

INSERT INTO incident_postings (entry_id, leg, account, pack_id, units)
SELECT entry_id, 1,
       CASE movement WHEN 'grant' THEN 'purchased' WHEN 'reserve' THEN 'available' WHEN 'capture' THEN 'reserved'
           WHEN 'release' THEN 'reserved' WHEN 'capture-anew' THEN 'available' ELSE 'vendor-borne' END,
       CASE movement WHEN 'grant' THEN 'pck_' || SUBSTR(entry_id, 5) END, -units
FROM ledger_entries;
INSERT INTO incident_postings (entry_id, leg, account, pack_id, units)
SELECT entry_id, 2,
       CASE movement WHEN 'grant' THEN 'available' WHEN 'reserve' THEN 'reserved' WHEN 'release' THEN 'available'
           ELSE 'captured' END,
       CASE movement WHEN 'grant' THEN 'pck_' || SUBSTR(entry_id, 5) END, units
FROM ledger_entries;

-- The years of an account are counted from its first pack; what that brings is found at the next start.
UPDATE end_users SET
    ledger_lines = (SELECT COUNT(*) FROM incident_entries e WHERE e.end_user_id = end_users.end_user_id),
    first_granted_at = (SELECT MIN(granted_at) FROM incident_packs p WHERE p.end_user_id = end_users.end_user_id),
    incidents_due_at = (SELECT MIN(0) FROM incident_packs p WHERE p.end_user_id = end_users.end_user_id);
DROP TABLE ledger_entries;

-- Nothing in the ledger is ever changed.
CREATE TRIGGER incident_entries_kept BEFORE UPDATE ON incident_entries
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are only ever added'); END;
CREATE TRIGGER incident_entries_never_deleted BEFORE DELETE ON incident_entries
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are only ever added'); END;
CREATE TRIGGER incident_postings_kept BEFORE UPDATE ON incident_postings
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are only ever added'); END;
CREATE TRIGGER incident_postings_never_deleted BEFORE DELETE ON incident_postings
BEGIN SELECT RAISE(ABORT, 'entries of the ledger are only ever added'); END;
