-- Locks, counted; those that are waited for come first.
SELECT row_to_json(line)
FROM (
    SELECT granted, locktype, mode, datname, CASE WHEN datname = current_database() THEN relation::regclass END AS relation, count(*) AS count
    FROM pg_locks LEFT JOIN pg_database ON pg_database.oid = database
    GROUP BY granted, locktype, mode, datname, relation
    ORDER BY granted, count(*) DESC, locktype, mode
    LIMIT 1000
) AS line
