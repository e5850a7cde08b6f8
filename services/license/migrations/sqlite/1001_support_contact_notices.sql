-- Telling end users their support contact: one notice for each person named in an agreement, due when the agreement starts.
CREATE TABLE support_contact_notices (
    notice_id    TEXT   NOT NULL PRIMARY KEY,
    agreement_id TEXT   NOT NULL REFERENCES agreements (agreement_id),
    contact_id   TEXT   NOT NULL REFERENCES liaisons (contact_id),
    due_at       BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    partner_ids  TEXT   NOT NULL,
    problem      TEXT   NOT NULL,
    ended_at     BIGINT
);
CREATE INDEX support_contact_notices_agreement ON support_contact_notices (agreement_id, notice_id);
