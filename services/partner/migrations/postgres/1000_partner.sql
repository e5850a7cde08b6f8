-- End-user organisations, each of one partner organisation of this deployment.
CREATE TABLE customers (
    customer_id TEXT   NOT NULL PRIMARY KEY,
    partner_id  TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    revision    BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (partner_id, name)
);

CREATE TABLE customer_licenses (
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    vendor_id   TEXT NOT NULL,
    license_id  TEXT NOT NULL,
    PRIMARY KEY (customer_id, vendor_id)
);
