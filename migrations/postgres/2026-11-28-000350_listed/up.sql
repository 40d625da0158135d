-- A client's refresh families page by page, in the order of their ids. The index takes the place of the one by the client alone.
CREATE INDEX refresh_families_client_id ON refresh_families (client_id, id);
DROP INDEX refresh_families_client;

-- The same of a client's sessions.
CREATE INDEX client_sessions_client_session ON client_sessions (client_id, session_id);
DROP INDEX client_sessions_client;
