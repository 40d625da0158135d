//! Where the user is signed in, and ending it.

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
use crate::protocol::account::Place;
use crate::service::Core;
use crate::service::account::actions::{Action, carry_out};
use crate::service::account::places::{self, Places};

pub struct SessionsApi;

/// A browser in which the user is signed in.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct Session {
    /// What your application knows it by: the `sid` of its ID tokens from this session. Another application knows it by another one.
    id: String,
    /// Whether it is the one that the access token comes from.
    current: bool,
    /// When it was begun.
    created_at: Timestamp,
    /// When the user last proved who they are in it.
    auth_time: Timestamp,
    /// When it was last used; written at most once a minute.
    last_used_at: Timestamp,
    /// When it ends, however much it is used; absent if never.
    ends_at: Option<Timestamp>,
    /// When it ends if it is not used before; absent if never.
    ends_unused_at: Option<Timestamp>,
    /// Whether the browser keeps it when it is closed.
    remembered: bool,
    /// What the browser said of itself at sign-in. Anybody can say anything there.
    user_agent: Option<String>,
    /// The address the sign-in came from.
    network: Option<String>,
    /// The applications that the user has opened in it, the last used first.
    applications: Vec<NamedApplication>,
}

/// An application, as people know it.
#[derive(Debug, Object)]
#[oai(example)]
pub struct NamedApplication {
    pub client_id: String,
    /// As it is shown when the user signs in to it.
    pub name: String,
}

/// Sessions, the newest first.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct SessionPage {
    items: Vec<Session>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

/// How much was ended.
#[derive(Debug, Object)]
#[oai(example)]
struct EndedElsewhere {
    /// Browsers that were signed in, and are no more.
    sessions: u64,
}

impl Session {
    fn of(place: &Place, found: &Places, caller: &Caller, core: &Core) -> Self {
        let (session, deadlines) = (&place.session, place.deadlines);
        let named = |id| found.clients.get(id).map(|client| NamedApplication { client_id: client.id.to_string(), name: client.metadata.name.clone() });
        Self {
            id: places::sid(core, session.id, caller.client()),
            current: caller.is_here(session.id),
            created_at: session.created_at,
            auth_time: session.auth_time,
            last_used_at: session.last_used_at,
            ends_at: deadlines.absolute,
            ends_unused_at: deadlines.idle,
            remembered: session.remembered,
            user_agent: session.user_agent.clone(),
            network: session.network.clone(),
            applications: place.clients.iter().filter_map(named).collect(),
        }
    }
}

impl Example for Session {
    fn example() -> Self {
        let begun = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        Self {
            id: "mJ0rYxVb3Qd0w5o7LZkT2A".to_owned(),
            current: true,
            created_at: begun,
            auth_time: begun,
            last_used_at: begun + chrono::TimeDelta::minutes(42),
            ends_at: Some(begun + chrono::TimeDelta::days(30)),
            ends_unused_at: Some(begun + chrono::TimeDelta::days(14)),
            remembered: true,
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".to_owned()),
            network: Some("192.0.2.17".to_owned()),
            applications: vec![NamedApplication::example()],
        }
    }
}

impl Example for NamedApplication {
    fn example() -> Self {
        Self { client_id: "notes".to_owned(), name: "Notes".to_owned() }
    }
}

impl Example for SessionPage {
    fn example() -> Self {
        let session = Session::example();
        Self { next: Some(session.id.clone()), items: vec![session] }
    }
}

