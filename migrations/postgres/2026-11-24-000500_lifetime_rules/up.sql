-- The groups a user is in: names in order, with a space between. NULL, as for most accounts, costs a reader nothing.
ALTER TABLE users ADD COLUMN group_names text;

-- The rules of the lifetime policy, one a selector. An empty text is anybody's.
CREATE TABLE lifetime_rules (
    client_id text NOT NULL,
    group_name text NOT NULL,
    acr text NOT NULL,
    limits text NOT NULL,
    managed_by_file boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, group_name, acr)
);
