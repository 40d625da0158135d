-- What an administrator is for. `administrator` is `admin` still, which counts: a server from before this knows no other role.
ALTER TABLE users ADD COLUMN admin_role TEXT;
-- Users are looked for by the first letters of their name, which has an index, or of their e-mail address.
CREATE INDEX users_email_bytes ON users (lower(email), id) WHERE email IS NOT NULL;
