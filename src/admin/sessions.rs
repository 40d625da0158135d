//! Sessions: who is signed in where, and ending it.

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::caller::{AdminScope, Caller};
use super::clients::id_in_query;
use super::page::{self, After};
use super::problem::Problem;
use super::refresh_family::{BelowSession, ClientSession, EndedClientSession, RefreshFamily, State};
use super::sort::{Sort, by_time};
use super::{Api, Resource};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ClientId, SessionId, UserId};
use crate::domain::session;
use crate::service::admin::SessionFilter;

pub struct SessionsApi;

/// A browser signed in. One without `ended_at` may still be past the lifetime that is in force; it is then of no use to anybody.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct Session {
    id: Uuid,
    /// Who signed in: the `sub` of the tokens.
    user_id: Uuid,
    /// When it was begun.
    created_at: Timestamp,
    /// When the user last proved who they are.
    auth_time: Timestamp,
    /// When it was last used; written at most once a minute.
    last_used_at: Timestamp,
    /// How the user signed in, as in the claim `acr`.
    acr: String,
    /// Whether the browser keeps it when it is closed; if not, shorter limits count.
    remembered: bool,
    /// What the browser said of itself at sign-in.
    user_agent: Option<String>,
    /// The address the sign-in came from.
    network: Option<String>,
    /// When it was ended; absent while it lives.
    ended_at: Option<Timestamp>,
    /// Why it was ended, such as `logout`, `revoked_by_admin`, `user_disabled`, `password_changed`. More words may come.
    end_reason: Option<String>,
}

/// Sessions in the order they were begun, or the other way round.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct SessionPage {
    items: Vec<Session>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

impl From<session::Session> for Session {
    fn from(session: session::Session) -> Self {
        Self {
            id: session.id.0,
            user_id: session.user_id.0,
            created_at: session.created_at,
            auth_time: session.auth_time,
            last_used_at: session.last_used_at,
            acr: session.acr.as_str().to_owned(),
            remembered: session.remembered,
            user_agent: session.user_agent,
            network: session.network,
            ended_at: session.ended.map(|ended| ended.at),
            end_reason: session.ended.map(|ended| ended.reason.as_str().to_owned()),
        }
    }
}

impl Example for Session {
    fn example() -> Self {
        let begun = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        Self {
            id: Uuid::from_u128(0x019b_78dd_d040_7a10_9f11_5d2f_0a9b_8c7d),
            user_id: Uuid::from_u128(0x0198_c5f2_7d3e_7b52_8c3a_61f0_2e4d_9a18),
            created_at: begun,
            auth_time: begun,
            last_used_at: begun + chrono::TimeDelta::minutes(42),
            acr: "urn:gatekey:acr:pwd".to_owned(),
            remembered: true,
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".to_owned()),
            network: Some("192.0.2.17".to_owned()),
            ended_at: None,
            end_reason: None,
        }
    }
}

impl Example for SessionPage {
    fn example() -> Self {
        let session = Session::example();
        Self { next: Some(page::example(session.id)), items: vec![session] }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of sessions.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<SessionPage>),
}

#[derive(ApiResponse)]
enum Shown {
    /// The session.
    #[oai(status = 200, content_type = "application/json")]
    Session(Json<Session>),
}

#[derive(ApiResponse)]
enum Below {
    /// A page of its applications, with their refresh token families, ended ones too.
    #[oai(status = 200, content_type = "application/json")]
    Session(Json<BelowSession>),
}

#[derive(ApiResponse)]
enum ShareEnded {
    /// The share as it is now, and what ended with it.
    #[oai(status = 200, content_type = "application/json")]
    Share(Json<EndedClientSession>),
}

#[derive(ApiResponse)]
enum Ended {
    /// The session as it is now: ended, by this call or before it.
    #[oai(status = 200, content_type = "application/json")]
    Session(Json<Session>),
}

