//! The groups that there are, and how many users are in each: kept by triggers in `migrations/`, so that nobody has to count.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{Array, Text};

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::listed::Order;
use super::schema::group_sizes;

/// Groups with somebody in them and how many that are, by name, or the other way round, those that then come after `after`.
pub fn sizes(conn: &mut Connection, order: Order, after: Option<&str>, limit: u32) -> Result<Vec<(String, u64)>, StoreError> {
    let mut query = group_sizes::table.limit(i64::from(limit)).into_boxed();
    query = match (order, after) {
        (Order::Ascending, after) => query.filter(group_sizes::name.gt(after.unwrap_or_default())).order(group_sizes::name),
        (Order::Descending, Some(after)) => query.filter(group_sizes::name.lt(after)).order(group_sizes::name.desc()),
        (Order::Descending, None) => query.order(group_sizes::name.desc()),
    };
    let rows = query.load::<(String, i64)>(conn)?;
    Ok(rows.into_iter().map(|(name, members)| (name, u64::try_from(members).unwrap_or(0))).collect())
}

/// Holds the counts of these groups until the transaction ends: for one that changes the groups of several users. The triggers take the counts
/// of one user's groups in the order of the names; of several users, one after the other, they are in no order, and two such transactions could
/// wait for each other. A group that nobody is in yet begins with none, so that it can be held too: name only those that a count changes of.
pub fn hold(conn: &mut Connection, names: &BTreeSet<String>) -> Result<(), StoreError> {
    const HOLD: &str = "INSERT INTO group_sizes (name, members) SELECT names.name, 0 FROM unnest($1) AS names (name) ORDER BY names.name COLLATE \"C\" \
                        ON CONFLICT (name) DO UPDATE SET members = group_sizes.members";
    match conn {
        // One writer at a time: nobody else holds anything.
        Connection::Sqlite(_) => {}
        Connection::Postgres(conn) if !names.is_empty() => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            diesel::sql_query(HOLD).bind::<Array<Text>, _>(names).execute(conn)?;
        }
        Connection::Postgres(_) => {}
    }
    Ok(())
}
