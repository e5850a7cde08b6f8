-- Transactions that somebody prepared and nobody ended.
SELECT row_to_json(line)
FROM (
    SELECT database, owner, prepared, age(transaction) AS age
    FROM pg_prepared_xacts
    ORDER BY prepared
    LIMIT 1000
) AS line
