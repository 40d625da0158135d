//! The table of one-time links: each works once, until it expires, for the purpose it was made for.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::{at, id};
use super::schema::one_time_links;
use super::sql_types::Id;
use crate::domain::clock::Timestamp;
use crate::domain::id::{LinkId, UserId};
use crate::domain::secret::Digest;

/// Adds a link; only the digest of its secret comes here. It is for nobody in particular.
pub fn insert(conn: &mut Connection, link: LinkId, purpose: &str, digest: &Digest, expires_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    add(conn, link, purpose, None, digest, expires_at, now)
}

/// Adds a link of one user, in the place of those that this user had before.
pub fn insert_for(
    conn: &mut Connection,
    user: UserId,
    link: LinkId,
    purpose: &str,
    digest: &Digest,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    use_up_of(conn, user, now)?;
    add(conn, link, purpose, Some(user), digest, expires_at, now)
}

fn add(
    conn: &mut Connection,
    link: LinkId,
    purpose: &str,
    user: Option<UserId>,
    digest: &Digest,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::insert_into(one_time_links::table)
        .values((
            one_time_links::id.eq(id(link.0)),
            one_time_links::purpose.eq(purpose),
            one_time_links::digest.eq(digest.0.as_slice()),
            one_time_links::expires_at.eq(at(expires_at)),
            one_time_links::created_at.eq(at(now)),
            one_time_links::user_id.eq(user.map(|user| id(user.0))),
        ))
        .execute(conn)?;
    Ok(())
}

/// Uses the link up. False: unknown, expired, used before, or made for something else. Of many at once exactly one gets true.
pub fn consume(conn: &mut Connection, purpose: &str, digest: &Digest, now: Timestamp) -> Result<bool, StoreError> {
    let usable = one_time_links::table
        .filter(one_time_links::digest.eq(digest.0.as_slice()))
        .filter(one_time_links::purpose.eq(purpose))
        .filter(one_time_links::used_at.is_null())
        .filter(one_time_links::expires_at.gt(at(now)));
    Ok(diesel::update(usable).set(one_time_links::used_at.eq(Some(at(now)))).execute(conn)? == 1)
}

/// Whose link it is, if it would work now.
pub fn find_open(conn: &mut Connection, purpose: &str, digest: &Digest, now: Timestamp) -> Result<Option<(LinkId, UserId)>, StoreError> {
    let row = one_time_links::table
        .filter(one_time_links::digest.eq(digest.0.as_slice()))
        .filter(one_time_links::purpose.eq(purpose))
        .filter(one_time_links::used_at.is_null())
        .filter(one_time_links::expires_at.gt(at(now)))
        .select((one_time_links::id, one_time_links::user_id))
        .get_result::<(Id, Option<Id>)>(conn)
        .optional()?;
    Ok(row.and_then(|(link, user)| Some((LinkId(link.0), UserId(user?.0)))))
}

/// Uses one link up. False: it works no more. Of many at once exactly one gets true.
pub fn use_up(conn: &mut Connection, link: LinkId, now: Timestamp) -> Result<bool, StoreError> {
    let open = one_time_links::table
        .filter(one_time_links::id.eq(id(link.0)))
        .filter(one_time_links::used_at.is_null())
        .filter(one_time_links::expires_at.gt(at(now)));
    Ok(diesel::update(open).set(one_time_links::used_at.eq(Some(at(now)))).execute(conn)? == 1)
}

/// Every open link of one user: none of them works any more.
pub fn use_up_of(conn: &mut Connection, user: UserId, now: Timestamp) -> Result<usize, StoreError> {
    let open = one_time_links::table.filter(one_time_links::user_id.eq(id(user.0))).filter(one_time_links::used_at.is_null());
    Ok(diesel::update(open).set(one_time_links::used_at.eq(Some(at(now)))).execute(conn)?)
}

/// Every open link for this: none of them works any more.
pub fn use_up_purpose(conn: &mut Connection, purpose: &str, now: Timestamp) -> Result<usize, StoreError> {
    let open = one_time_links::table.filter(one_time_links::purpose.eq(purpose)).filter(one_time_links::used_at.is_null());
    Ok(diesel::update(open).set(one_time_links::used_at.eq(Some(at(now)))).execute(conn)?)
}

/// Every open link, whatever for: none of them works any more.
pub fn use_up_all(conn: &mut Connection, now: Timestamp) -> Result<usize, StoreError> {
    Ok(diesel::update(one_time_links::table.filter(one_time_links::used_at.is_null())).set(one_time_links::used_at.eq(Some(at(now)))).execute(conn)?)
}

/// Whether the link would work now: for showing its page without using it up.
pub fn valid(conn: &mut Connection, purpose: &str, digest: &Digest, now: Timestamp) -> Result<bool, StoreError> {
    let count: i64 = one_time_links::table
        .filter(one_time_links::digest.eq(digest.0.as_slice()))
        .filter(one_time_links::purpose.eq(purpose))
        .filter(one_time_links::used_at.is_null())
        .filter(one_time_links::expires_at.gt(at(now)))
        .count()
        .get_result(conn)?;
    Ok(count == 1)
}
