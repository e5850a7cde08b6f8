-- Whether the named contact behind a ticket is known to have administrative rights on the product; and what the step that a note tells asks
-- of whoever carries it out: words with a blank between them. Advice to the desk. Of what was there before, nothing is known.
ALTER TABLE tickets ADD COLUMN liaison_has_rights SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE ticket_notes ADD COLUMN marks TEXT NOT NULL DEFAULT '';
