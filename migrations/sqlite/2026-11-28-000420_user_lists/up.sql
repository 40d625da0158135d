-- Users are listed by what they are for, and those who are locked out.
CREATE INDEX users_admin ON users (id) WHERE admin;
CREATE INDEX users_admin_role ON users (admin_role, id) WHERE admin_role IS NOT NULL;
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;

-- Who is in which group, and how many: for lists alone. What counts is `users.group_names`, and triggers keep these as that says, whoever
-- writes it; a server from before this does too.
CREATE TABLE group_members (
    group_name TEXT NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (group_name, user_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE group_sizes (
    name TEXT NOT NULL PRIMARY KEY,
    members INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER group_member_added AFTER INSERT ON group_members
BEGIN
    INSERT INTO group_sizes (name, members) VALUES (NEW.group_name, 1) ON CONFLICT (name) DO UPDATE SET members = members + 1;
END;
CREATE TRIGGER group_member_removed AFTER DELETE ON group_members
BEGIN
    UPDATE group_sizes SET members = members - 1 WHERE name = OLD.group_name;
    DELETE FROM group_sizes WHERE name = OLD.group_name AND members = 0;
END;

-- Names are words with a space between and have no sign that JSON would spell otherwise.
CREATE TRIGGER user_with_groups_made AFTER INSERT ON users WHEN NEW.group_names <> ''
BEGIN
    INSERT INTO group_members (group_name, user_id)
    SELECT DISTINCT value, NEW.id FROM json_each('["' || replace(NEW.group_names, ' ', '","') || '"]');
END;
CREATE TRIGGER user_with_groups_deleted AFTER DELETE ON users WHEN OLD.group_names <> ''
BEGIN
    DELETE FROM group_members
    WHERE user_id = OLD.id AND group_name IN (SELECT value FROM json_each('["' || replace(OLD.group_names, ' ', '","') || '"]'));
END;
CREATE TRIGGER user_groups_changed AFTER UPDATE OF group_names ON users WHEN OLD.group_names IS NOT NEW.group_names
BEGIN
    DELETE FROM group_members
    WHERE user_id = OLD.id
        AND group_name IN (SELECT value FROM json_each('["' || replace(nullif(OLD.group_names, ''), ' ', '","') || '"]'))
        AND group_name NOT IN (SELECT value FROM json_each('["' || replace(nullif(NEW.group_names, ''), ' ', '","') || '"]'));
    INSERT INTO group_members (group_name, user_id)
    SELECT DISTINCT value, NEW.id FROM json_each('["' || replace(nullif(NEW.group_names, ''), ' ', '","') || '"]')
    WHERE value NOT IN (SELECT value FROM json_each('["' || replace(nullif(OLD.group_names, ''), ' ', '","') || '"]'));
END;

INSERT INTO group_members (group_name, user_id)
SELECT DISTINCT value, users.id FROM users, json_each('["' || replace(users.group_names, ' ', '","') || '"]') WHERE users.group_names <> '';
