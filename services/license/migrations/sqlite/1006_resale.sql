-- Resale chains. Few licences have one: only theirs have rows, and the flag spares the others a look.
ALTER TABLE licenses ADD COLUMN has_chain SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE licenses ADD COLUMN chain_programme TEXT;
ALTER TABLE licenses ADD COLUMN chain_policy BIGINT NOT NULL DEFAULT 0;

-- Links from the vendor down to the seller, and the maker of a modification after them.
CREATE TABLE license_chain (
    license_id TEXT   NOT NULL REFERENCES licenses (license_id),
    position   BIGINT NOT NULL,
    partner_id TEXT   NOT NULL REFERENCES partners (partner_id),
    role       TEXT   NOT NULL,
    PRIMARY KEY (license_id, position)
);
CREATE INDEX license_chain_partner ON license_chain (partner_id, license_id);

-- Programmes with the last version of their policies: the row is the lock under which versions count up.
CREATE TABLE programmes (
    programme      TEXT   NOT NULL PRIMARY KEY,
    policy_version BIGINT NOT NULL
);
INSERT INTO programmes (programme, policy_version)
VALUES ('solution-provider', 0), ('master-reseller', 0), ('oem-saas-msp', 0);

CREATE TABLE programme_policies (
    programme      TEXT   NOT NULL REFERENCES programmes (programme),
    version        BIGINT NOT NULL,
    effective_from TEXT   NOT NULL,
    policy         TEXT   NOT NULL,
    duties         TEXT   NOT NULL,
    rule           TEXT   NOT NULL,
    published_at   BIGINT NOT NULL,
    published_by   TEXT   NOT NULL,
    PRIMARY KEY (programme, version)
);
