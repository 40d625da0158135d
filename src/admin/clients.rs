//! Clients: the applications that ask for tokens.

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::{Example, ToJSON};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::body::Body;
use super::caller::{AdminScope, Caller};
use super::client_metadata::ClientMetadata;
use super::idempotency::{self, answered, replayed, still_there};
use super::page::{self, After};
use super::problem::{ChangeProblem, Problem};
use super::reach::Reach;
use super::sort::{ClientOrder, ClientSort, client_mark, client_marked};
use super::{Api, Resource, etag};
use crate::domain::client;
use crate::domain::clock::Timestamp;
use crate::domain::id::ClientId;
use crate::service::admin::listed::State;
use crate::service::admin::{ClientFilter, NewClient as Registration, Outcome, Registered};

pub struct ClientsApi;

/// A client: an application that asks for tokens.
#[derive(Debug, Object)]
#[oai(rename = "OAuthClient", example, skip_serializing_if_is_none)]
pub struct Client {
    /// The `client_id`.
    id: String,
    metadata: ClientMetadata,
    /// Until when the secret before the present one works beside it; absent if none does.
    previous_secret_expires_at: Option<Timestamp>,
    /// When it was disabled; absent while it may ask for tokens.
    disabled_at: Option<Timestamp>,
    /// Whether it is declared in the settings file, which wins at each start.
    managed_by_file: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Whether a client may ask for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum ClientState {
    Active,
    /// Locked out, by `client_disable`.
    Disabled,
}

impl From<ClientState> for State {
    fn from(state: ClientState) -> Self {
        match state {
            ClientState::Active => Self::Live,
            ClientState::Disabled => Self::Ended,
        }
    }
}

/// Clients in the order of their ids, or the one that was asked for.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct ClientPage {
    items: Vec<Client>,
    /// What to pass as `after` for the next page; absent on the last one.
    next: Option<String>,
}

/// A client to be registered.
#[derive(Debug, Object)]
#[oai(rename = "NewOAuthClient", example, skip_serializing_if_is_none, deny_unknown_fields)]
pub struct NewClient {
    /// The `client_id`: 1 to 128 letters, digits or the signs `-._~:@/`, and no UUID.
    #[oai(validator(min_length = 1, max_length = 128))]
    pub id: String,
    pub metadata: ClientMetadata,
}

/// A client that was just registered.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct RegisteredClient {
    client: Client,
    /// The secret of a confidential client. It is told here and nowhere again.
    client_secret: Option<String>,
}

