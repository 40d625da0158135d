-- The key of the device that a session is bound to (Device Bound Session Credentials), and when it was; of no session until now.
ALTER TABLE sessions ADD COLUMN device_key BLOB;
ALTER TABLE sessions ADD COLUMN device_bound_at INTEGER;
