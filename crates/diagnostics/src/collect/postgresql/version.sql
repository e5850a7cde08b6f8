-- The version, how long the server runs, and whether it is a standby.
SELECT json_build_object(
    'server_version', current_setting('server_version'),
    'server_version_num', current_setting('server_version_num')::integer,
    'version', version(),
    'standby', pg_is_in_recovery(),
    'started_at', pg_postmaster_start_time(),
    'configuration_read_at', pg_conf_load_time(),
    'now', now()
)
