-- Standbys and other readers of the write-ahead log, and how far they are behind.
SELECT row_to_json(line)
FROM (
    SELECT pid, application_name, client_addr, backend_start, state, sync_state, sent_lsn, write_lsn, flush_lsn, replay_lsn,
        write_lag, flush_lag, replay_lag, age(backend_xmin) AS xmin_age,
        pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, replay_lsn) AS behind_bytes
    FROM pg_stat_replication
    ORDER BY application_name, pid
    LIMIT 1000
) AS line
