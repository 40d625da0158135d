//! The table of clients. What a client is registered with is one JSON document, so that a new field needs no migration.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::connection::{AnyConnection as Connection, on_each};
use super::error::StoreError;
use super::kept::{Kept, Value, with, written};
use super::lifetime_rules::MARK;
use super::row::{at, digest};
use super::schema::clients;
use super::sql_types::Instant;
use crate::domain::client::{Client, ClientMetadata};
use crate::domain::client_secret::PreviousSecret;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::domain::secret::Digest;
use crate::domain::tenure::Tenure;

const TABLE: &str = "clients";

/// A client as it is stored, not yet parsed.
#[derive(Clone, PartialEq, Queryable, Insertable)]
#[diesel(table_name = clients, treat_none_as_default_value = false)]
pub struct ClientRow {
    pub(super) id: String,
    pub(super) metadata: String,
    secret_digest: Option<Vec<u8>>,
    pub(super) disabled_at: Option<Instant>,
    managed_by_file: bool,
    pub(super) created_at: Instant,
    updated_at: Instant,
    previous_secret_digest: Option<Vec<u8>>,
    previous_secret_expires_at: Option<Instant>,
    /// Written by [`end_tokens`] alone.
    tokens_valid_from: Option<Instant>,
    /// Written by [`end_grants`] alone.
    grants_valid_from: Option<Instant>,
    /// Written by [`note_secret_by_operator`] alone.
    secret_by_operator: bool,
}

fn metadata_of(text: &str) -> Result<ClientMetadata, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(TABLE, format_args!("metadata: {error}")))
}

fn metadata_text(metadata: &ClientMetadata) -> Result<String, StoreError> {
    serde_json::to_string(metadata).map_err(|error| StoreError::Query(error.to_string()))
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: super::row::client_id(TABLE, row.id)?,
            metadata: metadata_of(&row.metadata)?,
            secret_digest: row.secret_digest.map(|bytes| digest(TABLE, bytes)).transpose()?,
            previous_secret: match (row.previous_secret_digest, row.previous_secret_expires_at) {
                (Some(bytes), Some(expires_at)) => Some(PreviousSecret { digest: digest(TABLE, bytes)?, expires_at: expires_at.0 }),
                _ => None,
            },
            disabled_at: row.disabled_at.map(|at| at.0),
            managed_by_file: row.managed_by_file,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        })
    }
}

impl TryFrom<&Client> for ClientRow {
    type Error = StoreError;

    fn try_from(client: &Client) -> Result<Self, StoreError> {
        Ok(Self {
            id: client.id.as_str().to_owned(),
            metadata: metadata_text(&client.metadata)?,
            secret_digest: client.secret_digest.map(|digest| digest.0.to_vec()),
            disabled_at: client.disabled_at.map(at),
            managed_by_file: client.managed_by_file,
            created_at: at(client.created_at),
            updated_at: at(client.updated_at),
            previous_secret_digest: client.previous_secret.map(|previous| previous.digest.0.to_vec()),
            previous_secret_expires_at: client.previous_secret.map(|previous| at(previous.expires_at)),
            tokens_valid_from: None,
            grants_valid_from: None,
            secret_by_operator: false,
        })
    }
}

/// A client's row, and the mark of the lifetime rules as it was at that moment: whoever has seen both knows what holds for the client.
#[derive(Clone, PartialEq, Queryable)]
pub struct MarkedClient {
    row: ClientRow,
    rules: Option<String>,
}

impl MarkedClient {
    pub fn id(&self) -> &str {
        &self.row.id
    }

    /// See [`lifetime_rules::mark`].
    pub fn rules(&self) -> Option<&str> {
        self.rules.as_deref()
    }

    /// Since when what it is given counts.
    pub fn tenure(&self) -> Tenure {
        Tenure {
            began_at: self.row.created_at.0,
            stopped_at: self.row.tokens_valid_from.map(|at| at.0),
            grants_ended_at: self.row.grants_valid_from.map(|at| at.0),
        }
    }

    pub fn parse(self) -> Result<Client, StoreError> {
        self.row.try_into()
    }
}

