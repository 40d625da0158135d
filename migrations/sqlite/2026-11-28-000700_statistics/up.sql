-- What is counted, by the hour: how often in it, or how many there were of something.
CREATE TABLE statistics (
    hour INTEGER NOT NULL,
    what TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (hour, what)
) STRICT, WITHOUT ROWID;

-- The sessions that have not been ended, page by page, however many have been. By the column that nothing else asks for (the two belong
-- together): a statement that looks for sessions by another index, and for live ones only, cannot be led astray to this one.
CREATE INDEX sessions_live ON sessions (id) WHERE end_reason IS NULL;
