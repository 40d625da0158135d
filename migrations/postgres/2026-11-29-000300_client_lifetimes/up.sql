-- The limits that a client is registered with, made of its metadata by the database itself; NULL of one without any. An index of the others alone:
-- what is asked of them reads no other client. By its text, in which nothing else can look so: as JSON the database would refuse some of the names.
ALTER TABLE clients ADD COLUMN lifetimes text GENERATED ALWAYS AS (substring(metadata from '"lifetimes"\s*:\s*(\{[^{}]*[^{}\s][^{}]*\})')) STORED;
CREATE INDEX clients_with_lifetimes ON clients (lifetimes, id, updated_at) WHERE lifetimes IS NOT NULL;
