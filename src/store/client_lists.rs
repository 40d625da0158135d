//! Pages of clients: by id or by when they were registered, and of those alone whose name has a word in it or who are locked out. Where some are
//! passed over, a page looks at [`LOOKED_AT`] clients at most, so that none takes longer than another.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use serde::Deserialize;

use super::clients::ClientRow;
use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::listed::{Order, Page, State, fitting};
use super::row::{at, client_id};
use super::schema::clients;
use super::sql_types::DbInstant;
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;

const TABLE: &str = "clients";
/// How many clients a page looks at, where some are passed over.
const LOOKED_AT: u32 = 500;
/// The microseconds at which the years 0000 and 10000 begin: no client is registered before the one or after the other, and both databases know
/// them.
const TIMES: (i64, i64) = (-62_167_219_200_000_000, 253_402_300_800_000_000);

/// Where in the order by time a client stands.
pub type Place = (Timestamp, ClientId);

/// Which clients are wanted: those for whom all that is set holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// As [`folded`] has it.
    text: Option<String>,
    /// `Ended`: those who are locked out.
    state: Option<State>,
}

/// What is read of the metadata to see whether a client is wanted at all.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// By its letters alone, one after the other: a word is found in the midst of another whatever the case of either.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl ClientFilter {
    /// `text` is looked for in id and name.
    pub fn of(text: Option<&str>, state: Option<State>) -> Self {
        Self { text: text.map(folded), state }
    }

    fn fits(&self, row: &ClientRow) -> Result<bool, StoreError> {
        if self.state.is_some_and(|state| (state == State::Ended) != row.disabled_at.is_some()) {
            return Ok(false);
        }
        let Some(text) = &self.text else { return Ok(true) };
        if folded(&row.id).contains(text) {
            return Ok(true);
        }
        let named: Named = serde_json::from_str(&row.metadata).map_err(|error| StoreError::corrupt(TABLE, format_args!("metadata: {error}")))?;
        Ok(folded(&named.name).contains(text))
    }

    fn looked_at(&self, limit: u32) -> u32 {
        let full = limit.saturating_add(1);
        if *self == Self::default() { full } else { LOOKED_AT.max(full) }
    }
}

/// In the order of their ids, as the database has it, or the other way round, those that then come after `after`.
pub fn by_id(conn: &mut Connection, filter: &ClientFilter, order: Order, after: Option<&ClientId>, limit: u32) -> Result<Page<Client, ClientId>, StoreError> {
    let looked_at = filter.looked_at(limit);
    let mut query = clients::table.limit(i64::from(looked_at)).into_boxed();
    query = match order {
        Order::Ascending => query.order(clients::id.asc()),
        Order::Descending => query.order(clients::id.desc()),
    };
    if let Some(after) = after {
        query = match order {
            Order::Ascending => query.filter(clients::id.gt(after.as_str())),
            Order::Descending => query.filter(clients::id.lt(after.as_str())),
        };
    }
    cut(query.load(conn)?, filter, limit, looked_at, |row| client_id(TABLE, row.id.clone()))
}

/// In the order they were registered, those of one moment in the order of the bytes of their ids, or the other way round, those that then come
/// after `after`.
pub fn by_time(conn: &mut Connection, filter: &ClientFilter, order: Order, after: Option<Place>, limit: u32) -> Result<Page<Client, Place>, StoreError> {
    // As the index has it.
    let id = match conn {
        Connection::Sqlite(_) => "clients.id",
        Connection::Postgres(_) => "clients.id COLLATE \"C\"",
    };
    let looked_at = filter.looked_at(limit);
    let (time, client) = match after {
        Some((time, client)) => (time, client.as_str().to_owned()),
        // A condition too: the index is walked from there.
        None => {
            let micros = if order == Order::Ascending { TIMES.0 } else { TIMES.1 };
            (Timestamp::from_timestamp_micros(micros).unwrap_or_default(), String::new())
        }
    };
    // By the pair that the index has, so that what is before it is not read again for each page.
    let pair = |sign| sql::<Bool>("(clients.created_at, ").sql(id).sql(sign).bind::<DbInstant, _>(at(time)).sql(", ").bind::<Text, _>(client).sql(")");
    let query = clients::table.limit(i64::from(looked_at)).into_boxed();
    let rows = match order {
        Order::Ascending => query.filter(pair(") > (")).order((clients::created_at.asc(), sql::<Text>(id).asc())).load(conn)?,
        Order::Descending => query.filter(pair(") < (")).order((clients::created_at.desc(), sql::<Text>(id).desc())).load(conn)?,
    };
    cut(rows, filter, limit, looked_at, |row| Ok((row.created_at.0, client_id(TABLE, row.id.clone())?)))
}

/// Only what is wanted is parsed as a whole.
fn cut<K>(
    rows: Vec<ClientRow>,
    filter: &ClientFilter,
    limit: u32,
    looked_at: u32,
    key: impl Fn(&ClientRow) -> Result<K, StoreError>,
) -> Result<Page<Client, K>, StoreError> {
    let judged = rows.iter().enumerate().map(|(at, row)| Ok((at, filter.fits(row)?))).collect::<Result<Vec<_>, StoreError>>()?;
    let (wanted, last) = fitting(judged, limit, looked_at);
    let next = last.and_then(|at| rows.get(at)).map(key).transpose()?;
    let wanted = rows.into_iter().enumerate().filter(|(at, _)| wanted.binary_search(at).is_ok());
    Ok(Page { items: wanted.map(|(_, row)| row.try_into()).collect::<Result<_, _>>()?, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_whatever_its_case() {
        for (text, name) in [("FOTO", "Meine Fotos"), ("ÉMI", "émile"), ("σ", "ΟΔΟΣ"), ("ΟΔΟΣ", "οδοσ"), ("100%", "100% off")] {
            assert!(folded(name).contains(&folded(text)), "{text} in {name}");
        }
        for (text, name) in [("%", "notes"), ("_", "notes"), ("n.t", "notes"), ("e", "é")] {
            assert!(!folded(name).contains(&folded(text)), "{text} in {name}");
        }
    }

    #[test]
    fn the_first_page_begins_where_no_client_is() {
        let [first, last] = [TIMES.0, TIMES.1].map(|micros| Timestamp::from_timestamp_micros(micros).unwrap().to_rfc3339());
        assert_eq!((first.as_str(), last.as_str()), ("0000-01-01T00:00:00+00:00", "+10000-01-01T00:00:00+00:00"));
    }
}
