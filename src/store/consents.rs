//! The table of consents: what a user has allowed a client, one row a pair.

use diesel::prelude::*;
use uuid::Uuid;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::kept::{Value, with, written};
use super::listed::Order;
use super::row::{at, client_id, id, scope};
use super::schema::consents;
use super::sql_types::{Id, Instant};
use crate::domain::consent::Consent;
use crate::domain::id::{ClientId, UserId};

const TABLE: &str = "consents";

#[derive(Queryable, Insertable)]
#[diesel(table_name = consents)]
pub(super) struct ConsentRow {
    user_id: Id,
    client_id: String,
    scope: String,
    granted_at: Instant,
}

impl TryFrom<ConsentRow> for Consent {
    type Error = StoreError;

    fn try_from(row: ConsentRow) -> Result<Self, StoreError> {
        Ok(Self { user_id: UserId(row.user_id.0), client_id: client_id(TABLE, row.client_id)?, scope: scope(TABLE, &row.scope)?, granted_at: row.granted_at.0 })
    }
}

written!(One: consents::SqlType = consents::table.find((id(Uuid::nil()), "")));

pub fn find(conn: &mut Connection, user: UserId, client: &ClientId) -> Result<Option<Consent>, StoreError> {
    let row = match conn {
        Connection::Sqlite(conn) => with::<One, _>([Value::Blob(user.0.as_bytes()), Value::Text(client.as_str())]).get_result::<ConsentRow>(conn),
        Connection::Postgres(conn) => consents::table.find((id(user.0), client.as_str())).get_result::<ConsentRow>(conn),
    };
    row.optional()?.map(Consent::try_from).transpose()
}

/// All that a user has allowed, whichever client.
pub fn list_by_user(conn: &mut Connection, user: UserId) -> Result<Vec<Consent>, StoreError> {
    consents::table.filter(consents::user_id.eq(id(user.0))).load::<ConsentRow>(conn)?.into_iter().map(Consent::try_from).collect()
}

/// The same by client, or the other way round, those that then come after `after`.
pub fn list(conn: &mut Connection, user: UserId, order: Order, after: Option<&ClientId>, limit: u32) -> Result<Vec<Consent>, StoreError> {
    let of_user = consents::table.filter(consents::user_id.eq(id(user.0))).limit(i64::from(limit)).into_boxed();
    let query = match (order, after.map(ClientId::as_str)) {
        (Order::Ascending, after) => of_user.filter(consents::client_id.gt(after.unwrap_or_default())).order(consents::client_id),
        (Order::Descending, Some(after)) => of_user.filter(consents::client_id.lt(after)).order(consents::client_id.desc()),
        (Order::Descending, None) => of_user.order(consents::client_id.desc()),
    };
    query.load::<ConsentRow>(conn)?.into_iter().map(Consent::try_from).collect()
}

/// Adds to what the user has allowed; `granted_at` moves. Answers what is allowed now. `Conflict`: user or client is gone.
pub fn grant(conn: &mut Connection, consent: &Consent) -> Result<Consent, StoreError> {
    let row = ConsentRow {
        user_id: id(consent.user_id.0),
        client_id: consent.client_id.as_str().to_owned(),
        scope: consent.scope.to_string(),
        granted_at: at(consent.granted_at),
    };
    // The first statement locks the row, so two consents given at once both count: the second sees what the first wrote.
    let added = match conn {
        Connection::Sqlite(conn) => diesel::insert_into(consents::table).values(&row).on_conflict_do_nothing().execute(conn)?,
        Connection::Postgres(conn) => diesel::insert_into(consents::table).values(&row).on_conflict_do_nothing().execute(conn)?,
    };
    if added == 1 {
        return Ok(consent.clone());
    }
    let pair = consents::table.find((row.user_id, &row.client_id));
    diesel::update(pair).set(consents::granted_at.eq(row.granted_at)).execute(conn)?;
    let before: String = pair.select(consents::scope).get_result(conn)?;
    let union = scope(TABLE, &before)?.union(&consent.scope);
    diesel::update(pair).set(consents::scope.eq(union.to_string())).execute(conn)?;
    Ok(Consent { scope: union, ..consent.clone() })
}

/// Forgets the consent. End the client's part of the tree in the same unit. False: there was none.
pub fn withdraw(conn: &mut Connection, user: UserId, client: &ClientId) -> Result<bool, StoreError> {
    Ok(diesel::delete(consents::table.find((id(user.0), client.as_str()))).execute(conn)? == 1)
}
