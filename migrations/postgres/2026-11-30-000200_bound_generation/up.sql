-- A family that is bound to a key (`jkt`) by a refresh: the first generation that was given out bound. Null beside a key: it was bound from the first on.
ALTER TABLE refresh_families ADD COLUMN bound_generation bigint;
