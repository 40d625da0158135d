//! Events: what happened, page by page and as lines of JSON.

use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::caller::{AdminScope, Caller};
use super::event::Event;
use super::problem::Problem;
use super::{Api, Resource, page};
use crate::domain::clock::Timestamp;
use crate::domain::event::EventKind;
use crate::domain::id::{EventId, UserId};
use crate::protocol::urlencoded::append_pair;
use crate::service::admin::EventFilter as Filter;

pub struct EventsApi;

/// Events, the newest first.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct EventPage {
    items: Vec<Event>,
    /// What to pass as `before` for the next page, of older ones; absent on the last one.
    next: Option<Uuid>,
}

impl Example for EventPage {
    fn example() -> Self {
        let event = Event::example();
        Self { next: Some(event.id), items: vec![event] }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of events.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<EventPage>),
}

#[derive(ApiResponse)]
enum Exported {
    /// Events, the newest first: each line is one `Event` as JSON.
    #[oai(status = 200, content_type = "application/x-ndjson")]
    Lines(
        PlainText<String>,
        /// Where the older ones are, as `<?…>; rel="next"` (RFC 8288), relative to the URL that was asked; absent if there are none.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

fn default_lines() -> u32 {
    1000
}

fn kind_of(word: &str) -> Result<EventKind, Problem> {
    EventKind::parse(word).ok_or_else(|| Problem::malformed("The parameter `kind` is malformed: there is no such kind of event.".to_owned()))
}

/// The query of the next page: that of this one, older than its last.
fn next_query(filter: &Filter, before: Uuid, limit: u32) -> String {
    let mut query = String::new();
    append_pair(&mut query, true, "limit", &limit.to_string());
    append_pair(&mut query, false, "before", &before.to_string());
    let wanted = [
        ("user", filter.user.map(|user| user.to_string())),
        ("object", filter.object.clone()),
        ("kind", filter.kind.map(|kind| kind.as_str().to_owned())),
        ("since", filter.since.map(|since| since.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))),
    ];
    for (name, value) in wanted {
        if let Some(value) = value {
            append_pair(&mut query, false, name, &value);
        }
    }
    query
}

#[OpenApi(tag = "Resource::Events")]
impl EventsApi {
    /// Lists events
    ///
    /// The newest first. With more than one of `user`, `object` and `kind` a page may hold fewer than `limit` though there is a `next`. Needs the scope
    /// `events:read`.
    #[oai(path = "/events", method = "get", operation_id = "event_list")]
    #[allow(clippy::too_many_arguments)]
    async fn list(
        &self,
        #[oai(scope = "AdminScope::EventsRead")] caller: Caller,
        api: Data<&Api>,
        /// Only those that concern this user, whoever did it.
        user: Query<Option<Uuid>>,
        /// Only of what has this id: a user, client, session, refresh token family or key.
        object: Query<Option<String>>,
        /// Only of this kind, such as `session.revoked`.
        kind: Query<Option<String>>,
        /// Only from this time on.
        since: Query<Option<Timestamp>>,
        /// Only older ones than this one: `next` of the page before.
        before: Query<Option<Uuid>>,
        /// How many events a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Listed, Problem> {
        caller.may(AdminScope::EventsRead)?;
        let kind = kind.0.as_deref().map(kind_of).transpose()?;
        let filter = Filter { user: user.map(UserId), object: object.0, kind, since: page::time("since", since.0)? };
        let found = api.admin.events_page(filter, before.map(EventId), limit.0).await?;
        Ok(Listed::Page(Json(EventPage { items: found.items.iter().map(Event::from).collect(), next: found.next.map(|next| next.0) })))
    }

    /// Exports events
    ///
    /// As lines of JSON, for programs that collect them. The newest come first; while the answer has a `Link` to a next page, there are older
    /// ones. Needs the scope `events:read`.
    #[oai(path = "/events/export", method = "get", operation_id = "event_export")]
    #[allow(clippy::too_many_arguments)]
    async fn export(
        &self,
        #[oai(scope = "AdminScope::EventsRead")] caller: Caller,
        api: Data<&Api>,
        /// Only those that concern this user, whoever did it.
        user: Query<Option<Uuid>>,
        /// Only of what has this id: a user, client, session, refresh token family or key.
        object: Query<Option<String>>,
        /// Only of this kind, such as `session.revoked`.
        kind: Query<Option<String>>,
        /// Only from this time on.
        since: Query<Option<Timestamp>>,
        /// Only older ones than this one.
        before: Query<Option<Uuid>>,
        /// How many lines the answer has at most.
        #[oai(default = "default_lines", validator(minimum(value = "1"), maximum(value = "5000")))]
        limit: Query<u32>,
    ) -> Result<Exported, Problem> {
        caller.may(AdminScope::EventsRead)?;
        let kind = kind.0.as_deref().map(kind_of).transpose()?;
        let filter = Filter { user: user.map(UserId), object: object.0, kind, since: page::time("since", since.0)? };
        let found = api.admin.events_page(filter.clone(), before.map(EventId), limit.0).await?;
        let mut lines = String::new();
        for event in &found.items {
            // JSON writes a line break as `\n`: nothing in an event ends the line.
            lines.push_str(&Event::from(event).to_json_string());
            lines.push('\n');
        }
        let link = found.next.map(|before| format!("<?{}>; rel=\"next\"", next_query(&filter, before.0, limit.0)));
        Ok(Exported::Lines(PlainText(lines), link))
    }
}
