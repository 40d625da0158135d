//! Which applications have access, and withdrawing it.

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::{AccountScope, Caller};
use super::problem::Problem;
use super::{Api, Resource};
use crate::admin::page;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::protocol::account::Access;
use crate::service::account::actions::{Action, carry_out};
use crate::service::account::overview;

pub struct ApplicationsApi;

/// An application that can do something in the user's name.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct Application {
    client_id: String,
    /// As it is shown when the user signs in to it.
    name: String,
    /// Whether it is the issuer's own operator's: such a one asks for no consent, and is here while it is in use.
    first_party: bool,
    /// What it may do: words with a space between.
    scope: String,
    /// Whether it may also while the user is away.
    offline: bool,
    /// When the user last allowed it; of one that asks for no consent, since when it is in use.
    since: Timestamp,
    /// When it was last used; absent if nothing that it was given is in use.
    last_used_at: Option<Timestamp>,
}

/// Applications, in the order of their ids.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct ApplicationPage {
    items: Vec<Application>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

impl Application {
    fn of(access: Access, found: &overview::Overview) -> Option<Self> {
        let metadata = &found.clients.get(&access.client_id)?.metadata;
        Some(Self {
            client_id: access.client_id.to_string(),
            name: metadata.name.clone(),
            first_party: metadata.first_party,
            scope: access.scope.to_string(),
            offline: access.offline,
            since: access.since,
            last_used_at: access.last_used_at,
        })
    }
}

impl Example for Application {
    fn example() -> Self {
        let since = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        Self {
            client_id: "notes".to_owned(),
            name: "Notes".to_owned(),
            first_party: false,
            scope: "offline_access openid profile".to_owned(),
            offline: true,
            since,
            last_used_at: Some(since + chrono::TimeDelta::days(3)),
        }
    }
}

impl Example for ApplicationPage {
    fn example() -> Self {
        Self { items: vec![Application::example()], next: Some("notes".to_owned()) }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of applications.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<ApplicationPage>),
}

#[derive(ApiResponse)]
enum Withdrawn {
    /// It has no access any more.
    #[oai(status = 204)]
    Gone,
}

#[OpenApi(tag = "Resource::Applications")]
impl ApplicationsApi {
    /// Lists applications that have access
    ///
    /// Those that the user has allowed something, and the issuer's own while they are in use. Needs the scope `account:applications:read`.
    #[oai(path = "/applications", method = "get", operation_id = "application_list")]
    async fn list(
        &self,
        #[oai(scope = "AccountScope::ApplicationsRead")] caller: Caller,
        api: Data<&Api>,
        /// Only those whose id comes after this one: `next` of the page before.
        after: Query<Option<String>>,
        /// How many applications a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Listed, Problem> {
        let user = caller.may(AccountScope::ApplicationsRead)?;
        let after = after.0.map(|after| ClientId::parse(&after).map_err(|_| Problem::no_such_page())).transpose()?;
        let mut found = overview::load(&api.core, user, None, None).await?;
        let mut all: Vec<Access> =
            std::mem::take(&mut found.accesses).into_iter().filter(|access| after.as_ref().is_none_or(|after| access.client_id > *after)).collect();
        all.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        let (all, next) = page::cut(all, limit.0, |access| access.client_id.to_string());
        let items = all.into_iter().filter_map(|access| Application::of(access, &found)).collect();
        Ok(Listed::Page(Json(ApplicationPage { items, next })))
    }

    /// Withdraws the access of an application
    ///
    /// It has to ask the user again, and all that it was given ends at once, in every session and while the user is away: its own share of
    /// sessions, refresh tokens, access tokens. One of the issuer's own asks for no consent, and may be opened again. Needs the scope
    /// `account:applications:withdraw` and a recent sign-in.
    #[oai(path = "/applications/:client_id", method = "delete", operation_id = "application_withdraw")]
    async fn withdraw(
        &self,
        #[oai(scope = "AccountScope::ApplicationsWithdraw")] caller: Caller,
        api: Data<&Api>,
        /// The application.
        client_id: Path<String>,
    ) -> Result<Withdrawn, Problem> {
        let (user, here) = caller.may_now(AccountScope::ApplicationsWithdraw)?;
        // What cannot be an id is nobody's.
        let client = ClientId::parse(&client_id).map_err(|_| Problem::not_found("application"))?;
        let ended = carry_out(&api.core, user.id, here.id, &Action::Withdraw(client), &caller.by()).await?;
        ended.map(|_| Withdrawn::Gone).ok_or_else(|| Problem::not_found("application"))
    }
}
