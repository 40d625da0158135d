-- The groups a user is in: names in order, with a space between. NULL, as for most accounts, costs a reader nothing.
ALTER TABLE users ADD COLUMN group_names TEXT;

-- The rules of the lifetime policy, one a selector. An empty text is anybody's.
CREATE TABLE lifetime_rules (
    client_id TEXT NOT NULL,
    group_name TEXT NOT NULL,
    acr TEXT NOT NULL,
    limits TEXT NOT NULL,
    managed_by_file INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, group_name, acr)
) STRICT, WITHOUT ROWID;
