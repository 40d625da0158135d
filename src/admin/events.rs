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
use super::sort::EventSort;
use super::{Api, Resource, page};
use crate::domain::clock::Timestamp;
use crate::domain::event::EventKind;
use crate::domain::id::{EventId, UserId};
use crate::protocol::urlencoded::append_pair;
use crate::service::admin::listed::Order;
use crate::service::admin::{Between, EventFilter as Filter};

pub struct EventsApi;

/// Events.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct EventPage {
    items: Vec<Event>,
    /// What to pass as `before` for the next page, of older ones, or as `after` if they come by time; absent on the last one.
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
    /// Events: each line is one `Event` as JSON.
    #[oai(status = 200, content_type = "application/x-ndjson")]
    Lines(
        PlainText<String>,
        /// Where those that follow are, as `<?…>; rel="next"` (RFC 8288), relative to the URL that was asked; absent if there are none.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

fn default_lines() -> u32 {
    1000
}

fn stretch(sort: Option<EventSort>, after: Option<Uuid>, before: Option<Uuid>) -> (Order, Between) {
    (sort.map_or(Order::Descending, Order::from), Between { after: after.map(EventId), before: before.map(EventId) })
}

fn kind_of(word: &str) -> Result<EventKind, Problem> {
    EventKind::parse(word).ok_or_else(|| Problem::malformed("The parameter `kind` is malformed: there is no such kind of event.".to_owned()))
}

/// The query of the next page: that of this one, for what follows its last.
fn next_query(filter: &Filter, sort: Option<EventSort>, between: Between, limit: u32) -> String {
    let mut query = String::new();
    append_pair(&mut query, true, "limit", &limit.to_string());
    let wanted = [
        ("before", between.before.map(|before| before.to_string())),
        ("after", between.after.map(|after| after.to_string())),
        ("sort", sort.map(|sort| sort.to_json_string().trim_matches('"').to_owned())),
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
    /// The newest first unless `sort` says otherwise. With more than one of `user`, `object` and `kind` a page may hold fewer than `limit` though there is a `next`. Needs the scope
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
        /// Only newer ones than this one: `next` of the page before, if they come by time.
        after: Query<Option<Uuid>>,
        /// In which order they come: `at_desc` unless it says otherwise.
        sort: Query<Option<EventSort>>,
        /// How many events a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Listed, Problem> {
        caller.may(AdminScope::EventsRead)?;
        let kind = kind.0.as_deref().map(kind_of).transpose()?;
        let filter = Filter { user: user.map(UserId), object: object.0, kind, since: page::time("since", since.0)? };
        let (order, between) = stretch(sort.0, after.0, before.0);
        let found = api.admin.events_page(filter, order, between, limit.0).await?;
        Ok(Listed::Page(Json(EventPage { items: found.items.iter().map(Event::from).collect(), next: found.next.map(|next| next.0) })))
    }

    /// Exports events
    ///
    /// As lines of JSON, for programs that collect them. The newest come first unless `sort` says otherwise; while the answer has a `Link` to a next
    /// page, there are more. Needs the scope `events:read`.
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
        /// Only newer ones than this one: with `sort=at` what has happened since. An event may be written down a moment after one with a later id has
        /// been: whoever must not miss it asks from some seconds earlier, and passes over the ids that they have.
        after: Query<Option<Uuid>>,
        /// In which order they come: `at_desc` unless it says otherwise.
        sort: Query<Option<EventSort>>,
        /// How many lines the answer has at most.
        #[oai(default = "default_lines", validator(minimum(value = "1"), maximum(value = "5000")))]
        limit: Query<u32>,
    ) -> Result<Exported, Problem> {
        caller.may(AdminScope::EventsRead)?;
        let kind = kind.0.as_deref().map(kind_of).transpose()?;
        let filter = Filter { user: user.map(UserId), object: object.0, kind, since: page::time("since", since.0)? };
        let (order, between) = stretch(sort.0, after.0, before.0);
        let found = api.admin.events_page(filter.clone(), order, between, limit.0).await?;
        let mut lines = String::new();
        for event in &found.items {
            // JSON writes a line break as `\n`: nothing in an event ends the line.
            lines.push_str(&Event::from(event).to_json_string());
            lines.push('\n');
        }
        let link = found.next.map(|last| format!("<?{}>; rel=\"next\"", next_query(&filter, sort.0, between.from(order, last), limit.0)));
        Ok(Exported::Lines(PlainText(lines), link))
    }
}
