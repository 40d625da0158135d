-- What an administrator is for. `administrator` is `admin` still, which counts: a server from before this knows no other role.
ALTER TABLE users ADD COLUMN admin_role text;
-- Users are looked for by the first letters of their name or e-mail address: by bytes, whatever the collation of the database.
CREATE INDEX users_username_bytes ON users (username COLLATE "C");
CREATE INDEX users_email_bytes ON users (lower(email COLLATE "C"), id) WHERE email IS NOT NULL;
