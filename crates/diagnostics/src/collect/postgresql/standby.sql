-- What this server receives, if it is a standby. How it connects, and to whom, is left out: it may hold a password, and names a host.
SELECT json_build_object(
    'standby', pg_is_in_recovery(),
    'received_lsn', pg_last_wal_receive_lsn(),
    'replayed_lsn', pg_last_wal_replay_lsn(),
    'replayed_at', pg_last_xact_replay_timestamp(),
    'paused', CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END,
    'receiver', (SELECT to_jsonb(receiver) - 'conninfo' - 'sender_host' FROM pg_stat_wal_receiver AS receiver)
)
