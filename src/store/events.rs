//! The table of events. Rows are added, read, and deleted when their time is over; there is no function that changes one.

use diesel::prelude::*;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::listed::{LOOKED_AT, Order, Page, fitting};
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

impl Filter {
    /// Whether more is asked for than an index has: of a user's events those of an object or a kind, or of an object's those of a kind.
    const fn is_narrowed(&self) -> bool {
        (self.user.is_some() || self.object.is_some()) && (self.kind.is_some() || self.user.is_some() && self.object.is_some())
    }
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

/// Where a page of events begins and ends. Ids are in the order of time, to the millisecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Between {
    /// Only newer ones than this.
    pub after: Option<EventId>,
    /// Only older ones than this.
    pub before: Option<EventId>,
}

impl Between {
    /// What is left, in this order, after the event `last`.
    pub fn from(self, order: Order, last: EventId) -> Self {
        match order {
            Order::Ascending => Self { after: Some(last), ..self },
            Order::Descending => Self { before: Some(last), ..self },
        }
    }
}

/// By time, or the other way round, those of this stretch. A page looks at [`LOOKED_AT`] events at most, of one user or one object; it may then hold less
/// than it could, and the next one goes on from there.
pub fn page(conn: &mut Connection, filter: &Filter, order: Order, between: Between, limit: u32) -> Result<Page<Event, EventId>, StoreError> {
    if is_nobodys(filter) {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let looked_at = if filter.is_narrowed() { LOOKED_AT.max(limit.saturating_add(1)) } else { limit.saturating_add(1) };
    let mut query = events::table.limit(i64::from(looked_at)).into_boxed();
    query = match order {
        Order::Ascending => query.order(events::id),
        Order::Descending => query.order(events::id.desc()),
    };
    query = match filter {
        Filter { user: Some(user), .. } => query.filter(events::user_id.eq(id(user.0))),
        Filter { object: Some(object), .. } => query.filter(events::object_id.eq(object)),
        Filter { kind: Some(kind), .. } => query.filter(events::kind.eq(kind.as_str())),
        _ => query,
    };
    if let Some(since) = filter.since {
        // The order of ids is that of time only to the millisecond.
        query = query.filter(events::id.ge(id(EventId::first_at(since).0))).filter(events::at.ge(at(since)));
    }
    if let Some(after) = between.after {
        query = query.filter(events::id.gt(id(after.0)));
    }
    if let Some(before) = between.before {
        query = query.filter(events::id.lt(id(before.0)));
    }
    if !filter.is_narrowed() {
        let mut found = query.load::<EventRow>(conn)?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let items = found.into_iter().map(Event::try_from).collect::<Result<Vec<_>, _>>()?;
        let next = if more { items.last().map(|event| event.id) } else { None };
        return Ok(Page { items, next });
    }
    let rows = query.select((events::id, events::object_id, events::kind)).load::<(Id, Option<String>, String)>(conn)?;
    let fits = |object: &Option<String>, kind: &str| {
        filter.object.as_ref().is_none_or(|wanted| object.as_ref() == Some(wanted)) && filter.kind.is_none_or(|wanted| wanted.as_str() == kind)
    };
    let rows = rows.into_iter().map(|(id, object, kind)| (id, fits(&object, &kind))).collect();
    let (wanted, next) = fitting(rows, limit, looked_at);
    let items = if wanted.is_empty() { Vec::new() } else { events::table.filter(events::id.eq_any(wanted)).order(events::id).load::<EventRow>(conn)? };
    let items = order.turned(items);
    Ok(Page { items: items.into_iter().map(Event::try_from).collect::<Result<_, _>>()?, next: next.map(|next| EventId(next.0)) })
}

/// As many of those older than `before` as `limit`, the newest first, however many have to be looked at.
pub fn list(conn: &mut Connection, filter: &Filter, before: Option<EventId>, limit: u32) -> Result<Vec<Event>, StoreError> {
    let mut found = Vec::new();
    let mut between = Between { before, ..Between::default() };
    loop {
        let missing = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let page = page(conn, filter, Order::Descending, between, missing)?;
        found.extend(page.items);
        match page.next {
            Some(next) if found.len() < limit as usize => between = between.from(Order::Descending, next),
            _ => return Ok(found),
        }
    }
}

/// PostgreSQL keeps no text with a NUL, and refuses to look for one.
fn is_nobodys(filter: &Filter) -> bool {
    filter.object.as_ref().is_some_and(|object| object.contains('\0'))
}
