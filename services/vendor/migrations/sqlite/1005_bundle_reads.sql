-- Every bundle that a case holds: the one with which it was opened, and those that the partner brought later. What a case holds,
-- engineers may read.
CREATE TABLE case_bundles (
    case_id    TEXT   NOT NULL REFERENCES cases (case_id),
    bundle_id  TEXT   NOT NULL REFERENCES bundles (bundle_id),
    held_since BIGINT NOT NULL,
    PRIMARY KEY (case_id, bundle_id)
);
CREATE INDEX case_bundles_bundle ON case_bundles (bundle_id, held_since);
INSERT INTO case_bundles (case_id, bundle_id, held_since) SELECT case_id, bundle_id, accepted_at FROM cases;
-- An event that brings a bundle ends with its id, as field 2 of its message: 30 characters behind 0x12 0x1e.
INSERT INTO case_bundles (case_id, bundle_id, held_since)
SELECT e.case_id, b.bundle_id, MIN(e.committed_at) FROM case_events e
JOIN bundles b ON b.partner_id = e.partner_id
    AND substr(e.payload, length(e.payload) - 31) = CAST(x'121e' || b.bundle_id AS BLOB)
WHERE e.type_name IN ('vouch.vendor.v1.InformationProvided', 'vouch.vendor.v1.DutiesCompleted')
GROUP BY e.case_id, b.bundle_id
ON CONFLICT DO NOTHING;

-- Who read what of a bundle, numbered within it. A path, a beginning of paths and a collector are those of its manifest; what was
-- searched for is not kept. times counts what one person did with the same thing within a minute.
CREATE TABLE bundle_reads (
    bundle_id   TEXT   NOT NULL REFERENCES bundles (bundle_id),
    sequence    BIGINT NOT NULL,
    reader      TEXT   NOT NULL,
    role        TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    path        TEXT   NOT NULL,
    path_prefix TEXT   NOT NULL,
    collector   TEXT   NOT NULL,
    search      TEXT   NOT NULL,
    times       BIGINT NOT NULL,
    first_at    BIGINT NOT NULL,
    last_at     BIGINT NOT NULL,
    PRIMARY KEY (bundle_id, sequence)
);
CREATE INDEX bundle_reads_reader ON bundle_reads (bundle_id, reader, first_at);
