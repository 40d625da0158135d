//! Ending a node of the session tree ends everything below it: at most three UPDATEs, whatever the size of the tree.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::{at, id};
use super::schema::{client_sessions, redeemed_codes, refresh_families, sessions};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ClientId, GrantId, SessionId, UserId};
use crate::domain::session::EndReason;

/// What is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A browser signed in, and all that hangs on it.
    Session(SessionId),
    /// One application as seen by one session.
    ClientSession(SessionId, ClientId),
    /// What one code gave: its refresh family and its access tokens.
    Grant(GrantId),
    /// Every session of a user.
    User(UserId),
    /// Every session of a user but this one, and every family that is not of it.
    Elsewhere(UserId, SessionId),
    /// The families of one session; the session itself and its applications go on.
    FamiliesOf(SessionId),
    /// All that one client has from one user, in whichever session.
    UserClient(UserId, ClientId),
    /// All that one client has, from whomever.
    Client(ClientId),
}

/// How many nodes were live and ended now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndedCounts {
    pub sessions: u64,
    pub client_sessions: u64,
    pub families: u64,
    pub codes: u64,
}

/// A grant ended by itself ends whatever its scope.
fn spares_offline(node: &Node, reason: EndReason) -> bool {
    reason.spares_offline_access() && !matches!(node, Node::Grant(_))
}

/// Ends the node and all below it. What has ended before keeps its own instant and reason.
pub fn end(conn: &mut Connection, node: &Node, reason: EndReason, now: Timestamp) -> Result<EndedCounts, StoreError> {
    let mut counts = EndedCounts::default();
    let (now, why) = (Some(at(now)), Some(reason.as_str()));

    macro_rules! end_where {
        ($table:ident, $condition:expr) => {
            diesel::update($table::table)
                .filter($table::ended_at.is_null())
                .filter($condition)
                .set(($table::ended_at.eq(now), $table::end_reason.eq(why)))
                .execute(conn)
                .map(|count| count as u64)
        };
    }
    macro_rules! end_shares_where {
        ($condition:expr) => {
            diesel::update(client_sessions::table)
                .filter(client_sessions::ended_at.is_null())
                .filter($condition)
                // It may begin anew, which clears the other two.
                .set((client_sessions::ended_at.eq(now), client_sessions::end_reason.eq(why), client_sessions::grants_valid_from.eq(now)))
                .execute(conn)
                .map(|count| count as u64)
        };
    }
    macro_rules! end_families_where {
        ($condition:expr) => {
            if spares_offline(node, reason) {
                end_where!(refresh_families, $condition.and(refresh_families::offline.eq(false)))
            } else {
                end_where!(refresh_families, $condition)
            }
        };
    }

    match node {
        Node::Session(session) => {
            let session = id(session.0);
            counts.sessions = end_where!(sessions, sessions::id.eq(session))?;
            counts.client_sessions = end_shares_where!(client_sessions::session_id.eq(session))?;
            counts.families = end_families_where!(refresh_families::session_id.eq(session))?;
        }
        Node::ClientSession(session, client) => {
            let session = id(session.0);
            counts.client_sessions = end_shares_where!(client_sessions::session_id.eq(session).and(client_sessions::client_id.eq(client.as_str())))?;
            if counts.client_sessions == 0 {
                // A code given since it ended, and not redeemed yet.
                let there = client_sessions::table.find((session, client.as_str())).filter(client_sessions::ended_at.is_not_null());
                diesel::update(there).set(client_sessions::grants_valid_from.eq(now)).execute(conn)?;
            }
            counts.families = end_families_where!(refresh_families::session_id.eq(session).and(refresh_families::client_id.eq(client.as_str())))?;
        }
        Node::Grant(grant) => {
            // The code's row speaks for the access tokens of a grant that has no family.
            counts.codes = end_where!(redeemed_codes, redeemed_codes::id.eq(id(grant.0)))?;
            counts.families = end_families_where!(refresh_families::id.eq(id(grant.0)))?;
        }
        Node::User(user) => {
            let user = id(user.0);
            let theirs = sessions::table.filter(sessions::user_id.eq(user)).select(sessions::id);
            counts.sessions = end_where!(sessions, sessions::user_id.eq(user))?;
            counts.client_sessions = end_shares_where!(client_sessions::session_id.eq_any(theirs))?;
            counts.families = end_families_where!(refresh_families::user_id.eq(user))?;
        }
        Node::Elsewhere(user, kept) => {
            let (user, kept) = (id(user.0), id(kept.0));
            let theirs = sessions::table.filter(sessions::user_id.eq(user)).filter(sessions::id.ne(kept)).select(sessions::id);
            counts.sessions = end_where!(sessions, sessions::user_id.eq(user).and(sessions::id.ne(kept)))?;
            counts.client_sessions = end_shares_where!(client_sessions::session_id.eq_any(theirs))?;
            counts.families = end_families_where!(refresh_families::user_id.eq(user).and(refresh_families::session_id.ne(kept)))?;
        }
        Node::FamiliesOf(session) => {
            counts.families = end_families_where!(refresh_families::session_id.eq(id(session.0)))?;
        }
        Node::UserClient(user, client) => {
            let user = id(user.0);
            let theirs = sessions::table.filter(sessions::user_id.eq(user)).select(sessions::id);
            let shares = client_sessions::session_id.eq_any(theirs.filter(sessions::ended_at.is_null())).and(client_sessions::client_id.eq(client.as_str()));
            // Where it has ended before: a code given since, and not redeemed yet.
            let over = client_sessions::table.filter(client_sessions::ended_at.is_not_null()).filter(shares);
            diesel::update(over).set(client_sessions::grants_valid_from.eq(now)).execute(conn)?;
            counts.client_sessions = end_shares_where!(client_sessions::session_id.eq_any(theirs).and(client_sessions::client_id.eq(client.as_str())))?;
            counts.families = end_families_where!(refresh_families::user_id.eq(user).and(refresh_families::client_id.eq(client.as_str())))?;
        }
        Node::Client(client) => {
            counts.client_sessions = end_shares_where!(client_sessions::client_id.eq(client.as_str()))?;
            counts.families = end_families_where!(refresh_families::client_id.eq(client.as_str()))?;
        }
    }
    Ok(counts)
}
