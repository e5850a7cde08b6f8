-- Sessions: what each waits for, and for whom, which is asked for those only that wait: it stops the server's locks for a moment. Of a query its first word, since what stands behind it is somebody's data.
SELECT row_to_json(line)
FROM (
    SELECT pid, datname, usename, application_name, client_addr, backend_type, state, wait_event_type, wait_event,
        backend_start, xact_start, query_start, state_change,
        round(extract(epoch FROM now() - xact_start)) AS transaction_seconds, age(backend_xmin) AS xmin_age,
        upper(substring(query FROM '^(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*([A-Za-z]+)')) AS command, to_jsonb(activity) -> 'query_id' AS query_id,
        to_jsonb(activity) -> 'leader_pid' AS leader_pid, CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) END AS blocked_by
    FROM pg_stat_activity AS activity
    ORDER BY xact_start NULLS LAST, pid
    LIMIT 10000
) AS line
