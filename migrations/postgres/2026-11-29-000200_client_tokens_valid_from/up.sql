-- When a client was last stopped: what it was given at that moment or before is dead, though it is enabled again. Of none until now.
ALTER TABLE clients ADD COLUMN tokens_valid_from timestamptz;
