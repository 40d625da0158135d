-- What was answered to a request that is to be done once: sealed, under a digest of the caller, the operation and the key.
CREATE TABLE idempotent_answers (
    name bytea NOT NULL PRIMARY KEY,
    sealed bytea NOT NULL,
    answered_at timestamptz NOT NULL
);
CREATE INDEX idempotent_answers_answered_at ON idempotent_answers (answered_at);
