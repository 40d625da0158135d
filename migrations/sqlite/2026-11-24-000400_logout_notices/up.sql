-- What is still to be told to applications: one row a client session that has ended. No foreign keys: session and user may be deleted
-- before the application has heard of it; and to the client, one would cost as much again as all the rest.
CREATE TABLE logout_notices (
    session_id BLOB NOT NULL,
    client_id TEXT NOT NULL,
    user_id BLOB NOT NULL,
    ended_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_try_at INTEGER,
    last_tried_at INTEGER,
    last_error TEXT,
    gave_up_at INTEGER,
    PRIMARY KEY (session_id, client_id),
    CHECK ((next_try_at IS NULL) = (gave_up_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_notices_due ON logout_notices (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX logout_notices_client ON logout_notices (client_id);

-- A trigger, so that whatever ends a client session queues its notice, in the same statement and transaction, whoever writes it.
CREATE TRIGGER client_session_ended AFTER UPDATE OF ended_at ON client_sessions
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
BEGIN
    INSERT INTO logout_notices (session_id, client_id, user_id, ended_at, attempts, next_try_at)
    SELECT NEW.session_id, NEW.client_id, sessions.user_id, NEW.ended_at, 0, NEW.ended_at
    FROM sessions, clients
    WHERE sessions.id = NEW.session_id AND clients.id = NEW.client_id AND json_extract(clients.metadata, '$.backchannel_logout_uri') IS NOT NULL
    ON CONFLICT (session_id, client_id) DO UPDATE SET
        ended_at = excluded.ended_at, attempts = 0, next_try_at = excluded.next_try_at, last_tried_at = NULL, last_error = NULL, gave_up_at = NULL;
END;

-- The user has signed in there again: an old notice would end the new sign-in, which goes by the same name.
CREATE TRIGGER client_session_begun_anew AFTER UPDATE OF ended_at ON client_sessions
WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL
BEGIN
    DELETE FROM logout_notices WHERE session_id = NEW.session_id AND client_id = NEW.client_id;
END;
