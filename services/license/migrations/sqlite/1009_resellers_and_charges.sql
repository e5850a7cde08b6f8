-- Most licences have no reseller: those need no entry.
DROP INDEX licenses_reseller_partner;
CREATE INDEX licenses_reseller_partner ON licenses (reseller_partner_id, license_id) WHERE reseller_partner_id IS NOT NULL;

-- A charge carries one escalation at a time: after one that was taken back, the next. Two requests for one charge meet at their end user's
-- row.
DROP INDEX holds_charged_hold_id;
CREATE INDEX holds_charged_hold_id ON holds (charged_hold_id) WHERE charged_hold_id IS NOT NULL;
