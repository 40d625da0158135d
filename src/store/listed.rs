//! Pages of sessions and of refresh families, for whoever looks at all of them. A page looks at [`LOOKED_AT`] rows at most, whatever is asked
//! for, so that none takes longer than another; it may then hold less than it could, and the next one goes on from there.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use uuid::Uuid;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::refresh_families::RefreshFamilyRow;
use super::row::id;
use super::schema::{client_sessions, refresh_families, sessions};
use super::sessions::SessionRow;
use super::sql_types::{DbId, Id, Instant};
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::session::Session;

/// How many rows a page looks at, where rows are passed over.
pub(super) const LOOKED_AT: u32 = 2000;

/// Whether something has been ended. What is past its lifetime, and not written down yet, is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Live,
    Ended,
}

/// Which way a list goes along its key, whose order is that of the time where the key is an id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Ascending,
    Descending,
}

impl Order {
    /// After what the first page begins. It is a condition too: an index is walked from there either way.
    pub(super) fn start(self, after: Option<Uuid>) -> Id {
        id(after.unwrap_or(if self == Self::Ascending { Uuid::nil() } else { Uuid::max() }))
    }

    /// What was loaded by ids, and came in their order.
    pub(super) fn turned<T>(self, mut ascending: Vec<T>) -> Vec<T> {
        if self == Self::Descending {
            ascending.reverse();
        }
        ascending
    }
}

/// What of a boxed query comes after `$after` by this key, in this order.
macro_rules! along {
    ($query:expr, $key:expr, $order:expr, $after:expr) => {
        match $order {
            $crate::store::listed::Order::Ascending => $query.filter($key.gt($after)).order($key.asc()),
            $crate::store::listed::Order::Descending => $query.filter($key.lt($after)).order($key.desc()),
        }
    };
}
pub(super) use along;

/// Which sessions are wanted: those for which all that is set holds.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    pub user: Option<UserId>,
    /// Those in which the client has, or had, a share.
    pub client: Option<ClientId>,
    /// Of the session; with a client, of its share.
    pub state: Option<State>,
}

/// Which refresh families are wanted: those for which all that is set holds.
#[derive(Debug, Clone, Default)]
pub struct FamilyFilter {
    pub user: Option<UserId>,
    pub client: Option<ClientId>,
    pub session: Option<SessionId>,
    pub state: Option<State>,
}

/// What a page holds, and after what the next one begins.
#[derive(Debug)]
pub struct Page<T, K> {
    pub items: Vec<T>,
    pub next: Option<K>,
}

/// In the order they were begun, or the other way round, those that then come after `after`.
pub fn sessions(
    conn: &mut Connection,
    filter: &SessionFilter,
    order: Order,
    after: Option<SessionId>,
    limit: u32,
) -> Result<Page<Session, SessionId>, StoreError> {
    let after = order.start(after.map(|after| after.0));
    let all_live = filter.state == Some(State::Live) && filter.user.is_none() && filter.client.is_none();
    let looked_at = looked_at(filter.state.filter(|_| !all_live), limit);
    let rows: Vec<(Id, Option<Instant>)> = match (&filter.client, filter.user) {
        (None, user) => {
            let mut query = sessions::table.limit(i64::from(looked_at)).select((sessions::id, sessions::ended_at)).into_boxed();
            if let Some(user) = user {
                query = query.filter(sessions::user_id.eq(id(user.0)));
            } else if all_live {
                // There is an index of these alone, by this column: a page of them is full, however many have ended.
                query = query.filter(sessions::end_reason.is_null());
            }
            along!(query, sessions::id, order, after).load(conn)?
        }
        (Some(client), None) => {
            let query = client_sessions::table
                .filter(client_sessions::client_id.eq(client.as_str()))
                .limit(i64::from(looked_at))
                .select((client_sessions::session_id, client_sessions::ended_at))
                .into_boxed();
            along!(query, client_sessions::session_id, order, after).load(conn)?
        }
        (Some(client), Some(user)) => {
            let query = sessions::table
                .inner_join(client_sessions::table.on(client_sessions::session_id.eq(sessions::id)))
                .filter(sessions::user_id.eq(id(user.0)))
                .filter(client_sessions::client_id.eq(client.as_str()))
                .limit(i64::from(looked_at))
                .select((sessions::id, client_sessions::ended_at))
                .into_boxed();
            along!(query, sessions::id, order, after).load(conn)?
        }
    };
    let (wanted, next) = cut(rows, filter.state, limit, looked_at);
    if wanted.is_empty() {
        return Ok(Page { items: Vec::new(), next: next.map(|next| SessionId(next.0)) });
    }
    let items = order.turned(sessions::table.filter(sessions::id.eq_any(wanted)).order(sessions::id).load::<SessionRow>(conn)?);
    Ok(Page { items: items.into_iter().map(Session::try_from).collect::<Result<_, _>>()?, next: next.map(|next| SessionId(next.0)) })
}

