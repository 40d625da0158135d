-- The same tables as in SQLite, in the types of PostgreSQL. JSON is text: the server never looks inside.

CREATE TABLE meta (
    key text NOT NULL PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE users (
    id uuid NOT NULL PRIMARY KEY,
    username text NOT NULL UNIQUE,
    name text,
    given_name text,
    family_name text,
    email text,
    email_verified boolean NOT NULL,
    password_hash text,
    password_changed_at timestamptz NOT NULL,
    admin boolean NOT NULL,
    disabled_at timestamptz,
    managed_by_file boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE clients (
    id text NOT NULL PRIMARY KEY,
    metadata text NOT NULL,
    secret_digest bytea,
    disabled_at timestamptz,
    managed_by_file boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    id uuid NOT NULL PRIMARY KEY,
    cookie_digest bytea NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    auth_time timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    acr text NOT NULL,
    user_agent text,
    network text,
    ended_at timestamptz,
    end_reason text,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_user ON sessions (user_id, id);

CREATE TABLE client_sessions (
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client_id text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    PRIMARY KEY (session_id, client_id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX client_sessions_client ON client_sessions (client_id);

CREATE TABLE consents (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

-- No foreign keys: a code stays used even if its user or client is deleted and made again.
CREATE TABLE redeemed_codes (
    id uuid NOT NULL PRIMARY KEY,
    client_id text NOT NULL,
    user_id uuid NOT NULL,
    session_id uuid NOT NULL,
    redeemed_at timestamptz NOT NULL,
    keep_until timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

-- session_id is no foreign key: a family with offline_access may outlive the row of its session.
CREATE TABLE refresh_families (
    id uuid NOT NULL PRIMARY KEY,
    client_id text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id uuid NOT NULL,
    grant_facts text NOT NULL,
    offline boolean NOT NULL,
    secret bytea NOT NULL,
    generation bigint NOT NULL,
    rotated_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX refresh_families_user ON refresh_families (user_id, client_id);
CREATE INDEX refresh_families_session ON refresh_families (session_id);
CREATE INDEX refresh_families_client ON refresh_families (client_id);

CREATE TABLE signing_keys (
    kid text NOT NULL PRIMARY KEY,
    alg text NOT NULL,
    public_jwk text NOT NULL,
    sealed_private bytea NOT NULL,
    announced_at timestamptz NOT NULL,
    active_from timestamptz NOT NULL,
    retired_at timestamptz
);

CREATE TABLE one_time_links (
    id uuid NOT NULL PRIMARY KEY,
    purpose text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz
);
