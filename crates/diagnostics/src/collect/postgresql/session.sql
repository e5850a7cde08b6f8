-- Whether this server is a standby, and whether its transactions can only read unless they say otherwise: `f off`.
SELECT concat(pg_is_in_recovery(), ' ', current_setting('default_transaction_read_only'))
