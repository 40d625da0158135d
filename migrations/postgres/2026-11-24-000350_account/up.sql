-- Families that an old token ended: few among all of a user's, and the user is warned of them.
CREATE INDEX refresh_families_reused ON refresh_families (user_id, ended_at) WHERE end_reason = 'reuse_detected';
