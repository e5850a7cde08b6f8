-- Extensions of the database that is connected to, and which version the server would install.
SELECT row_to_json(line)
FROM (
    SELECT extname, extversion, default_version, nspname AS schema
    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
        LEFT JOIN pg_available_extensions ON pg_available_extensions.name = extname
    ORDER BY extname
) AS line
