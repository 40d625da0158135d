//! The groups that there are, and how many users are in each: kept by triggers in `migrations/`, so that nobody has to count.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::schema::group_sizes;

/// Groups with somebody in them and how many that are, by name, those after `after`.
pub fn sizes(conn: &mut Connection, after: &str, limit: u32) -> Result<Vec<(String, u64)>, StoreError> {
    let query = group_sizes::table.filter(group_sizes::name.gt(after)).order(group_sizes::name).limit(i64::from(limit));
    let rows = query.load::<(String, i64)>(conn)?;
    Ok(rows.into_iter().map(|(name, members)| (name, u64::try_from(members).unwrap_or(0))).collect())
}
