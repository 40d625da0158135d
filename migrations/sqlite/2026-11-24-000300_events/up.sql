-- What happened, by whom and to what. Rows are added and, past their time, deleted; none is ever changed.
-- No foreign keys: an event outlives what it tells of. The order of the ids is the order of time.
CREATE TABLE events (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    network TEXT,
    request_id TEXT,
    object_kind TEXT NOT NULL,
    object_id TEXT,
    user_id BLOB,
    detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX events_user ON events (user_id, id);
CREATE INDEX events_object ON events (object_id, id);
CREATE INDEX events_kind ON events (kind, id);
