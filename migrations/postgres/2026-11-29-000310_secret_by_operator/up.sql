-- Whether the secret was last set by the settings file or a command since that file declares the client: then nobody has it who is not to have what
-- the file gives the client later. Of none until now.
ALTER TABLE clients ADD COLUMN secret_by_operator boolean NOT NULL DEFAULT false;
