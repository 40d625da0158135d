-- A client's refresh families page by page, in the order of their ids. The index takes the place of the one by the client alone.
CREATE INDEX refresh_families_client_id ON refresh_families (client_id, id);
DROP INDEX refresh_families_client;

-- A client's sessions are in order already: without rowids the index by the client goes on with the key.
