-- The claims of OIDC Core §5.1 that have no column of their own, as one JSON document. NULL, as for most accounts, costs a reader nothing.
ALTER TABLE users ADD COLUMN details TEXT;
