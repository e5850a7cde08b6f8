-- An entry's id tells when it was made; the column was read by nobody, and an entry may be due later than it is made.
ALTER TABLE outbox DROP COLUMN created_at;
