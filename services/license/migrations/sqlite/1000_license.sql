-- Tiers and products: the vendor's data.
CREATE TABLE tiers (
    tier_id    TEXT     NOT NULL PRIMARY KEY,
    name       TEXT     NOT NULL,
    assisted   SMALLINT NOT NULL,
    channels   TEXT     NOT NULL,
    severities TEXT     NOT NULL,
    coverage   TEXT     NOT NULL,
    priority   BIGINT   NOT NULL,
    charging   TEXT     NOT NULL
);

CREATE TABLE products (
    product_id      TEXT   NOT NULL PRIMARY KEY,
    name            TEXT   NOT NULL,
    default_tier_id TEXT REFERENCES tiers (tier_id),
    revision        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL
);

CREATE TABLE releases (
    product_id        TEXT NOT NULL REFERENCES products (product_id),
    version           TEXT NOT NULL,
    released_on       TEXT NOT NULL,
    end_of_support_on TEXT,
    PRIMARY KEY (product_id, version)
);

-- Partners, and the names under which they call. A trust domain belongs to one partner.
CREATE TABLE partners (
    partner_id         TEXT   NOT NULL PRIMARY KEY,
    name               TEXT   NOT NULL,
    programme          TEXT   NOT NULL,
    standing           TEXT   NOT NULL,
    trust_bundle_pem   TEXT   NOT NULL,
    manifest_jwks      TEXT   NOT NULL,
    contact_name       TEXT   NOT NULL,
    contact_email      TEXT   NOT NULL,
    contact_phone      TEXT   NOT NULL,
    contact_portal_url TEXT   NOT NULL,
    revision           BIGINT NOT NULL,
    created_at         BIGINT NOT NULL
);

CREATE TABLE partner_trust_domains (
    trust_domain TEXT NOT NULL PRIMARY KEY,
    partner_id   TEXT NOT NULL REFERENCES partners (partner_id)
);

CREATE TABLE partner_spiffe_ids (
    spiffe_id  TEXT NOT NULL PRIMARY KEY,
    partner_id TEXT NOT NULL REFERENCES partners (partner_id)
);

-- How often the registry was changed: replicas look here for news.
CREATE TABLE registry_revision (
    only_row SMALLINT NOT NULL PRIMARY KEY,
    revision BIGINT   NOT NULL
);
INSERT INTO registry_revision (only_row, revision) VALUES (1, 0);

-- End users with their accounts of incidents. The row is the lock of everything that concerns one end user as a whole.
CREATE TABLE end_users (
    end_user_id  TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    available    BIGINT NOT NULL,
    reserved     BIGINT NOT NULL,
    captured     BIGINT NOT NULL,
    vendor_borne BIGINT NOT NULL,
    CONSTRAINT end_users_available CHECK (available >= 0),
    CONSTRAINT end_users_reserved CHECK (reserved >= 0)
);

CREATE TABLE licenses (
    license_id             TEXT   NOT NULL PRIMARY KEY,
    key_digest             BLOB   NOT NULL UNIQUE,
    key_hint               TEXT   NOT NULL,
    product_id             TEXT   NOT NULL REFERENCES products (product_id),
    quantity               BIGINT NOT NULL,
    end_user_id            TEXT   NOT NULL REFERENCES end_users (end_user_id),
    end_user_name          TEXT   NOT NULL,
    responsible_partner_id TEXT   NOT NULL REFERENCES partners (partner_id),
    reseller_partner_id    TEXT REFERENCES partners (partner_id),
    valid_from             TEXT   NOT NULL,
    valid_until            TEXT,
    grace_days             BIGINT NOT NULL,
    maintenance_until      TEXT,
    zone                   TEXT   NOT NULL,
    state                  TEXT   NOT NULL,
    state_note             TEXT   NOT NULL,
    revision               BIGINT NOT NULL,
    created_at             BIGINT NOT NULL
);
CREATE INDEX licenses_end_user ON licenses (end_user_id);
CREATE INDEX licenses_responsible_partner ON licenses (responsible_partner_id, license_id);
CREATE INDEX licenses_reseller_partner ON licenses (reseller_partner_id, license_id);

CREATE TABLE agreements (
    agreement_id  TEXT   NOT NULL PRIMARY KEY,
    end_user_id   TEXT   NOT NULL REFERENCES end_users (end_user_id),
    tier_id       TEXT   NOT NULL REFERENCES tiers (tier_id),
    valid_from    TEXT   NOT NULL,
    valid_until   TEXT   NOT NULL,
    zone          TEXT   NOT NULL,
    liaison_seats BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    revision      BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX agreements_end_user ON agreements (end_user_id);

-- People named in an agreement or a licence: the holder is the one or the other.
CREATE TABLE liaisons (
    contact_id            TEXT     NOT NULL PRIMARY KEY,
    holder_id             TEXT     NOT NULL,
    name                  TEXT     NOT NULL,
    email                 TEXT     NOT NULL,
    administrative_rights SMALLINT NOT NULL,
    named_at              BIGINT   NOT NULL,
    ended_at              BIGINT
);
CREATE UNIQUE INDEX liaisons_holder_email ON liaisons (holder_id, email) WHERE ended_at IS NULL;

CREATE TABLE holds (
    hold_id          TEXT   NOT NULL PRIMARY KEY,
    partner_id       TEXT   NOT NULL,
    escalation_id    TEXT   NOT NULL,
    end_user_id      TEXT   NOT NULL REFERENCES end_users (end_user_id),
    units            BIGINT NOT NULL,
    state            TEXT   NOT NULL,
    proof_expires_at BIGINT NOT NULL,
    UNIQUE (partner_id, escalation_id)
);

CREATE TABLE ledger_entries (
    entry_id    TEXT   NOT NULL PRIMARY KEY,
    end_user_id TEXT   NOT NULL REFERENCES end_users (end_user_id),
    movement    TEXT   NOT NULL,
    units       BIGINT NOT NULL,
    reference   TEXT   NOT NULL,
    booked_at   BIGINT NOT NULL
);
CREATE INDEX ledger_entries_end_user ON ledger_entries (end_user_id, entry_id);

-- What was vouched for, without the proof itself.
CREATE TABLE issued_proofs (
    proof_id         TEXT   NOT NULL PRIMARY KEY,
    hold_id          TEXT   NOT NULL REFERENCES holds (hold_id),
    license_id       TEXT   NOT NULL REFERENCES licenses (license_id),
    license_revision BIGINT NOT NULL,
    bundle_root      BLOB   NOT NULL,
    issued_at        BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL
);
