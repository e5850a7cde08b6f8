-- Whether the liaison who owns the issue now is known to have administrative rights on the product: advice to the desk. Of cases from before
-- it is not known.
ALTER TABLE cases ADD COLUMN liaison_has_rights SMALLINT NOT NULL DEFAULT 0;