/// In the order they were made, or the other way round, those that then come after `after`.
pub fn families(
    conn: &mut Connection,
    filter: &FamilyFilter,
    order: Order,
    after: Option<GrantId>,
    limit: u32,
) -> Result<Page<RefreshFamily, GrantId>, StoreError> {
    let after = order.start(after.map(|after| after.0));
    let looked_at = looked_at(filter.state, limit);
    let mut query = refresh_families::table.limit(i64::from(looked_at)).select((refresh_families::id, refresh_families::ended_at)).into_boxed();
    if let Some(user) = filter.user {
        query = query.filter(refresh_families::user_id.eq(id(user.0)));
    }
    if let Some(session) = filter.session {
        query = query.filter(refresh_families::session_id.eq(id(session.0)));
    }
    let rows: Vec<(Id, Option<Instant>)> = match filter.client.as_ref().map(|client| client.as_str().to_owned()) {
        // By the pair that the index has: asked for the client and for the id, PostgreSQL walks along the ids of all until it has found enough
        // of the client's, which may have few.
        Some(client) if filter.user.is_none() && filter.session.is_none() => {
            let pair = |sign| sql::<Bool>(sign).bind::<Text, _>(client.clone()).sql(", ").bind::<DbId, _>(after).sql(")");
            let (key, of) = ((refresh_families::client_id, refresh_families::id), refresh_families::client_id);
            match order {
                Order::Ascending => {
                    let after = pair("(refresh_families.client_id, refresh_families.id) > (");
                    query.filter(after).filter(of.le(client.clone())).order(key).load(conn)?
                }
                Order::Descending => {
                    let after = pair("(refresh_families.client_id, refresh_families.id) < (");
                    query.filter(after).filter(of.ge(client.clone())).order((key.0.desc(), key.1.desc())).load(conn)?
                }
            }
        }
        // Written so that it is asked of the user's or the session's few, not answered from the index of the client's many.
        Some(client) => along!(query.filter(refresh_families::client_id.concat("").eq(client)), refresh_families::id, order, after).load(conn)?,
        None => along!(query, refresh_families::id, order, after).load(conn)?,
    };
    let (wanted, next) = cut(rows, filter.state, limit, looked_at);
    if wanted.is_empty() {
        return Ok(Page { items: Vec::new(), next: next.map(|next| GrantId(next.0)) });
    }
    let items = refresh_families::table.filter(refresh_families::id.eq_any(wanted)).order(refresh_families::id).load::<RefreshFamilyRow>(conn)?;
    let items = order.turned(items);
    Ok(Page { items: items.into_iter().map(RefreshFamily::try_from).collect::<Result<_, _>>()?, next: next.map(|next| GrantId(next.0)) })
}

/// The newest families of each of these clients in a session, `of_each` at most, in the order they were made, ended ones too. Looked for among the
/// newest [`LOOKED_AT`] of the session.
pub fn newest_families(conn: &mut Connection, session: SessionId, clients: &[&ClientId], of_each: usize) -> Result<Vec<RefreshFamily>, StoreError> {
    let rows: Vec<(Id, String)> = refresh_families::table
        .filter(refresh_families::session_id.eq(id(session.0)))
        .order(refresh_families::id.desc())
        .limit(i64::from(LOOKED_AT))
        .select((refresh_families::id, refresh_families::client_id))
        .load(conn)?;
    let mut room: HashMap<&str, usize> = clients.iter().map(|client| (client.as_str(), of_each)).collect();
    let newest = rows.iter().filter_map(|(id, client)| {
        let room = room.get_mut(client.as_str())?;
        *room = room.checked_sub(1)?;
        Some(*id)
    });
    let wanted: Vec<Id> = newest.collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let families = refresh_families::table.filter(refresh_families::id.eq_any(wanted)).order(refresh_families::id).load::<RefreshFamilyRow>(conn)?;
    families.into_iter().map(RefreshFamily::try_from).collect()
}

/// Where every row is wanted, one more than the page holds tells whether there is another.
fn looked_at(state: Option<State>, limit: u32) -> u32 {
    if state.is_some() { LOOKED_AT.max(limit.saturating_add(1)) } else { limit.saturating_add(1) }
}

fn cut<T: Copy, E>(rows: Vec<(T, Option<E>)>, state: Option<State>, limit: u32, looked_at: u32) -> (Vec<T>, Option<T>) {
    let fits = |ended: Option<E>| state.is_none_or(|state| (state == State::Ended) == ended.is_some());
    fitting(rows.into_iter().map(|(id, ended)| (id, fits(ended))).collect(), limit, looked_at)
}

/// Of the rows that were looked at, `looked_at` at most, those that fit, as many as a page holds; and after which the next one begins.
pub(super) fn fitting<T: Copy>(rows: Vec<(T, bool)>, limit: u32, looked_at: u32) -> (Vec<T>, Option<T>) {
    let (last, all) = (rows.last().map(|(id, _)| *id), rows.len() < looked_at as usize);
    let mut wanted: Vec<T> = Vec::new();
    for (id, fits) in rows {
        if fits && wanted.len() == limit as usize {
            let next = wanted.last().copied();
            return (wanted, next);
        }
        if fits {
            wanted.push(id);
        }
    }
    (wanted, if all { None } else { last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let (live, ended) = (None::<()>, Some(()));
        assert_eq!(cut(vec![(1, live), (2, ended), (3, live)], None, 2, 3), (vec![1, 2], Some(2)));
        assert_eq!(cut(vec![(1, live), (2, ended)], None, 2, 3), (vec![1, 2], None), "a full last page");
        assert_eq!(cut(vec![(1, live), (2, ended), (3, live)], Some(State::Live), 2, 4), (vec![1, 3], None));
        assert_eq!(cut(vec![(1, live), (2, ended), (3, live), (4, live)], Some(State::Live), 2, 5), (vec![1, 3], Some(3)));
        // Looked at enough: what was not found yet is on the pages that follow.
        assert_eq!(cut(vec![(1, live), (2, live)], Some(State::Ended), 2, 2), (vec![], Some(2)));
        assert_eq!(cut(Vec::<(u8, Option<()>)>::new(), Some(State::Ended), 2, 2), (vec![], None));
    }
}
