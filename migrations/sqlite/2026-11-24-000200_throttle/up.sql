-- What failed lately, by a keyed digest of what is counted. A row whose instant has passed says nothing and may go.
CREATE TABLE throttle_buckets (
    key BLOB NOT NULL PRIMARY KEY,
    free_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttle_buckets_free_at ON throttle_buckets (free_at);
