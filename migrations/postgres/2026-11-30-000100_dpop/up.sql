-- DPoP (RFC 9449). The key that the refresh tokens of a family are bound to, by its thumbprint; none until now.
ALTER TABLE refresh_families ADD COLUMN jkt text;

-- Proofs that were used: a digest of the key and the proof's own name, and of what was asked for with it, if that may be asked again.
CREATE TABLE used_proofs (
    name bytea NOT NULL PRIMARY KEY,
    used_for bytea,
    keep_until timestamptz NOT NULL
);
CREATE INDEX used_proofs_keep_until ON used_proofs (keep_until);
