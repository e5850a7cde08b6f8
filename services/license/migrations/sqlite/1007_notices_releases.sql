-- Removals that fell away: who was to be removed left by ended employment before the notice's day.
ALTER TABLE liaison_removals ADD COLUMN struck SMALLINT NOT NULL DEFAULT 0;

-- The releases of a product are read page by page, newest first.
CREATE INDEX releases_day ON releases (product_id, released_on, version);
