-- Whether the write-ahead log is archived.
SELECT row_to_json(archiver) FROM pg_stat_archiver AS archiver
