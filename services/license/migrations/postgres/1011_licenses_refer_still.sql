-- What a licence names is looked for again only where it names something else. Nearly every update changes none of it, and paid for looking
-- all the same. Rows are asked one by one: PostgreSQL gives no trigger both a statement's rows and the columns that it is about, and only a
-- row's can say on what it depends before anything is called.
--
-- Both functions look in the schema of their table, however it is called by then: it may be renamed, or restored under another name. What
-- they set ends with the call, because they come with a setting of that name.
CREATE OR REPLACE FUNCTION licenses_refer() RETURNS TRIGGER LANGUAGE plpgsql
SET enable_seqscan = off SET search_path = pg_catalog AS $$
DECLARE
    missing TEXT;
BEGIN
    PERFORM set_config('search_path', quote_ident(TG_TABLE_SCHEMA) || ', pg_temp', TRUE);
    SELECT CASE
        WHEN (SELECT 1 FROM products p WHERE p.product_id = named.product_id) IS NULL
            THEN 'product ' || named.product_id
        WHEN (SELECT 1 FROM end_users e WHERE e.end_user_id = named.end_user_id) IS NULL
            THEN 'end user ' || named.end_user_id
        WHEN (SELECT 1 FROM partners p WHERE p.partner_id = named.responsible_partner_id) IS NULL
            THEN 'partner ' || named.responsible_partner_id
        WHEN named.reseller_partner_id IS NOT NULL
            AND (SELECT 1 FROM partners p WHERE p.partner_id = named.reseller_partner_id) IS NULL
            THEN 'partner ' || named.reseller_partner_id
    END AS what INTO missing
    FROM (SELECT DISTINCT product_id, end_user_id, responsible_partner_id, reseller_partner_id FROM written) AS named
    ORDER BY what LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE foreign_key_violation USING MESSAGE = 'a licence names what is not there: ' || missing, TABLE = 'licenses';
    END IF;
    RETURN NULL;
END; $$;

CREATE FUNCTION licenses_refer_still() RETURNS TRIGGER LANGUAGE plpgsql
SET enable_seqscan = off SET search_path = pg_catalog AS $$
DECLARE
    missing TEXT;
BEGIN
    PERFORM set_config('search_path', quote_ident(TG_TABLE_SCHEMA) || ', pg_temp', TRUE);
    missing := CASE
        WHEN (SELECT 1 FROM products p WHERE p.product_id = NEW.product_id) IS NULL THEN 'product ' || NEW.product_id
        WHEN (SELECT 1 FROM end_users e WHERE e.end_user_id = NEW.end_user_id) IS NULL THEN 'end user ' || NEW.end_user_id
        WHEN (SELECT 1 FROM partners p WHERE p.partner_id = NEW.responsible_partner_id) IS NULL
            THEN 'partner ' || NEW.responsible_partner_id
        WHEN NEW.reseller_partner_id IS NOT NULL
            AND (SELECT 1 FROM partners p WHERE p.partner_id = NEW.reseller_partner_id) IS NULL
            THEN 'partner ' || NEW.reseller_partner_id
    END;
    IF missing IS NOT NULL THEN
        RAISE foreign_key_violation USING MESSAGE = 'a licence names what is not there: ' || missing, TABLE = 'licenses';
    END IF;
    RETURN NULL;
END; $$;

DROP TRIGGER licenses_refer_still ON licenses;
CREATE TRIGGER licenses_refer_still
AFTER UPDATE OF product_id, end_user_id, responsible_partner_id, reseller_partner_id ON licenses FOR EACH ROW WHEN (
    (NEW.product_id, NEW.end_user_id, NEW.responsible_partner_id, NEW.reseller_partner_id)
    IS DISTINCT FROM (OLD.product_id, OLD.end_user_id, OLD.responsible_partner_id, OLD.reseller_partner_id)
) EXECUTE FUNCTION licenses_refer_still();
