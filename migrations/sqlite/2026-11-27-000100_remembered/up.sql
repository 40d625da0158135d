-- Whether the browser is to keep the session when it is closed; of every session until now it was.
ALTER TABLE sessions ADD COLUMN remembered INTEGER NOT NULL DEFAULT 1;
