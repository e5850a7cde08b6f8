-- The incident that a ticket costs once it was turned over to the support team: what is wanted of it, and what the licence service said
-- last. charge_refusal is the contract's findings.
ALTER TABLE tickets ADD COLUMN charge_wanted TEXT;
ALTER TABLE tickets ADD COLUMN charge_state TEXT;
ALTER TABLE tickets ADD COLUMN charge_hold_id TEXT;
ALTER TABLE tickets ADD COLUMN charge_units BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN charge_refusal BLOB;
ALTER TABLE tickets ADD COLUMN turned_over_at BIGINT;
ALTER TABLE tickets ADD COLUMN responded_at BIGINT;
ALTER TABLE tickets ADD COLUMN vendor_responded SMALLINT NOT NULL DEFAULT 0;

-- That a ticket is to be closed, because its liaison was removed without a successor; and that somebody keeps it.
ALTER TABLE tickets ADD COLUMN closing_notice_id TEXT;
ALTER TABLE tickets ADD COLUMN closing_after BIGINT;
ALTER TABLE tickets ADD COLUMN kept_by TEXT;
ALTER TABLE tickets ADD COLUMN kept_at BIGINT;
ALTER TABLE tickets ADD COLUMN kept_note TEXT NOT NULL DEFAULT '';
CREATE INDEX tickets_closing ON tickets (closing_after) WHERE closing_after IS NOT NULL AND kept_by IS NULL;

-- Which notices of liaisons were carried out.
CREATE TABLE liaison_notices (
    partner_id        TEXT   NOT NULL,
    vendor_id         TEXT   NOT NULL,
    liaison_notice_id TEXT   NOT NULL,
    taken_at          BIGINT NOT NULL,
    PRIMARY KEY (partner_id, vendor_id, liaison_notice_id)
);

-- How far each vendor's feed of entitlements was followed, for its notices.
CREATE TABLE entitlement_places (
    partner_id TEXT   NOT NULL,
    vendor_id  TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    PRIMARY KEY (partner_id, vendor_id)
);
