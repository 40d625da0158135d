//! The table of users.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::one_time_links;
use super::row::{at, id};
use super::schema::users;
use super::sql_types::{Id, Instant};
use crate::domain::admin_scope::AdminRole;
use crate::domain::clock::Timestamp;
use crate::domain::group::Groups;
use crate::domain::id::UserId;
use crate::domain::profile::KeptDetails;
use crate::domain::secret::Secret;
use crate::domain::user::{Profile, User};

#[derive(Queryable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(super) struct UserRow {
    id: Id,
    username: String,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    password_hash: Option<String>,
    password_changed_at: Instant,
    admin: bool,
    disabled_at: Option<Instant>,
    managed_by_file: bool,
    created_at: Instant,
    updated_at: Instant,
    details: Option<String>,
    group_names: Option<String>,
    admin_role: Option<String>,
}

/// `admin` counts for the one role that is as old as it: who reads and writes nothing else is never contradicted. A word that is not known is
/// of a later version, and gives no power here.
fn role_of(admin: bool, word: Option<&str>) -> Option<AdminRole> {
    if admin { Some(AdminRole::Administrator) } else { word.and_then(AdminRole::parse).filter(|role| *role != AdminRole::Administrator) }
}

fn is_administrator(role: Option<AdminRole>) -> bool {
    role == Some(AdminRole::Administrator)
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.id.0),
            username: row.username,
            profile: Profile {
                name: row.name,
                given_name: row.given_name,
                family_name: row.family_name,
                email: row.email,
                email_verified: row.email_verified,
                details: KeptDetails::from_text(row.details),
            },
            groups: Groups::from_text(row.group_names),
            password_hash: row.password_hash.map(Secret::new),
            password_changed_at: row.password_changed_at.0,
            role: role_of(row.admin, row.admin_role.as_deref()),
            disabled_at: row.disabled_at.map(|at| at.0),
            managed_by_file: row.managed_by_file,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        Self {
            id: id(user.id.0),
            username: user.username.clone(),
            name: user.profile.name.clone(),
            given_name: user.profile.given_name.clone(),
            family_name: user.profile.family_name.clone(),
            email: user.profile.email.clone(),
            email_verified: user.profile.email_verified,
            password_hash: user.password_hash.as_ref().map(|hash| hash.expose().clone()),
            password_changed_at: at(user.password_changed_at),
            admin: is_administrator(user.role),
            disabled_at: user.disabled_at.map(at),
            managed_by_file: user.managed_by_file,
            created_at: at(user.created_at),
            updated_at: at(user.updated_at),
            details: user.profile.details.text().map(str::to_owned),
            group_names: user.groups.text().map(str::to_owned),
            admin_role: user.role.map(|role| role.as_str().to_owned()),
        }
    }
}

/// Adds a user. `Conflict`: the id or the user name is taken.
pub fn insert(conn: &mut Connection, user: &User) -> Result<(), StoreError> {
    diesel::insert_into(users::table).values(UserRow::from(user)).execute(conn)?;
    Ok(())
}

pub fn find(conn: &mut Connection, user_id: UserId) -> Result<Option<User>, StoreError> {
    let query = users::table.find(id(user_id.0));
    let row = on_each!(conn, query.get_result::<UserRow>(conn)).optional()?;
    Ok(row.map(User::from))
}

/// The same, and holds the row until the transaction ends: nobody changes the account meanwhile.
pub fn find_held(conn: &mut Connection, user_id: UserId) -> Result<Option<User>, StoreError> {
    let query = users::table.find(id(user_id.0));
    let row = match conn {
        // One writer at a time: nothing can change it.
        Connection::Sqlite(conn) => query.get_result::<UserRow>(conn).optional()?,
        Connection::Postgres(conn) => query.for_share().get_result::<UserRow>(conn).optional()?,
    };
    Ok(row.map(User::from))
}

/// The same for whoever is about to change the account: of two at once the second waits, and sees what the first did.
pub fn find_to_change(conn: &mut Connection, user_id: UserId) -> Result<Option<User>, StoreError> {
    let query = users::table.find(id(user_id.0));
    let row = match conn {
        Connection::Sqlite(conn) => query.get_result::<UserRow>(conn).optional()?,
        Connection::Postgres(conn) => query.for_update().get_result::<UserRow>(conn).optional()?,
    };
    Ok(row.map(User::from))
}

/// Holds the users of these names, in their order, until the transaction ends: for one that changes several. What hangs on them goes on meanwhile.
pub fn hold(conn: &mut Connection, names: &[String]) -> Result<(), StoreError> {
    match conn {
        // One writer at a time: nothing can change them.
        Connection::Sqlite(_) => {}
        Connection::Postgres(conn) => {
            let of_names = users::table.filter(users::username.eq_any(names)).order(users::username);
            of_names.for_no_key_update().select(users::id).load::<Id>(conn)?;
        }
    }
    Ok(())
}

/// Finds a user by the normal form of the name (`domain::user::normal_username`).
pub fn find_by_username(conn: &mut Connection, normal: &str) -> Result<Option<User>, StoreError> {
    let row = users::table.filter(users::username.eq(normal)).get_result::<UserRow>(conn).optional()?;
    Ok(row.map(User::from))
}