impl Example for EndedElsewhere {
    fn example() -> Self {
        Self { sessions: 2 }
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
enum Ended {
    /// It has ended, by this call or before it.
    #[oai(status = 204)]
    Gone,
}

#[derive(ApiResponse)]
enum OthersEnded {
    /// What was ended; nothing, if there was no other.
    #[oai(status = 200, content_type = "application/json")]
    Counts(Json<EndedElsewhere>),
}

#[OpenApi(tag = "Resource::Sessions")]
impl SessionsApi {
    /// Lists sessions
    ///
    /// Where the user is signed in, the newest first. What could not be used any more is not there, so a page may hold fewer than `limit` though
    /// there is a `next`. Needs the scope `account:sessions:read`.
    #[oai(path = "/sessions", method = "get", operation_id = "session_list")]
    async fn list(
        &self,
        #[oai(scope = "AccountScope::SessionsRead")] caller: Caller,
        api: Data<&Api>,
        /// Only what comes after this one: `next` of the page before.
        after: Query<Option<String>>,
        /// How many sessions a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Listed, Problem> {
        let user = caller.may(AccountScope::SessionsRead)?;
        let before = match after.0 {
            Some(after) => Some(places::meant(&api.core, user.id, caller.client(), &after).await?.ok_or_else(Problem::no_such_page)?),
            None => None,
        };
        let found = places::list(&api.core, user, before, limit.0).await?;
        let items = found.places.iter().map(|place| Session::of(place, &found, &caller, &api.core)).collect();
        Ok(Listed::Page(Json(SessionPage { items, next: found.next.map(|next| places::sid(&api.core, next, caller.client())) })))
    }

    /// Shows a session
    ///
    /// Needs the scope `account:sessions:read`.
    #[oai(path = "/sessions/:id", method = "get", operation_id = "session_show")]
    async fn show(
        &self,
        #[oai(scope = "AccountScope::SessionsRead")] caller: Caller,
        api: Data<&Api>,
        /// The session.
        id: Path<String>,
    ) -> Result<Shown, Problem> {
        let user = caller.may(AccountScope::SessionsRead)?;
        let meant = places::meant(&api.core, user.id, caller.client(), &id).await?.ok_or_else(|| Problem::not_found("session"))?;
        let found = places::show(&api.core, user, meant).await?;
        let shown = found.as_ref().and_then(|found| found.places.first().map(|place| Session::of(place, found, &caller, &api.core)));
        Ok(Shown::Session(Json(shown.ok_or_else(|| Problem::not_found("session"))?)))
    }

    /// Ends a session
    ///
    /// With all that hangs on it, at once and everywhere: applications' sessions, refresh tokens, access tokens, silent renewal. Ending it again
    /// changes nothing and is no error. Needs the scope `account:sessions:end`, and a recent sign-in unless it is the session that the
    /// access token comes from.
    #[oai(path = "/sessions/:id/end", method = "post", operation_id = "session_end")]
    async fn end(
        &self,
        #[oai(scope = "AccountScope::SessionsEnd")] caller: Caller,
        api: Data<&Api>,
        /// The session.
        id: Path<String>,
    ) -> Result<Ended, Problem> {
        let user = caller.may(AccountScope::SessionsEnd)?;
        let meant = places::meant(&api.core, user.id, caller.client(), &id).await?;
        // Signing out of where one is asks for nothing, as at the sign-out page.
        let here = match meant {
            Some(id) if caller.is_here(id) => id,
            _ => caller.may_now(AccountScope::SessionsEnd)?.1.id,
        };
        let id = meant.ok_or_else(|| Problem::not_found("session"))?;
        let ended = carry_out(&api.core, user.id, here, &Action::EndSession(id), &caller.by()).await?;
        ended.map(|_| Ended::Gone).ok_or_else(|| Problem::not_found("session"))
    }

    /// Ends all other sessions
    ///
    /// But for the one that the access token comes from, every session of the user ends with all that hangs on it, and every refresh token
    /// that was not given in this one, those with `offline_access` included. Needs the scope `account:sessions:end` and a recent sign-in.
    #[oai(path = "/sessions/end-others", method = "post", operation_id = "session_end_others")]
    async fn end_others(&self, #[oai(scope = "AccountScope::SessionsEnd")] caller: Caller, api: Data<&Api>) -> Result<OthersEnded, Problem> {
        let (user, here) = caller.may_now(AccountScope::SessionsEnd)?;
        let ended = carry_out(&api.core, user.id, here.id, &Action::EndOthers, &caller.by()).await?;
        Ok(OthersEnded::Counts(Json(EndedElsewhere { sessions: ended.unwrap_or_default().sessions })))
    }
}
