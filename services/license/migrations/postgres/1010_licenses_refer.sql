-- What licences refer to is looked for once in a statement, and not once for each of its rows: that was a third of the time that an import took.
-- A product, an end user or a partner that was there stays there, under its code: no row has to be locked to be sure of it.
ALTER TABLE licenses
    DROP CONSTRAINT licenses_product_id_fkey,
    DROP CONSTRAINT licenses_end_user_id_fkey,
    DROP CONSTRAINT licenses_responsible_partner_id_fkey,
    DROP CONSTRAINT licenses_reseller_partner_id_fkey;

-- Each is looked up by its key, whatever the planner thinks of the size of a table: it plans these once for a connection.
CREATE FUNCTION licenses_refer() RETURNS TRIGGER LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    missing TEXT;
BEGIN
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
CREATE TRIGGER licenses_refer AFTER INSERT ON licenses REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION licenses_refer();
CREATE TRIGGER licenses_refer_still AFTER UPDATE ON licenses REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION licenses_refer();

CREATE FUNCTION referred_to_by_licenses() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN RAISE foreign_key_violation USING MESSAGE = TG_TABLE_NAME || ' stay, and keep their codes: licences name them'; END; $$;
CREATE TRIGGER products_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF product_id ON products
FOR EACH STATEMENT EXECUTE FUNCTION referred_to_by_licenses();
CREATE TRIGGER end_users_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF end_user_id ON end_users
FOR EACH STATEMENT EXECUTE FUNCTION referred_to_by_licenses();
CREATE TRIGGER partners_stay BEFORE DELETE OR TRUNCATE OR UPDATE OF partner_id ON partners
FOR EACH STATEMENT EXECUTE FUNCTION referred_to_by_licenses();

-- A table of a session's own of one of these names is not what licences refer to.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION licenses_refer() SET search_path = %I, pg_temp', current_schema());
END; $$;
