-- Every setting in force, by its own name, so that a secret stands beside the name that tells it. What asks for a passphrase is a command with it.
SELECT json_build_object(
    name, CASE WHEN name = 'ssl_passphrase_command' AND setting <> '' THEN '(set)' ELSE setting END,
    'unit', unit, 'source', source, 'sourcefile', sourcefile, 'context', context, 'pending_restart', pending_restart
)
FROM pg_settings
ORDER BY name
