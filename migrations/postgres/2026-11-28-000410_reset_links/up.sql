-- Whose link it is; of the first administrator's it is nobody's yet. It goes with the user.
ALTER TABLE one_time_links ADD COLUMN user_id uuid REFERENCES users (id) ON DELETE CASCADE;
CREATE INDEX one_time_links_user ON one_time_links (user_id);
