-- Clients are listed by when they were registered; those of one moment by their ids.
CREATE INDEX clients_by_time ON clients (created_at, id);
