-- What is still to be told to applications: one row a client session that has ended. No foreign keys: session and user may be deleted
-- before the application has heard of it; and to the client, one would cost as much again as all the rest.
CREATE TABLE logout_notices (
    session_id uuid NOT NULL,
    client_id text NOT NULL,
    user_id uuid NOT NULL,
    ended_at timestamptz NOT NULL,
    attempts bigint NOT NULL,
    next_try_at timestamptz,
    last_tried_at timestamptz,
    last_error text,
    gave_up_at timestamptz,
    PRIMARY KEY (session_id, client_id),
    CHECK ((next_try_at IS NULL) = (gave_up_at IS NOT NULL))
);
CREATE INDEX logout_notices_due ON logout_notices (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX logout_notices_client ON logout_notices (client_id);

-- A trigger, so that whatever ends a client session queues its notice, in the same statement and transaction, whoever writes it.
CREATE FUNCTION client_session_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO logout_notices (session_id, client_id, user_id, ended_at, attempts, next_try_at)
    SELECT NEW.session_id, NEW.client_id, sessions.user_id, NEW.ended_at, 0, NEW.ended_at
    FROM sessions, clients
    WHERE sessions.id = NEW.session_id AND clients.id = NEW.client_id AND clients.metadata::json ->> 'backchannel_logout_uri' IS NOT NULL
    ON CONFLICT (session_id, client_id) DO UPDATE SET
        ended_at = excluded.ended_at, attempts = 0, next_try_at = excluded.next_try_at, last_tried_at = NULL, last_error = NULL, gave_up_at = NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER client_session_ended AFTER UPDATE OF ended_at ON client_sessions FOR EACH ROW
WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION client_session_ended();

-- The user has signed in there again: an old notice would end the new sign-in, which goes by the same name.
CREATE FUNCTION client_session_begun_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM logout_notices WHERE session_id = NEW.session_id AND client_id = NEW.client_id;
    RETURN NULL;
END $$;
CREATE TRIGGER client_session_begun_anew AFTER UPDATE OF ended_at ON client_sessions FOR EACH ROW
WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL) EXECUTE FUNCTION client_session_begun_anew();