/// The mark of the lifetime rules, as a column of any query.
macro_rules! the_mark {
    () => {
        $crate::store::schema::meta::table
            .filter($crate::store::schema::meta::key.eq($crate::store::lifetime_rules::MARK))
            .select($crate::store::schema::meta::value)
            .single_value()
    };
}
pub(super) use the_mark;

/// Clients with the mark.
macro_rules! marked {
    () => {
        clients::table.select((clients::all_columns, the_mark!()))
    };
}

/// The values that [`the_mark!`] has in a text: the key, and diesel's limit to a single one.
pub(super) const MARK_VALUES: [Value<'static>; 2] = [Value::Text(MARK), Value::Integer(1)];

/// The columns of a [`MarkedClient`].
pub(super) type Marked = (clients::SqlType, Nullable<Text>);

written!(OneMarked: Marked = marked!().filter(clients::id.eq("")));

/// For what every request asks.
pub fn marked(conn: &mut Connection, id: &ClientId) -> Result<Option<MarkedClient>, StoreError> {
    let client = match conn {
        Connection::Sqlite(conn) => {
            let [mark, single] = MARK_VALUES;
            with::<OneMarked, _>([mark, single, Value::Text(id.as_str())]).get_result::<MarkedClient>(conn)
        }
        Connection::Postgres(conn) => marked!().filter(clients::id.eq(id.as_str())).get_result::<MarkedClient>(conn),
    };
    Ok(client.optional()?)
}

/// The same of several; those that there are.
pub(super) fn marked_each(conn: &mut PgConnection, ids: &[ClientId]) -> Result<HashMap<ClientId, Result<MarkedClient, StoreError>>, StoreError> {
    let rows = Kept(marked!().filter(clients::id.eq_any(ids.iter().map(ClientId::as_str)))).load::<MarkedClient>(conn)?;
    rows.into_iter().map(|client| Ok((super::row::client_id(TABLE, client.row.id.clone())?, Ok(client)))).collect()
}

pub fn find(conn: &mut Connection, id: &ClientId) -> Result<Option<Client>, StoreError> {
    let query = clients::table.find(id.as_str());
    on_each!(conn, query.get_result::<ClientRow>(conn)).optional()?.map(Client::try_from).transpose()
}

/// The same, and holds the row until the transaction ends: nobody changes it meanwhile.
pub fn find_held(conn: &mut Connection, id: &ClientId) -> Result<Option<Client>, StoreError> {
    let query = clients::table.find(id.as_str());
    let row = match conn {
        // One writer at a time: nothing can change it.
        Connection::Sqlite(conn) => query.get_result::<ClientRow>(conn).optional()?,
        // Whoever refers to it meanwhile does not wait, or a redemption would for a start.
        Connection::Postgres(conn) => query.for_no_key_update().get_result::<ClientRow>(conn).optional()?,
    };
    row.map(Client::try_from).transpose()
}

/// Clients by id, those after `after`.
pub fn list(conn: &mut Connection, after: Option<&ClientId>, limit: u32) -> Result<Vec<Client>, StoreError> {
    let mut query = clients::table.order(clients::id).limit(i64::from(limit)).into_boxed();
    if let Some(after) = after {
        query = query.filter(clients::id.gt(after.as_str()));
    }
    query.load::<ClientRow>(conn)?.into_iter().map(Client::try_from).collect()
}

/// Adds a client. `Conflict`: the id is taken.
pub fn insert(conn: &mut Connection, client: &Client) -> Result<(), StoreError> {
    diesel::insert_into(clients::table).values(ClientRow::try_from(client)?).execute(conn)?;
    Ok(())
}

/// Adds a client or writes over the one that is there. `created_at` stays; so do the secret and the one before, when the new one is `None`
/// and the client is still confidential (a file that declares a client need not repeat its secret).
pub fn upsert(conn: &mut Connection, client: &Client) -> Result<(), StoreError> {
    let row = ClientRow::try_from(client)?;
    let keep_secret = client.secret_digest.is_none() && !client.metadata.is_public();
    // The insert comes first and says what to do next, so that two replicas declaring one client at once cannot both find it missing.
    let added = match conn {
        Connection::Sqlite(conn) => diesel::insert_into(clients::table).values(&row).on_conflict_do_nothing().execute(conn)?,
        Connection::Postgres(conn) => diesel::insert_into(clients::table).values(&row).on_conflict_do_nothing().execute(conn)?,
    };
    if added == 1 {
        return Ok(());
    }
    let there = clients::table.find(&row.id);
    diesel::update(there)
        .set((
            clients::metadata.eq(&row.metadata),
            clients::disabled_at.eq(row.disabled_at),
            clients::managed_by_file.eq(row.managed_by_file),
            clients::updated_at.eq(row.updated_at),
        ))
        .execute(conn)?;
    if !keep_secret {
        diesel::update(there)
            .set((
                clients::secret_digest.eq(&row.secret_digest),
                clients::previous_secret_digest.eq(&row.previous_secret_digest),
                clients::previous_secret_expires_at.eq(row.previous_secret_expires_at),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Gives the client a new secret, beside which only `previous` works. False: no such client.
pub fn set_secret(conn: &mut Connection, id: &ClientId, secret: Digest, previous: Option<PreviousSecret>, now: Timestamp) -> Result<bool, StoreError> {
    let changed = diesel::update(clients::table.find(id.as_str()))
        .set((
            clients::secret_digest.eq(Some(secret.0.to_vec())),
            clients::previous_secret_digest.eq(previous.map(|previous| previous.digest.0.to_vec())),
            clients::previous_secret_expires_at.eq(previous.map(|previous| at(previous.expires_at))),
            clients::updated_at.eq(at(now)),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Whether the client's secret was last set by the settings file or a command, since that file declares it.
pub fn has_secret_by_operator(conn: &mut Connection, id: &ClientId) -> Result<bool, StoreError> {
    Ok(clients::table.find(id.as_str()).select(clients::secret_by_operator).get_result::<bool>(conn).optional()?.unwrap_or(false))
}

/// Who set the secrets that work.
pub fn note_secret_by_operator(conn: &mut Connection, id: &ClientId, by_operator: bool) -> Result<(), StoreError> {
    diesel::update(clients::table.find(id.as_str())).set(clients::secret_by_operator.eq(by_operator)).execute(conn)?;
    Ok(())
}

/// Leaves the client its present secret alone. False: no such client.
pub fn end_previous_secret(conn: &mut Connection, id: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
    let changed = diesel::update(clients::table.find(id.as_str()))
        .set((clients::previous_secret_digest.eq(None::<Vec<u8>>), clients::previous_secret_expires_at.eq(None::<Instant>), clients::updated_at.eq(at(now))))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Takes the client its secret and the one before: it cannot prove itself until it is given a new one. False: no such client.
pub fn forget_secrets(conn: &mut Connection, id: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
    let changed = diesel::update(clients::table.find(id.as_str()))
        .set((
            clients::secret_digest.eq(None::<Vec<u8>>),
            clients::previous_secret_digest.eq(None::<Vec<u8>>),
            clients::previous_secret_expires_at.eq(None::<Instant>),
            clients::updated_at.eq(at(now)),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

/// What the client was given until `at` is dead from here on, whatever becomes of the client; an earlier `at` takes nothing back.
pub fn end_tokens(conn: &mut Connection, id: &ClientId, at: Timestamp) -> Result<(), StoreError> {
    let at = Instant(at);
    let later = clients::tokens_valid_from.is_null().or(clients::tokens_valid_from.lt(at));
    diesel::update(clients::table.find(id.as_str()).filter(later)).set(clients::tokens_valid_from.eq(at)).execute(conn)?;
    Ok(())
}

/// What users had allowed the client until `at` is dead from here on: codes that are not redeemed yet leave no row that could be ended.
pub fn end_grants(conn: &mut Connection, id: &ClientId, at: Timestamp) -> Result<(), StoreError> {
    let at = Instant(at);
    let later = clients::grants_valid_from.is_null().or(clients::grants_valid_from.lt(at));
    diesel::update(clients::table.find(id.as_str()).filter(later)).set(clients::grants_valid_from.eq(at)).execute(conn)?;
    Ok(())
}

/// Deletes a client with its client sessions, consents and refresh families. False: no such client.
pub fn delete(conn: &mut Connection, id: &ClientId) -> Result<bool, StoreError> {
    Ok(diesel::delete(clients::table.find(id.as_str())).execute(conn)? == 1)
}
