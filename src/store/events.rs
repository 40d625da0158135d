//! The table of events. Rows are added, read, and deleted when their time is over; there is no function that changes one.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::{at, id};
use super::schema::events;
use super::sql_types::{Id, Instant};
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, Detail, Event, EventKind, Object};
use crate::domain::id::{EventId, UserId};

const TABLE: &str = "events";

#[derive(Queryable, Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
struct EventRow {
    id: Id,
    at: Instant,
    kind: String,
    actor_kind: String,
    actor_id: Option<String>,
    network: Option<String>,
    request_id: Option<String>,
    object_kind: String,
    object_id: Option<String>,
    user_id: Option<Id>,
    detail: String,
}

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        Self {
            id: id(event.id.0),
            at: at(event.at),
            kind: event.kind.as_str().to_owned(),
            actor_kind: event.actor.kind().to_owned(),
            actor_id: event.actor.id(),
            network: event.network.clone(),
            request_id: event.request_id.clone(),
            object_kind: event.object.kind().to_owned(),
            object_id: event.object.id(),
            user_id: event.user.map(|user| id(user.0)),
            detail: event.detail.text(),
        }
    }
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let unknown = |column: &str, word: &str| StoreError::corrupt(TABLE, format_args!("{column} is `{word}`"));
        Ok(Self {
            id: EventId(row.id.0),
            at: row.at.0,
            kind: EventKind::parse(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
            actor: Actor::parse(&row.actor_kind, row.actor_id.as_deref()).ok_or_else(|| unknown("actor_kind", &row.actor_kind))?,
            network: row.network,
            request_id: row.request_id,
            object: Object::parse(&row.object_kind, row.object_id.as_deref()).ok_or_else(|| unknown("object_kind", &row.object_kind))?,
            user: row.user_id.map(|user| UserId(user.0)),
            detail: Detail::from_text(&row.detail).map_err(|error| StoreError::corrupt(TABLE, format_args!("detail: {error}")))?,
        })
    }
}

/// Which events are wanted: those for which all that is set holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whom they concern.
    pub user: Option<UserId>,
    /// The id of what it happened to.
    pub object: Option<String>,
    pub kind: Option<EventKind>,
    pub since: Option<Timestamp>,
}

/// Adds an event: in the unit of work of the change it tells, so that neither is ever there without the other.
pub fn record(conn: &mut Connection, event: &Event) -> Result<(), StoreError> {
    diesel::insert_into(events::table).values(EventRow::from(event)).execute(conn)?;
    Ok(())
}

/// What concerns a user and is of one of these kinds: the newest first, those older than `before`.
pub fn list_of(conn: &mut Connection, user: UserId, kinds: &[EventKind], before: Option<EventId>, limit: u32) -> Result<Vec<Event>, StoreError> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let mut query = events::table
        .filter(events::user_id.eq(id(user.0)))
        // Written so that it is asked of the user's, not answered from the index of the kinds.
        .filter(events::kind.concat("").eq_any(kinds))
        .order(events::id.desc())
        .limit(i64::from(limit))
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(events::id.lt(id(before.0)));
    }
    query.load::<EventRow>(conn)?.into_iter().map(Event::try_from).collect()
}

/// The newest first, those older than `before`.
pub fn list(conn: &mut Connection, filter: &Filter, before: Option<EventId>, limit: u32) -> Result<Vec<Event>, StoreError> {
    // PostgreSQL keeps no text with a NUL, and refuses to look for one.
    if filter.object.as_ref().is_some_and(|object| object.contains('\0')) {
        return Ok(Vec::new());
    }
    let mut query = events::table.order(events::id.desc()).limit(i64::from(limit)).into_boxed();
    if let Some(user) = filter.user {
        query = query.filter(events::user_id.eq(id(user.0)));
    }
    if let Some(object) = &filter.object {
        query = query.filter(events::object_id.eq(object));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(events::kind.eq(kind.as_str()));
    }
    if let Some(since) = filter.since {
        // The order of ids is that of time only to the millisecond.
        query = query.filter(events::id.ge(id(EventId::first_at(since).0))).filter(events::at.ge(at(since)));
    }
    if let Some(before) = before {
        query = query.filter(events::id.lt(id(before.0)));
    }
    query.load::<EventRow>(conn)?.into_iter().map(Event::try_from).collect()
}
