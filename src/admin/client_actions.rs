//! What is done to a client beside changing what it is registered with.

use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::body::{Body, OptionalBody};
use super::caller::{AdminScope, Caller};
use super::client_metadata::ClientMetadata;
use super::clients::{Client, NewClient, Shown, id_of, shown};
use super::idempotency::{self, answered, replayed, still_there, still_works};
use super::problem::{ChangeProblem, Problem};
use super::reach::Reach;
use super::{Api, Resource, etag};
use crate::domain::client;
use crate::domain::client_secret::SecretOverlap;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::service::admin::{NewSecret, Outcome};

pub struct ClientActionsApi;

/// A client that could be registered.
#[derive(Debug, Object)]
#[oai(example)]
struct CheckedClient {
    /// What it would be registered with: what was left out has its default.
    metadata: ClientMetadata,
    /// Whether it would be given a secret.
    confidential: bool,
}

/// How a secret is to be replaced.
#[derive(Debug, Default, Object)]
#[oai(example, skip_serializing_if_is_none, deny_unknown_fields)]
struct SecretRotation {
    /// For how many seconds the old secret works beside the new one; 30 days at most. Default: 0, the old one is dead at once.
    overlap: Option<u32>,
}

/// A secret that was just made.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none)]
struct ClientSecret {
    /// The new secret. It is told here and nowhere again.
    client_secret: String,
    /// Until when the old one works beside it; absent if it is dead.
    previous_secret_expires_at: Option<Timestamp>,
}

/// How much ended now; what had ended before is not counted.
#[derive(Debug, Object)]
#[oai(example)]
struct EndedCounts {
    /// Shares of the client in sessions.
    client_sessions: u64,
    refresh_families: u64,
}

impl Example for CheckedClient {
    fn example() -> Self {
        Self { metadata: ClientMetadata::example(), confidential: false }
    }
}

impl From<&NewSecret> for ClientSecret {
    fn from(made: &NewSecret) -> Self {
        Self { client_secret: made.secret.expose().clone(), previous_secret_expires_at: made.previous_expires_at }
    }
}

impl Example for SecretRotation {
    fn example() -> Self {
        Self { overlap: Some(86_400) }
    }
}

impl Example for ClientSecret {
    fn example() -> Self {
        let expires_at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_342_600);
        Self { client_secret: "the-secret-is-shown-here-and-nowhere-again-x".to_owned(), previous_secret_expires_at: Some(expires_at) }
    }
}

impl Example for EndedCounts {
    fn example() -> Self {
        Self { client_sessions: 214, refresh_families: 102 }
    }
}

#[derive(ApiResponse)]
enum Checked {
    /// It could be registered. Nothing was.
    #[oai(status = 200, content_type = "application/json")]
    Client(Json<CheckedClient>),
}

