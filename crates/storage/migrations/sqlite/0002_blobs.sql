-- Content-addressed blobs, each owner's apart: what one has uploaded is missing to another. Content lies in parts, each an
-- object of the object store; what is committed of a blob is the sum of its parts.
CREATE TABLE blobs (
    owner           TEXT     NOT NULL,
    sha256          BLOB     NOT NULL,
    size_bytes      BIGINT   NOT NULL,
    committed_bytes BIGINT   NOT NULL,
    complete        SMALLINT NOT NULL,
    PRIMARY KEY (owner, sha256)
);

CREATE TABLE blob_parts (
    owner        TEXT   NOT NULL,
    sha256       BLOB   NOT NULL,
    offset_bytes BIGINT NOT NULL,
    size_bytes   BIGINT NOT NULL,
    object       TEXT   NOT NULL,
    PRIMARY KEY (owner, sha256, offset_bytes)
);
