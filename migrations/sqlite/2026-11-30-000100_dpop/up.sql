-- DPoP (RFC 9449). The key that the refresh tokens of a family are bound to, by its thumbprint; none until now.
ALTER TABLE refresh_families ADD COLUMN jkt TEXT;

-- Proofs that were used: a digest of the key and the proof's own name, and of what was asked for with it, if that may be asked again.
CREATE TABLE used_proofs (
    name BLOB NOT NULL PRIMARY KEY,
    used_for BLOB,
    keep_until INTEGER NOT NULL
) STRICT;
CREATE INDEX used_proofs_keep_until ON used_proofs (keep_until);
