-- What failed lately, by a keyed digest of what is counted. A row whose instant has passed says nothing and may go.
CREATE TABLE throttle_buckets (
    key bytea NOT NULL PRIMARY KEY,
    free_at timestamptz NOT NULL
);
CREATE INDEX throttle_buckets_free_at ON throttle_buckets (free_at);
