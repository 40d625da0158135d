-- Users are listed by what they are for, and those who are locked out.
CREATE INDEX users_admin ON users (id) WHERE admin;
CREATE INDEX users_admin_role ON users (admin_role, id) WHERE admin_role IS NOT NULL;
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;

-- Who is in which group, and how many: for lists alone. What counts is `users.group_names`, and a trigger keeps these as that says, whoever
-- writes it; a server from before this does too.
CREATE TABLE group_members (
    group_name text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (group_name, user_id)
);
CREATE TABLE group_sizes (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    members bigint NOT NULL
);

CREATE FUNCTION user_groups_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whose uuid;
    before_names text[] := '{}';
    after_names text[] := '{}';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        whose := OLD.id;
        before_names := string_to_array(coalesce(OLD.group_names, ''), ' ');
    END IF;
    IF TG_OP <> 'DELETE' THEN
        whose := NEW.id;
        after_names := string_to_array(coalesce(NEW.group_names, ''), ' ');
    END IF;
    -- In the order of the names, so that no two wait for each other.
    INSERT INTO group_sizes (name, members)
    SELECT changes.name, sum(changes.step)
    FROM (SELECT DISTINCT unnest(after_names), 1 UNION ALL SELECT DISTINCT unnest(before_names), -1) AS changes (name, step)
    GROUP BY changes.name HAVING sum(changes.step) <> 0 ORDER BY changes.name COLLATE "C"
    ON CONFLICT (name) DO UPDATE SET members = group_sizes.members + excluded.members;
    DELETE FROM group_sizes WHERE name = ANY (before_names) AND members = 0;
    DELETE FROM group_members WHERE user_id = whose AND group_name = ANY (before_names) AND group_name <> ALL (after_names);
    INSERT INTO group_members (group_name, user_id)
    SELECT DISTINCT names.name, whose FROM unnest(after_names) AS names (name) WHERE names.name <> ALL (before_names);
    RETURN NULL;
END $$;
CREATE TRIGGER user_with_groups_made AFTER INSERT ON users FOR EACH ROW
WHEN (NEW.group_names IS NOT NULL) EXECUTE FUNCTION user_groups_changed();
CREATE TRIGGER user_with_groups_deleted AFTER DELETE ON users FOR EACH ROW
WHEN (OLD.group_names IS NOT NULL) EXECUTE FUNCTION user_groups_changed();
CREATE TRIGGER user_groups_changed AFTER UPDATE OF group_names ON users FOR EACH ROW
WHEN (OLD.group_names IS DISTINCT FROM NEW.group_names) EXECUTE FUNCTION user_groups_changed();

-- Nobody writes a user meanwhile: making a trigger has locked the table for writers.
INSERT INTO group_members (group_name, user_id)
SELECT DISTINCT names.name, users.id FROM users, unnest(string_to_array(users.group_names, ' ')) AS names (name) WHERE users.group_names <> '';
INSERT INTO group_sizes (name, members) SELECT group_name, count(*) FROM group_members GROUP BY group_name;