/// Users in the order they were made, those after `after`.
pub fn list(conn: &mut Connection, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
    let after = after.map_or(Uuid::nil(), |after| after.0);
    let query = users::table.filter(users::id.gt(id(after))).order(users::id).limit(i64::from(limit));
    Ok(query.load::<UserRow>(conn)?.into_iter().map(User::from).collect())
}

/// Writes user name, profile, groups, role and `managed_by_file`. The password and the disabled state have functions of their own.
/// False: no such user. `Conflict`: the name is taken.
pub fn update(conn: &mut Connection, user: &User) -> Result<bool, StoreError> {
    let changed = diesel::update(users::table.find(id(user.id.0)))
        .set((
            users::username.eq(&user.username),
            users::name.eq(&user.profile.name),
            users::given_name.eq(&user.profile.given_name),
            users::family_name.eq(&user.profile.family_name),
            users::email.eq(&user.profile.email),
            users::email_verified.eq(user.profile.email_verified),
            users::details.eq(user.profile.details.text()),
            users::group_names.eq(user.groups.text()),
            users::admin.eq(is_administrator(user.role)),
            users::admin_role.eq(user.role.map(AdminRole::as_str)),
            users::managed_by_file.eq(user.managed_by_file),
            users::updated_at.eq(at(user.updated_at)),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Sets a new password: `password_changed_at` moves, so what was issued before is dead, as are the user's links. End the tree in the same unit.
pub fn set_password(conn: &mut Connection, user_id: UserId, hash: &Secret<String>, now: Timestamp) -> Result<bool, StoreError> {
    let changed = diesel::update(users::table.find(id(user_id.0)))
        .set((users::password_hash.eq(Some(hash.expose())), users::password_changed_at.eq(at(now)), users::updated_at.eq(at(now))))
        .execute(conn)?;
    one_time_links::use_up_of(conn, user_id, now)?;
    Ok(changed == 1)
}

/// The same for the user who knows the old password. False: it was changed meanwhile, or the account disabled; nothing written.
pub fn change_password(conn: &mut Connection, user_id: UserId, old: &Secret<String>, new: &Secret<String>, now: Timestamp) -> Result<bool, StoreError> {
    let there = users::table.find(id(user_id.0)).filter(users::password_hash.eq(Some(old.expose()))).filter(users::disabled_at.is_null());
    let changed = diesel::update(there)
        .set((users::password_hash.eq(Some(new.expose())), users::password_changed_at.eq(at(now)), users::updated_at.eq(at(now))))
        .execute(conn)?;
    if changed == 1 {
        one_time_links::use_up_of(conn, user_id, now)?;
    }
    Ok(changed == 1)
}

/// Stores the same password under newer parameters. False: the password was changed meanwhile, nothing written.
pub fn rehash(conn: &mut Connection, user_id: UserId, old: &Secret<String>, new: &Secret<String>) -> Result<bool, StoreError> {
    let changed = diesel::update(users::table.find(id(user_id.0)).filter(users::password_hash.eq(Some(old.expose()))))
        .set(users::password_hash.eq(Some(new.expose())))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Disables (`Some`) or enables (`None`) a user; links of before are dead either way. End the tree in the same unit when disabling.
pub fn set_disabled(conn: &mut Connection, user_id: UserId, disabled_at: Option<Timestamp>, now: Timestamp) -> Result<bool, StoreError> {
    let changed =
        diesel::update(users::table.find(id(user_id.0))).set((users::disabled_at.eq(disabled_at.map(at)), users::updated_at.eq(at(now)))).execute(conn)?;
    one_time_links::use_up_of(conn, user_id, now)?;
    Ok(changed == 1)
}

/// Deletes a user with all sessions, consents and refresh families. False: no such user.
pub fn delete(conn: &mut Connection, user_id: UserId) -> Result<bool, StoreError> {
    Ok(diesel::delete(users::table.find(id(user_id.0))).execute(conn)? == 1)
}

/// How many admins may sign in: the first-start link is offered while there is none. Written as the index of them has it.
pub fn count_admins(conn: &mut Connection) -> Result<u64, StoreError> {
    let count: i64 = users::table.filter(sql::<Bool>("users.admin")).filter(users::disabled_at.is_null()).count().get_result(conn)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Whether somebody else may administer, and has a password to sign in with.
pub fn has_other_admin(conn: &mut Connection, user: UserId) -> Result<bool, StoreError> {
    let admins = users::table.filter(sql::<Bool>("users.admin")).filter(users::disabled_at.is_null());
    let others = admins.filter(users::password_hash.is_not_null()).filter(users::id.ne(id(user.0))).select(users::id).limit(1);
    Ok(!others.load::<Id>(conn)?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers of before and after the roles share a database while they are exchanged.
    #[test]
    fn the_old_column_counts() {
        let administrator = Some(AdminRole::Administrator);
        assert_eq!((role_of(true, None), role_of(true, Some("support"))), (administrator, administrator), "made an administrator by an old server");
        assert_eq!((role_of(false, None), role_of(false, Some("administrator"))), (None, None), "made none by an old server");
        assert_eq!((role_of(false, Some("support")), role_of(false, Some("of tomorrow"))), (Some(AdminRole::Support), None));
        for role in AdminRole::ALL.map(Some).into_iter().chain([None]) {
            assert_eq!(role_of(is_administrator(role), role.map(AdminRole::as_str)), role);
        }
    }
}
