-- The secret that a client had before its present one, and until when it works beside that; of no client until now.
ALTER TABLE clients ADD COLUMN previous_secret_digest bytea;
ALTER TABLE clients ADD COLUMN previous_secret_expires_at timestamptz;
