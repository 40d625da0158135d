-- When all that users had allowed a client was last ended, and when its share in one session was: a code from before is dead, though it is
-- redeemed after the share began anew. Of none until now.
ALTER TABLE clients ADD COLUMN grants_valid_from INTEGER;
ALTER TABLE client_sessions ADD COLUMN grants_valid_from INTEGER;
