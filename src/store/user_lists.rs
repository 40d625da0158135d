//! Pages of users by the group they are in, what they are for, and whether they are locked out. One of the three is an index; where more
//! is asked for, a page looks at [`LOOKED_AT`] users at most, so that none takes longer than another.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::listed::{Order, Page, State, along};
use super::schema::{group_members, users};
use super::sql_types::Id;
use super::users::UserRow;
use crate::domain::admin_scope::AdminRole;
use crate::domain::group::GroupName;
use crate::domain::id::UserId;
use crate::domain::user::{USERNAME_LENGTH, User};

/// How many users a page looks at, where some are passed over.
const LOOKED_AT: u32 = 500;
/// The last character: more of it than a name may have come after every name.
const BEYOND_NAMES: &str = "\u{10ffff}";

/// Which users are wanted: those for whom all that is set holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    pub group: Option<GroupName>,
    pub role: Option<AdminRole>,
    /// `Ended`: those who are locked out.
    pub state: Option<State>,
}

impl UserFilter {
    /// Whether everybody is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub fn fits(&self, user: &User) -> bool {
        self.group.as_ref().is_none_or(|group| user.groups.contains(group))
            && self.role.is_none_or(|role| user.role == Some(role))
            && self.state.is_none_or(|state| (state == State::Ended) == user.disabled_at.is_some())
    }
}

/// In the order they were made, or the other way round, those who then come after `after`.
pub fn page(conn: &mut Connection, filter: &UserFilter, order: Order, after: Option<UserId>, limit: u32) -> Result<Page<User, UserId>, StoreError> {
    let looked_at = if is_one_index(filter) { limit.saturating_add(1) } else { LOOKED_AT.max(limit.saturating_add(1)) };
    let after = order.start(after.map(|after| after.0));
    let found: Vec<UserRow> = match filter {
        // Whoever has a role is one of few. The conditions are written as the indexes have them.
        UserFilter { role: Some(role), .. } => {
            let mut query = users::table.limit(i64::from(looked_at)).into_boxed();
            query = match role {
                AdminRole::Administrator => query.filter(sql::<Bool>("users.admin")),
                other => query.filter(users::admin_role.eq(other.as_str())).filter(sql::<Bool>("NOT users.admin")),
            };
            along!(query, users::id, order, after).load(conn)?
        }
        // In two steps: of a join PostgreSQL may think that it is quicker to walk along all users.
        UserFilter { group: Some(group), .. } => {
            let query = group_members::table
                .filter(group_members::group_name.eq(group.as_str()))
                .limit(i64::from(looked_at))
                .select(group_members::user_id)
                .into_boxed();
            let members = along!(query, group_members::user_id, order, after).load::<Id>(conn)?;
            let found = if members.is_empty() { Vec::new() } else { users::table.filter(users::id.eq_any(members)).order(users::id).load(conn)? };
            order.turned(found)
        }
        UserFilter { state, .. } => {
            let mut query = users::table.limit(i64::from(looked_at)).into_boxed();
            if *state == Some(State::Ended) {
                query = query.filter(users::disabled_at.is_not_null());
            }
            along!(query, users::id, order, after).load(conn)?
        }
    };
    Ok(cut(found.into_iter().map(User::from).collect(), filter, limit, looked_at))
}

/// Everybody in the order of the bytes of their names, or the other way round, those who then come after the name `after`.
pub fn by_name(conn: &mut Connection, order: Order, after: Option<String>, limit: u32) -> Result<Page<User, String>, StoreError> {
    // As the index has it.
    let column = match conn {
        Connection::Sqlite(_) => "users.username",
        Connection::Postgres(_) => "users.username COLLATE \"C\"",
    };
    let after = after.unwrap_or_else(|| if order == Order::Ascending { String::new() } else { BEYOND_NAMES.repeat(USERNAME_LENGTH + 1) });
    let query = users::table.limit(i64::from(limit) + 1).into_boxed();
    let mut items: Vec<User> = along!(query, sql::<Text>(column), order, after).load::<UserRow>(conn)?.into_iter().map(User::from).collect();
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|user| user.username.clone());
    Ok(Page { items, next })
}

/// Whether an index has those who are wanted and nobody else.
fn is_one_index(filter: &UserFilter) -> bool {
    match (filter.group.is_some(), filter.role.is_some(), filter.state) {
        (false, false, state) => state != Some(State::Live),
        (one, other, state) => one != other && state.is_none(),
    }
}

fn cut(found: Vec<User>, filter: &UserFilter, limit: u32, looked_at: u32) -> Page<User, UserId> {
    let (last, all) = (found.last().map(|user| user.id), found.len() < looked_at as usize);
    let mut items: Vec<User> = Vec::new();
    for user in found.into_iter().filter(|user| filter.fits(user)) {
        if items.len() == limit as usize {
            let next = items.last().map(|user| user.id);
            return Page { items, next };
        }
        items.push(user);
    }
    Page { items, next: if all { None } else { last } }
}
