-- The liaison who owns the issue now, by opaque id: that of the frozen cover until another one takes over.
ALTER TABLE cases ADD COLUMN liaison_id TEXT NOT NULL DEFAULT '';
UPDATE cases SET liaison_id = contact_id;