#[derive(ApiResponse)]
enum Rotated {
    /// The new secret.
    #[oai(status = 200, content_type = "application/json")]
    Secret(
        Json<ClientSecret>,
        /// `true` if it was done before, and this is the answer of then.
        #[oai(header = "Idempotent-Replayed")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
enum Ended {
    /// How much ended now.
    #[oai(status = 200, content_type = "application/json")]
    Counts(Json<EndedCounts>),
}

/// Disables or enables a client; one that is so already stays as it is.
async fn set_disabled(caller: &Caller, api: &Api, id: &str, if_match: Option<String>, disabled: bool) -> Result<Shown, ChangeProblem> {
    let (reach, now) = (Reach::of(caller, api), api.core.now());
    let change = move |client: &mut client::Client| {
        etag::check(if_match.as_deref(), &Client::of(client, now))?;
        reach.client(&client.id, &client.metadata)?;
        client.disabled_at = disabled.then(|| client.disabled_at.unwrap_or(now));
        Ok(())
    };
    Ok(shown(&api.admin.acting_as(caller.actor()).try_update_client(&id_of(id)?, change).await?, now))
}

#[OpenApi(tag = "Resource::Clients")]
impl ClientActionsApi {
    /// Checks a registration
    ///
    /// Answers as registering the client would, without registering it. Needs the scope `clients:write`, and every scope of this API that the
    /// client would get; if it would get any, a recent sign-in.
    #[oai(path = "/client-check", method = "post", operation_id = "client_check")]
    async fn check(&self, #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller, api: Data<&Api>, new: Body<NewClient>) -> Result<Checked, ChangeProblem> {
        caller.may(AdminScope::ClientsWrite)?;
        let id = ClientId::parse(&new.0.id).map_err(|error| ChangeProblem::invalid_member("/id", format!("{error}.")))?;
        let metadata = new.0.metadata.parse("/metadata")?;
        ClientMetadata::check(&metadata, &id, "/metadata")?;
        Reach::of(&caller, &api).new_client(&id, &metadata)?;
        api.admin.is_free_for_a_client(&id).await?;
        Ok(Checked::Client(Json(CheckedClient { metadata: ClientMetadata::from(&metadata), confidential: !metadata.is_public() })))
    }

    /// Gives a client a new secret
    ///
    /// The answer tells it once. The old one is dead at once, unless the body says for how long it works beside the new one; one that is older
    /// still is dead in any case, so that there are never more than two. A public client has none (409). Needs the scope `clients:write`, every
    /// scope of this API that the client has, and a recent sign-in.
    #[oai(path = "/clients/:id/secret", method = "post", operation_id = "client_rotate_secret")]
    async fn rotate_secret(
        &self,
        #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
        /// Makes it safe to send the request again: with the same key it is done once, and answered as the first time, for 24 hours. 1 to 255
        /// printable ASCII characters.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        rotation: OptionalBody<SecretRotation>,
    ) -> Result<Rotated, ChangeProblem> {
        caller.may_now(AdminScope::ClientsWrite)?;
        let once = idempotency::once(&api, &caller, "client_rotate_secret", key.0.as_deref(), &[id.0.as_str(), &rotation.0.to_json_string()])?;
        let id = id_of(&id)?;
        let overlap = SecretOverlap::seconds(rotation.0.overlap.unwrap_or_default());
        let overlap = overlap.map_err(|error| ChangeProblem::invalid_member("/overlap", format!("{error}.")))?;
        let (admin, reach) = (api.admin.acting_as(caller.actor()), Reach::of(&caller, &api));
        let allowed = reach.clone();
        let guard = Box::new(move |client: &client::Client| allowed.client(&client.id, &client.metadata));
        let render = |made: &NewSecret| ClientSecret::from(made).to_json_string();
        match admin.once(once, render, |memo| admin.rotate_client_secret_once(&id, overlap, guard, memo)).await? {
            Outcome::Done(made) => Ok(Rotated::Secret(Json(ClientSecret::from(&made)), None)),
            Outcome::Replayed(replay) => {
                let client = still_there("client", Ok(admin.client(&id).await?), |client| client.created_at <= replay.at)?;
                reach.client(&client.id, &client.metadata)?;
                let kept: ClientSecret = answered(&replay)?;
                still_works(&client, &kept.client_secret, api.core.now())?;
                Ok(Rotated::Secret(Json(kept), replayed()))
            }
        }
    }

    /// Ends a client's previous secret
    ///
    /// Only the present one works from here on; if that was so already, nothing changes. Needs the scope `clients:write`, every scope of this API
    /// that the client has, and a recent sign-in.
    #[oai(path = "/clients/:id/secret/end-previous", method = "post", operation_id = "client_end_previous_secret")]
    async fn end_previous_secret(
        &self,
        #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may_now(AdminScope::ClientsWrite)?;
        let reach = Reach::of(&caller, &api);
        let guard = move |client: &client::Client| reach.client(&client.id, &client.metadata);
        let client = api.admin.acting_as(caller.actor()).end_previous_client_secret(&id_of(&id)?, Box::new(guard)).await?;
        Ok(shown(&client, api.core.now()))
    }

    /// Disables a client
    ///
    /// It gets no more tokens, and all that it has ends for good: its share in sessions, its refresh tokens, its access tokens, its codes. Needs the scope
    /// `clients:write`, every scope of this API that the client has, and a recent sign-in.
    #[oai(path = "/clients/:id/disable", method = "post", operation_id = "client_disable")]
    async fn disable(
        &self,
        #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
        /// The `ETag` of the client as it was read: nothing is changed if it is another by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may_now(AdminScope::ClientsWrite)?;
        set_disabled(&caller, &api, &id, if_match.0, true).await
    }

    /// Enables a client
    ///
    /// It may ask for tokens again; what ended with it stays ended. Needs the scope `clients:write`, every scope of this API that the client
    /// has, and a recent sign-in.
    #[oai(path = "/clients/:id/enable", method = "post", operation_id = "client_enable")]
    async fn enable(
        &self,
        #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
        /// The `ETag` of the client as it was read: nothing is changed if it is another by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may_now(AdminScope::ClientsWrite)?;
        set_disabled(&caller, &api, &id, if_match.0, false).await
    }

    /// Ends all that a client has
    ///
    /// Its share in every session, its refresh tokens, its access tokens and the codes that it has not redeemed yet, of every user. The sessions go
    /// on, and the client may ask for tokens again. What a machine got for itself is not of a session, and stays. Needs the scope `sessions:end` and
    /// a recent sign-in.
    #[oai(path = "/clients/:id/sessions/end", method = "post", operation_id = "client_end_sessions")]
    async fn end_sessions(
        &self,
        #[oai(scope = "AdminScope::SessionsEnd")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
    ) -> Result<Ended, Problem> {
        caller.may_now(AdminScope::SessionsEnd)?;
        let ended = api.admin.acting_as(caller.actor()).end_sessions_at(&id_of(&id)?).await?;
        Ok(Ended::Counts(Json(EndedCounts { client_sessions: ended.client_sessions, refresh_families: ended.families })))
    }
}
