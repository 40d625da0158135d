-- Clients are listed by when they were registered; those of one moment by their ids, in the order of the bytes, whatever the collation of the database.
CREATE INDEX clients_by_time ON clients (created_at, id COLLATE "C");