#[OpenApi(tag = "Resource::Sessions")]
impl SessionsApi {
    /// Lists sessions
    ///
    /// In the order they were begun unless `sort` says otherwise, ended ones too. With `state` a page may hold fewer than `limit` though there is a `next`. Needs the scope
    /// `sessions:read`.
    #[oai(path = "/sessions", method = "get", operation_id = "session_list")]
    #[allow(clippy::too_many_arguments)]
    async fn list(
        &self,
        #[oai(scope = "AdminScope::SessionsRead")] caller: Caller,
        api: Data<&Api>,
        /// Only the sessions of this user.
        user: Query<Option<Uuid>>,
        /// Only sessions in which this client has, or had, a share.
        client: Query<Option<String>>,
        /// Only sessions that have been ended, or have not; with `client` those in which its share has, or has not.
        state: Query<Option<State>>,
        /// Only sessions that come after a place: `next` of the page before, asked for with the same parameters.
        after: After,
        /// How many sessions a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
        /// In which order they come, by when they were begun; one in which the user signed in again keeps its place. Default: `created_at`.
        sort: Query<Option<Sort>>,
    ) -> Result<Listed, Problem> {
        caller.may(AdminScope::SessionsRead)?;
        let client = client.0.map(|client| id_in_query("client", &client)).transpose()?;
        let filter = SessionFilter { user: user.map(UserId), client, state: state.0.map(Into::into) };
        let from = after.place(|place| place.parse::<SessionId>().ok())?;
        let found = api.admin.sessions_page(filter, by_time(sort.0), from, limit.0).await?;
        let items = found.items.into_iter().map(Session::from).collect();
        Ok(Listed::Page(Json(SessionPage { items, next: found.next.map(|next| after.next(next)) })))
    }

    /// Shows a session
    ///
    /// Needs the scope `sessions:read`.
    #[oai(path = "/sessions/:id", method = "get", operation_id = "session_show")]
    async fn show(
        &self,
        #[oai(scope = "AdminScope::SessionsRead")] caller: Caller,
        api: Data<&Api>,
        /// The session.
        id: Path<Uuid>,
    ) -> Result<Shown, Problem> {
        caller.may(AdminScope::SessionsRead)?;
        Ok(Shown::Session(Json(api.admin.session(SessionId(id.0)).await?.into())))
    }

    /// Shows what hangs on a session
    ///
    /// The applications that have or had a share in it, in the order of their ids, and the newest refresh token families of each that were granted
    /// in it. Needs the scope `sessions:read`.
    #[oai(path = "/sessions/:id/clients", method = "get", operation_id = "session_clients")]
    async fn clients(
        &self,
        #[oai(scope = "AdminScope::SessionsRead")] caller: Caller,
        api: Data<&Api>,
        /// The session.
        id: Path<Uuid>,
        /// Only applications after a place: `next` of the page before.
        after: After,
        /// How many applications a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Below, Problem> {
        caller.may(AdminScope::SessionsRead)?;
        let from = after.place(|place| ClientId::parse(place).ok())?;
        let id = api.admin.session(SessionId(id.0)).await?.id;
        let (page, families) = api.admin.below_session(id, from, limit.0).await?;
        let (clients, refresh_families) = (page.items.into_iter().map(ClientSession::from).collect(), families.into_iter().map(RefreshFamily::from).collect());
        Ok(Below::Session(Json(BelowSession { clients, refresh_families, next: page.next.map(|next| after.next(next)) })))
    }

    /// Ends an application's share in a session
    ///
    /// With what it was given there, at once and everywhere: its refresh tokens, `offline_access` or not, its access tokens, and codes that it has
    /// not redeemed yet. The session goes on, for other applications and for this one: it may ask anew, and without the user noticing. Ending it again
    /// is no error. Needs the scope `sessions:end`.
    #[oai(path = "/sessions/:id/clients/:client_id/end", method = "post", operation_id = "session_end_client")]
    async fn end_client(
        &self,
        #[oai(scope = "AdminScope::SessionsEnd")] caller: Caller,
        api: Data<&Api>,
        /// The session.
        id: Path<Uuid>,
        /// The application.
        client_id: Path<String>,
    ) -> Result<ShareEnded, Problem> {
        caller.may(AdminScope::SessionsEnd)?;
        // What cannot be an id has a share in nothing.
        let client = ClientId::parse(&client_id).map_err(|_| Problem::not_found("client session"))?;
        let (share, ended) = api.admin.acting_as(caller.actor()).end_client_session(SessionId(id.0), &client).await?;
        Ok(ShareEnded::Share(Json(EndedClientSession { client_session: share.into(), refresh_families: ended.families })))
    }

    /// Ends a session
    ///
    /// With all that hangs on it, at once and everywhere: applications' sessions, refresh tokens, access tokens, silent renewal.
    /// Ending it again changes nothing and is no error. Needs the scope `sessions:end`.
    #[oai(path = "/sessions/:id/end", method = "post", operation_id = "session_end")]
    async fn end(
        &self,
        #[oai(scope = "AdminScope::SessionsEnd")] caller: Caller,
        api: Data<&Api>,
        /// The session.
        id: Path<Uuid>,
    ) -> Result<Ended, Problem> {
        caller.may(AdminScope::SessionsEnd)?;
        let id = SessionId(id.0);
        api.admin.acting_as(caller.actor()).end_session(id).await?;
        Ok(Ended::Session(Json(api.admin.session(id).await?.into())))
    }
}
