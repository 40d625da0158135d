-- The limits that a client is registered with, made of its metadata by the database itself; NULL of one without any. An index of the others alone:
-- what is asked of them reads no other client.
ALTER TABLE clients ADD COLUMN lifetimes TEXT
    GENERATED ALWAYS AS (CASE WHEN json_valid(metadata) THEN nullif(json_extract(metadata, '$.lifetimes'), '{}') END) VIRTUAL;
CREATE INDEX clients_with_lifetimes ON clients (lifetimes, id, updated_at) WHERE lifetimes IS NOT NULL;
