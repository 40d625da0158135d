//! Refresh token families: listed, looked at, ended.

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::caller::{AdminScope, Caller};
use super::clients::id_in_query;
use super::event::Event;
use super::page::{self, After};
use super::problem::Problem;
use super::refresh_family::{RefreshFamily, State};
use super::sort::{Sort, by_time};
use super::{Api, Resource};
use crate::domain::id::{GrantId, SessionId, UserId};
use crate::service::admin::EventFilter as Filter;
use crate::service::admin::FamilyFilter;

pub struct RefreshFamiliesApi;

/// How many events are told of one family.
const EVENTS: u32 = 50;

/// Refresh token families in the order they were made, or the other way round.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct RefreshFamilyPage {
    items: Vec<RefreshFamily>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

/// A refresh token family, and what happened to it.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct ExaminedRefreshFamily {
    family: RefreshFamily,
    /// The events about it, the newest first, fifty at most; absent for a caller without the scope `events:read`.
    events: Option<Vec<Event>>,
}

impl Example for RefreshFamilyPage {
    fn example() -> Self {
        let family = RefreshFamily::example();
        Self { next: Some(page::example(family.id)), items: vec![family] }
    }
}

impl Example for ExaminedRefreshFamily {
    fn example() -> Self {
        Self { family: RefreshFamily::example(), events: Some(vec![Event::example()]) }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of refresh token families.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<RefreshFamilyPage>),
}

#[derive(ApiResponse)]
enum Shown {
    /// The family.
    #[oai(status = 200, content_type = "application/json")]
    Family(Json<ExaminedRefreshFamily>),
}

#[derive(ApiResponse)]
enum Ended {
    /// The family as it is now: ended, by this call or before it.
    #[oai(status = 200, content_type = "application/json")]
    Family(Json<RefreshFamily>),
}

#[OpenApi(tag = "Resource::RefreshFamilies")]
impl RefreshFamiliesApi {
    /// Lists refresh token families
    ///
    /// In the order they were made unless `sort` says otherwise, ended ones too. With `state` a page may hold fewer than `limit` though there is a `next`. Needs the scope
    /// `sessions:read`.
    #[oai(path = "/refresh-families", method = "get", operation_id = "refresh_family_list")]
    #[allow(clippy::too_many_arguments)]
    async fn list(
        &self,
        #[oai(scope = "AdminScope::SessionsRead")] caller: Caller,
        api: Data<&Api>,
        /// Only those of this user.
        user: Query<Option<Uuid>>,
        /// Only those of this client.
        client: Query<Option<String>>,
        /// Only those that were granted in this session.
        session: Query<Option<Uuid>>,
        /// Only those that have been ended, or have not.
        state: Query<Option<State>>,
        /// Only families that come after a place: `next` of the page before, asked for with the same parameters.
        after: After,
        /// How many families a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
        /// In which order they come. Default: `created_at`.
        sort: Query<Option<Sort>>,
    ) -> Result<Listed, Problem> {
        caller.may(AdminScope::SessionsRead)?;
        let client = client.0.map(|client| id_in_query("client", &client)).transpose()?;
        let filter = FamilyFilter { user: user.map(UserId), client, session: session.map(SessionId), state: state.0.map(Into::into) };
        let from = after.place(|place| place.parse::<GrantId>().ok())?;
        let found = api.admin.refresh_families(filter, by_time(sort.0), from, limit.0).await?;
        let items = found.items.into_iter().map(RefreshFamily::from).collect();
        Ok(Listed::Page(Json(RefreshFamilyPage { items, next: found.next.map(|next| after.next(next)) })))
    }

    /// Shows a refresh token family
    ///
    /// With what happened to it. Needs the scope `sessions:read`.
    #[oai(path = "/refresh-families/:id", method = "get", operation_id = "refresh_family_show")]
    async fn show(
        &self,
        #[oai(scope = "AdminScope::SessionsRead")] caller: Caller,
        api: Data<&Api>,
        /// The family.
        id: Path<Uuid>,
    ) -> Result<Shown, Problem> {
        caller.may(AdminScope::SessionsRead)?;
        let family = RefreshFamily::from(api.admin.refresh_family(GrantId(id.0)).await?);
        let events = if caller.may(AdminScope::EventsRead).is_ok() {
            let about = Filter { object: Some(family.id.to_string()), ..Filter::default() };
            Some(api.admin.events(about, None, EVENTS).await?.iter().map(Event::from).collect())
        } else {
            None
        };
        Ok(Shown::Family(Json(ExaminedRefreshFamily { family, events })))
    }

    /// Ends a refresh token family
    ///
    /// With the access tokens that came of it, at once and everywhere. The session and its other applications go on. Ending it again changes
    /// nothing and is no error. Needs the scope `sessions:end`.
    #[oai(path = "/refresh-families/:id/end", method = "post", operation_id = "refresh_family_end")]
    async fn end(
        &self,
        #[oai(scope = "AdminScope::SessionsEnd")] caller: Caller,
        api: Data<&Api>,
        /// The family.
        id: Path<Uuid>,
    ) -> Result<Ended, Problem> {
        caller.may(AdminScope::SessionsEnd)?;
        let id = GrantId(id.0);
        api.admin.acting_as(caller.actor()).end_refresh_family(id).await?;
        Ok(Ended::Family(Json(api.admin.refresh_family(id).await?.into())))
    }
}
