-- Tables of the database that is connected to: how large they are by their statistics, how much of them is dead, when they were last cleaned.
SELECT row_to_json(line)
FROM (
    SELECT schemaname, statistics.relname, relpages::bigint * current_setting('block_size')::integer AS bytes, n_live_tup, n_dead_tup,
        round(100.0 * n_dead_tup / nullif(n_live_tup + n_dead_tup, 0), 1) AS dead_percent, n_mod_since_analyze, CASE WHEN relkind <> 'p' THEN age(relfrozenxid) END AS age,
        seq_scan, idx_scan, last_vacuum, last_autovacuum, last_analyze, last_autoanalyze, autovacuum_count, reloptions
    FROM pg_stat_user_tables AS statistics JOIN pg_class ON pg_class.oid = relid
    ORDER BY n_dead_tup DESC, relpages DESC
    LIMIT 500
) AS line
