-- What happened, by whom and to what. Rows are added and, past their time, deleted; none is ever changed.
-- No foreign keys: an event outlives what it tells of. The order of the ids is the order of time.
CREATE TABLE events (
    id uuid NOT NULL PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text,
    network text,
    request_id text,
    object_kind text NOT NULL,
    object_id text,
    user_id uuid,
    detail text NOT NULL
);
CREATE INDEX events_user ON events (user_id, id);
CREATE INDEX events_object ON events (object_id, id);
CREATE INDEX events_kind ON events (kind, id);
