//! Small facts about the instance as a whole, such as the check value of its master key.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::schema::meta;

pub fn get(conn: &mut Connection, key: &str) -> Result<Option<String>, StoreError> {
    Ok(meta::table.find(key).select(meta::value).get_result(conn).optional()?)
}

/// Sets the value unless one is there, and answers the one that is there afterwards: of two replicas both learn the same.
pub fn insert_once(conn: &mut Connection, key: &str, value: &str) -> Result<String, StoreError> {
    let row = (meta::key.eq(key), meta::value.eq(value));
    match conn {
        Connection::Sqlite(conn) => diesel::insert_into(meta::table).values(row).on_conflict_do_nothing().execute(conn)?,
        Connection::Postgres(conn) => diesel::insert_into(meta::table).values(row).on_conflict_do_nothing().execute(conn)?,
    };
    Ok(meta::table.find(key).select(meta::value).get_result(conn)?)
}

/// Sets the value, whatever was there.
pub fn set(conn: &mut Connection, key: &str, value: &str) -> Result<(), StoreError> {
    if diesel::update(meta::table.find(key)).set(meta::value.eq(value)).execute(conn)? == 0 {
        diesel::insert_into(meta::table).values((meta::key.eq(key), meta::value.eq(value))).execute(conn)?;
    }
    Ok(())
}

/// True: it was there. Of two that remove the same one, one gets true.
pub fn remove(conn: &mut Connection, key: &str) -> Result<bool, StoreError> {
    Ok(diesel::delete(meta::table.find(key)).execute(conn)? == 1)
}

/// Holds a name until the transaction ends: of two that ask for the same one, the second waits, and then sees what the first wrote.
pub fn lock(conn: &mut Connection, name: &str) -> Result<(), StoreError> {
    insert_once(conn, name, "")?;
    diesel::update(meta::table.find(name)).set(meta::value.eq(meta::value)).execute(conn)?;
    Ok(())
}
