-- Replication slots, and how much of the write-ahead log each one keeps.
SELECT row_to_json(line)
FROM (
    SELECT slot_name, slot_type, plugin, database, active, active_pid, age(xmin) AS xmin_age, age(catalog_xmin) AS catalog_xmin_age,
        restart_lsn, confirmed_flush_lsn, to_jsonb(slots) -> 'wal_status' AS wal_status, to_jsonb(slots) -> 'safe_wal_size' AS safe_wal_size,
        pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn) AS retained_bytes
    FROM pg_replication_slots AS slots
    ORDER BY slot_name
    LIMIT 1000
) AS line