impl Client {
    /// As it is at `now`.
    pub fn of(client: &client::Client, now: Timestamp) -> Self {
        Self {
            id: client.id.as_str().to_owned(),
            metadata: ClientMetadata::from(&client.metadata),
            previous_secret_expires_at: client.live_previous_secret(now).map(|previous| previous.expires_at),
            disabled_at: client.disabled_at,
            managed_by_file: client.managed_by_file,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

impl From<&Registered> for RegisteredClient {
    fn from((client, secret): &Registered) -> Self {
        Self { client: Client::of(client, client.created_at), client_secret: secret.as_ref().map(|secret| secret.expose().clone()) }
    }
}

impl Example for Client {
    fn example() -> Self {
        let created = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200);
        let metadata = ClientMetadata::example();
        Self {
            id: "notes".to_owned(),
            metadata,
            previous_secret_expires_at: None,
            disabled_at: None,
            managed_by_file: false,
            created_at: created,
            updated_at: created,
        }
    }
}

impl Example for ClientPage {
    fn example() -> Self {
        Self { items: vec![Client::example()], next: Some(page::example("notes")) }
    }
}

impl Example for NewClient {
    fn example() -> Self {
        Self { id: "notes".to_owned(), metadata: ClientMetadata::example() }
    }
}

impl Example for RegisteredClient {
    fn example() -> Self {
        Self { client: Client::example(), client_secret: None }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of clients.
    #[oai(status = 200, content_type = "application/json")]
    Page(Json<ClientPage>),
}

#[derive(ApiResponse)]
pub enum Shown {
    /// The client.
    #[oai(status = 200, content_type = "application/json")]
    Client(
        Json<Client>,
        /// What to send as `If-Match` with a change (RFC 9110 §8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Created {
    /// The client, and its secret if it has one.
    #[oai(status = 201, content_type = "application/json")]
    Client(
        Json<RegisteredClient>,
        /// Of the client.
        #[oai(header = "ETag")]
        String,
        /// `true` if it was done before, and this is the answer of then.
        #[oai(header = "Idempotent-Replayed")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone.
    #[oai(status = 204)]
    Gone,
}

pub fn shown(client: &client::Client, now: Timestamp) -> Shown {
    let client = Client::of(client, now);
    let tag = etag::of(&client);
    Shown::Client(Json(client), tag)
}

pub fn id_of(path: &str) -> Result<ClientId, Problem> {
    // What cannot be an id is nobody's.
    ClientId::parse(path).map_err(|_| Problem::not_found("client"))
}

/// The id of a client in a parameter of this name.
pub fn id_in_query(name: &str, text: &str) -> Result<ClientId, Problem> {
    ClientId::parse(text).map_err(|error| Problem::malformed(format!("The parameter `{name}` is malformed: {error}.")))
}

#[OpenApi(tag = "Resource::Clients")]
impl ClientsApi {
    /// Lists clients
    ///
    /// In the order of their ids unless `sort` says otherwise. Needs the scope `clients:read`.
    #[oai(path = "/clients", method = "get", operation_id = "client_list")]
    #[allow(clippy::too_many_arguments)]
    async fn list(
        &self,
        #[oai(scope = "AdminScope::ClientsRead")] caller: Caller,
        api: Data<&Api>,
        /// Only clients that come after a place: `next` of the page before, asked for with the same parameters.
        after: After,
        /// How many clients a page holds at most. With `search` or `state` a page looks at 500 at most, so that none takes longer than another: it may
        /// hold fewer, or none, though there is a next page.
        #[oai(default = "page::default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u32>,
        /// Only clients with this in their id or their name. The case of letters does not matter.
        #[oai(validator(max_length = 254))]
        search: Query<Option<String>>,
        /// Only clients that may ask for tokens, or only those that were disabled.
        state: Query<Option<ClientState>>,
        /// In which order they come. Default: `id`.
        sort: Query<Option<ClientSort>>,
    ) -> Result<Listed, Problem> {
        caller.may(AdminScope::ClientsRead)?;
        let search = search.0.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let filter = ClientFilter::of(search, state.0.map(State::from));
        let (found, next) = match ClientOrder::from(sort.0) {
            ClientOrder::Id(order) => {
                let from = after.place(|place| ClientId::parse(place).ok())?;
                let found = api.admin.clients_by_id(filter, order, from, limit.0).await?;
                (found.items, found.next.map(|next| after.next(next)))
            }
            ClientOrder::Time(order) => {
                let from = after.place(client_marked)?;
                let found = api.admin.clients_by_time(filter, order, from, limit.0).await?;
                (found.items, found.next.as_ref().map(|next| after.next(client_mark(next))))
            }
        };
        let now = api.core.now();
        Ok(Listed::Page(Json(ClientPage { items: found.iter().map(|client| Client::of(client, now)).collect(), next })))
    }

    /// Registers a client
    ///
    /// A confidential client is given a secret, which the answer tells once. Needs the scope `clients:write`; a client that may get tokens
    /// for this API, or that the settings file declares as one (at the next start it is), needs the caller to have every scope that it is given, and a
    /// recent sign-in. `lifetimes` takes the scope `lifetimes:write` and a recent sign-in too.
    #[oai(path = "/clients", method = "post", operation_id = "client_create")]
    async fn create(
        &self,
        #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller,
        api: Data<&Api>,
        /// Makes it safe to send the request again: with the same key it is done once, and answered as the first time, for 24 hours. 1 to 255
        /// printable ASCII characters.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        new: Body<NewClient>,
    ) -> Result<Created, ChangeProblem> {
        caller.may(AdminScope::ClientsWrite)?;
        let once = idempotency::once(&api, &caller, "client_create", key.0.as_deref(), &[&new.0.to_json_string()])?;
        let id = ClientId::parse(&new.0.id).map_err(|error| ChangeProblem::invalid_member("/id", format!("{error}.")))?;
        let metadata = new.0.metadata.parse("/metadata")?;
        ClientMetadata::check(&metadata, &id, "/metadata")?;
        let reach = Reach::of(&caller, &api);
        reach.new_client(&id, &metadata)?;
        let (admin, new) = (api.admin.acting_as(caller.actor()), Registration { id: id.clone(), metadata });
        let render = |registered: &Registered| RegisteredClient::from(registered).to_json_string();
        let (registered, again) = match admin.once(once, render, |memo| admin.create_client_once(new, memo)).await? {
            Outcome::Done(registered) => (RegisteredClient::from(&registered), None),
            Outcome::Replayed(replay) => {
                let there = still_there("client", admin.client(&id).await, |client| client.created_at <= replay.at)?;
                reach.new_client(&id, &there.metadata)?;
                let kept: RegisteredClient = answered(&replay)?;
                if let Some(secret) = &kept.client_secret {
                    idempotency::still_works(&there, secret, api.core.now())?;
                }
                (kept, replayed())
            }
        };
        let tag = etag::of(&registered.client);
        Ok(Created::Client(Json(registered), tag, again))
    }

    /// Shows a client
    ///
    /// Needs the scope `clients:read`.
    #[oai(path = "/clients/:id", method = "get", operation_id = "client_show")]
    async fn show(
        &self,
        #[oai(scope = "AdminScope::ClientsRead")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
    ) -> Result<Shown, Problem> {
        caller.may(AdminScope::ClientsRead)?;
        Ok(shown(&api.admin.client(&id_of(&id)?).await?, api.core.now()))
    }

    /// Replaces what a client is registered with
    ///
    /// As a whole: what the body leaves out has the default of the kind again. Running sessions are judged by it from their next use on.
    /// Needs the scope `clients:write`, and every scope of this API that the client has or would get, where what the settings file gives it counts as held; if that is any, a recent sign-in, as
    /// it does if the client loses its secret, or if a first-party one gets other addresses. Another `lifetimes` takes the scope `lifetimes:write` and a recent sign-in too.
    #[oai(path = "/clients/:id", method = "put", operation_id = "client_replace")]
    async fn replace(
        &self,
        #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
        /// The `ETag` of the client as it was read: nothing is changed if it is another by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        metadata: Body<ClientMetadata>,
    ) -> Result<Shown, ChangeProblem> {
        caller.may(AdminScope::ClientsWrite)?;
        let id = id_of(&id)?;
        let metadata = metadata.0.parse("")?;
        ClientMetadata::check(&metadata, &id, "")?;
        let (reach, now) = (Reach::of(&caller, &api), api.core.now());
        let change = move |client: &mut client::Client| {
            etag::check(if_match.0.as_deref(), &Client::of(client, now))?;
            reach.replaced_client(client, &metadata)?;
            client.metadata = metadata;
            Ok(())
        };
        Ok(shown(&api.admin.acting_as(caller.actor()).try_update_client(&id, change).await?, now))
    }

    /// Deletes a client
    ///
    /// With its refresh tokens, its share in sessions, the consents given to it and the lifetime rules for it. Needs the scope
    /// `clients:write`, every scope of this API that the client has, by its registration or by what the settings file gives, and a recent sign-in.
    #[oai(path = "/clients/:id", method = "delete", operation_id = "client_delete")]
    async fn delete(
        &self,
        #[oai(scope = "AdminScope::ClientsWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `client_id`.
        id: Path<String>,
        /// The `ETag` of the client as it was read: nothing is deleted if it is another by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ChangeProblem> {
        caller.may_now(AdminScope::ClientsWrite)?;
        let (reach, now) = (Reach::of(&caller, &api), api.core.now());
        let guard = move |client: &client::Client| {
            etag::check(if_match.0.as_deref(), &Client::of(client, now))?;
            reach.client(&client.id, &client.metadata)
        };
        api.admin.acting_as(caller.actor()).delete_client_if(&id_of(&id)?, Box::new(guard)).await?;
        Ok(Deleted::Gone)
    }
}
