//! What happened to the account.

use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::caller::{AccountScope, Caller};
use super::problem::Problem;
use super::sessions::NamedApplication;
use super::{Api, Resource};
use crate::admin::page;
use crate::domain::clock::Timestamp;
use crate::domain::event::EventKind;
use crate::domain::id::EventId;
use crate::protocol::account::{Happened, Who};
use crate::service::Core;
use crate::service::account::activity::{self, Activity};
use crate::service::account::places;

pub struct ActivityApi;

/// Something that happened to the account.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct AccountEvent {
    /// The order of ids is the order of time.
    id: Uuid,
    at: Timestamp,
    /// What happened: `login.succeeded`, `session.ended`, `session.revoked`, `grant.ended` and `grant.revoked` (what an application had while
    /// the user was away), `refresh.reuse_detected` (an old refresh token came back: somebody may have copied it), `code.replayed`,
    /// `consent.granted`, `consent.withdrawn`, `user.password_set`. More words may come.
    kind: String,
    /// Who did it: `user`, `application`, `administrator`, `reset_link`, which is whoever had the link of a password reset, or `server`, because time
    /// passed or because of what it found. More words may come.
    by: String,
    /// The application that it was about, or that did it.
    application: Option<NamedApplication>,
    /// The session that it was about, as in the list of sessions.
    session: Option<String>,
    /// The address the request came from, of what the user or an application did.
    network: Option<String>,
    /// Why something ended, such as `logout`, `expired_idle`, `revoked_by_user`, `password_changed`, `reuse_detected`. More words may come.
    reason: Option<String>,
}

/// What happened, the newest first.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct ActivityPage {
    items: Vec<AccountEvent>,
    /// What to pass as `after` for the next page, of older ones; absent on the last one.
    next: Option<Uuid>,
}

impl AccountEvent {
    fn of(happened: &Happened, found: &Activity, caller: &Caller, core: &Core) -> Self {
        // The application may be gone; it had an id.
        let application = happened.application.as_ref().map(|id| NamedApplication {
            client_id: id.to_string(),
            name: found.clients.get(id).map_or_else(|| id.to_string(), |client| client.metadata.name.clone()),
        });
        Self {
            id: happened.id.0,
            at: happened.at,
            kind: happened.kind.as_str().to_owned(),
            by: happened.by.as_str().to_owned(),
            application,
            session: happened.session.map(|session| places::sid(core, session, caller.client())),
            network: happened.network.clone(),
            reason: happened.reason.clone(),
        }
    }
}

impl Example for AccountEvent {
    fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x019b_78f4_22c0_7d10_9c2e_4e6a_1f5b_7a09),
            at: Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200),
            kind: EventKind::LoginSucceeded.as_str().to_owned(),
            by: Who::User.as_str().to_owned(),
            application: Some(NamedApplication::example()),
            session: Some("mJ0rYxVb3Qd0w5o7LZkT2A".to_owned()),
            network: Some("192.0.2.17".to_owned()),
            reason: None,
        }
    }
}

impl Example for ActivityPage {
    fn example() -> Self {
        let event = AccountEvent::example();
        Self { next: Some(event.id), items: vec![event] }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of what happened.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<ActivityPage>),
}

#[OpenApi(tag = "Resource::Activity")]
impl ActivityApi {
    /// Lists what happened
    ///
    /// Sign-ins, ends of sessions, access given and withdrawn, new passwords, and old refresh tokens that came back: the newest first, as far
    /// back as the issuer keeps its audit trail. Needs the scope `account:activity:read`.
    #[oai(path = "/activity", method = "get", operation_id = "activity_list")]
    async fn list(
        &self,
        #[oai(scope = "AccountScope::ActivityRead")] caller: Caller,
        api: Data<&Api>,
        /// Only what comes after this one: `next` of the page before.
        after: Query<Option<Uuid>>,
        /// How many a page holds at most.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
    ) -> Result<Listed, Problem> {
        let user = caller.may(AccountScope::ActivityRead)?;
        let found = activity::list(&api.core, user.id, after.map(EventId), limit.0).await?;
        let items = found.happened.iter().map(|happened| AccountEvent::of(happened, &found, &caller, &api.core)).collect();
        Ok(Listed::Page(Json(ActivityPage { items, next: found.next.map(|next| next.0) })))
    }
}
