-- Databases: size, age of their transactions, what became of those.
SELECT row_to_json(line)
FROM (
    SELECT database.datname, age(datfrozenxid) AS age, mxid_age(datminmxid) AS multixact_age,
        CASE WHEN has_database_privilege(database.oid, 'CONNECT') THEN pg_database_size(database.oid) END AS bytes,
        pg_encoding_to_char(encoding) AS encoding, datcollate, datconnlimit, numbackends, xact_commit, xact_rollback, blks_read, blks_hit,
        conflicts, deadlocks, temp_files, temp_bytes, to_jsonb(statistics) -> 'checksum_failures' AS checksum_failures, stats_reset
    FROM pg_database AS database LEFT JOIN pg_stat_database AS statistics ON statistics.datid = database.oid
    ORDER BY age(datfrozenxid) DESC
    LIMIT 1000
) AS line
