//! The admin API, `{issuer}admin/api/v1`: JSON for programs and for the console, described by `openapi/gatekey-admin.json`.
//!
//! One resource a file; each operation is extract → `service::admin` → render. Who may is decided in [`caller`], and every
//! error is a [`problem`]. This is the only place that names poem-openapi, so the account API, which is made of the same parts, is in
//! [`account`].

pub mod account;
mod body;
mod caller;
mod client_actions;
mod client_metadata;
mod clients;
mod consents;
mod described;
mod document;
mod etag;
mod event;
mod events;
mod groups;
mod idempotency;
mod keys;
mod lifetime_answers;
mod lifetime_rule;
mod lifetimes;
mod limits;
mod misfit;
mod page;
mod password_reset;
mod problem;
mod query;
mod reach;
mod refresh_families;
mod refresh_family;
mod sent;
mod server;
mod sessions;
mod settings;
mod sort;
mod statistics;
mod user_acts;
mod user_profile;
mod users;

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Endpoint, EndpointExt, IntoResponse, Response};
use poem_openapi::error::AuthorizationError;
use poem_openapi::{OAuthScopes, OpenApiService, ServerObject, Tags};

use described::Described;
use problem::Words;

use crate::service::Core;
use crate::service::admin::Admin;

/// Where the API is, below the issuer.
pub const PATH: &str = "/admin/api/v1";

/// What the operations share; in the data of every request.
#[derive(Clone)]
struct Api {
    core: Arc<Core>,
    admin: Arc<Admin>,
}

#[derive(Tags)]
enum Resource {
    /// This server.
    Server,
    /// The people who sign in. Nobody reads or sets a password here: a user gets in by a link.
    Users,
    /// Groups of users. A group is a name, by which lifetime rules may be for those in it; it gives no power.
    Groups,
    /// The applications that ask for tokens.
    Clients,
    /// Who is signed in where. A session is one browser signed in; ending it ends every application's share in it and every
    /// token that hangs on it, at once and everywhere.
    Sessions,
    /// Refresh tokens, by the chain they belong to. Each is the descendant of one authorization code.
    #[oai(rename = "Refresh token families")]
    RefreshFamilies,
    /// The keys that sign tokens.
    Keys,
    /// What happened, by whom and to what.
    Events,
    /// What may change while the server runs. What the settings file names is the file's.
    Settings,
    /// How long things last, for whom, and why. For each limit the most specific rule that speaks of it wins.
    #[oai(rename = "Lifetime policy")]
    LifetimePolicy,
}

const DESCRIPTION: &str = "\
Administers a Gatekey issuer.

**Who may call.** Every operation takes an access token of this issuer in the `Authorization` header. Its audience must be \
`urn:gatekey:admin` (ask for it with the parameter `resource`) and its scope must name what the operation says. It belongs either \
to a machine (the grant `client_credentials`) or to a user who is an administrator. A token dies with the session it came from.

**Errors** are `application/problem+json` (RFC 9457). Programs tell them apart by `type`, which never changes; `detail` is for people.

**Retries.** Where an operation takes `Idempotency-Key`, sending the request again with the same key does nothing twice and is answered as \
it was, for 24 hours.

**Parameters** of a query are those that the operation names, each once: another one, or one that comes twice, is refused (400 \
`request-malformed`), so that no slip of the pen lists or does something else.

**Lists** come in pages: pass `next` of one page as `after`, with the same other parameters, to get the one that follows; the last page has no \
`next`. What `next` holds is nobody's business but the server's; with other parameters than those of its page, but for `limit`, it is refused. \
Only events go by their ids, which are places in time, whatever else is asked for.

**Times** are RFC 3339, in UTC.";

type Operations = (
    (server::ServerApi, statistics::StatisticsApi, settings::SettingsApi),
    (users::UsersApi, user_acts::UserActsApi, password_reset::PasswordResetApi, groups::GroupsApi, consents::ConsentsApi),
    (clients::ClientsApi, client_actions::ClientActionsApi),
    sessions::SessionsApi,
    refresh_families::RefreshFamiliesApi,
    lifetimes::LifetimesApi,
    keys::KeysApi,
    events::EventsApi,
);

fn service() -> OpenApiService<Operations, ()> {
    let operations: Operations = (
        (server::ServerApi, statistics::StatisticsApi, settings::SettingsApi),
        (users::UsersApi, user_acts::UserActsApi, password_reset::PasswordResetApi, groups::GroupsApi, consents::ConsentsApi),
        (clients::ClientsApi, client_actions::ClientActionsApi),
        sessions::SessionsApi,
        refresh_families::RefreshFamiliesApi,
        lifetimes::LifetimesApi,
        keys::KeysApi,
        events::EventsApi,
    );
    OpenApiService::new(operations, "Gatekey admin API", env!("CARGO_PKG_VERSION")).description(DESCRIPTION).license("MIT OR Apache-2.0").server(
        ServerObject::new("{issuer}admin/api/v1").description("The API of an issuer").variable(
            "issuer",
            "The issuer as in its metadata; it ends with a slash",
            "http://localhost:8080/",
        ),
    )
}

/// The OpenAPI document: pretty, in an order that does not change, with a newline at its end.
pub fn document() -> String {
    document::for_generators(service().spec())
}

/// The words that a token's scope may have here.
pub fn scopes() -> Vec<&'static str> {
    caller::AdminScope::meta().into_iter().map(|scope| scope.name).collect()
}

/// Every operation, with paths below [`PATH`].
pub fn routes(core: Arc<Core>, admin: Arc<Admin>) -> BoxEndpoint<'static, Response> {
    let (operations, described) = (service(), Described::of(service));
    let operations = operations.data(Api { core, admin }).data(described.clone());
    operations.around(move |operations, request| answer(operations, request, described.clone(), problem::ADMIN)).boxed()
}

/// A request that was refused before it was read.
pub fn refused(status: StatusCode, detail: String) -> Response {
    kept_by_nobody(problem::of_status(status, "request-malformed", detail))
}

/// A header that says when to do nothing, and is no text. To the framework it would be none: the request would be done without its key, or whatever
/// the state is by now.
fn garbled_condition(headers: &HeaderMap) -> Option<&'static str> {
    ["Idempotency-Key", "If-Match"].into_iter().find(|name| headers.get_all(*name).iter().any(|value| value.to_str().is_err()))
}

/// Whatever happened is an answer a program understands, and nobody keeps it.
async fn answer<E: Endpoint<Output = Response>>(operations: Arc<E>, mut request: poem::Request, described: Described, words: Words) -> poem::Result<Response> {
    let scheme = sent::scheme(&mut request);
    // The framework takes a token that is no text for none.
    let garbled = scheme.is_some() && request.headers().get(header::AUTHORIZATION).is_some_and(|value| value.to_str().is_err());
    if let Some(name) = garbled_condition(request.headers()) {
        let detail = format!("The header `{name}` is malformed: it holds other characters than printable ASCII.");
        return Ok(kept_by_nobody(problem::Problem::malformed(detail).into_response()));
    }
    let path = request.uri().path().to_owned();
    let mut response = match operations.call(request).await {
        Ok(response) => response,
        Err(error) if garbled && error.is::<AuthorizationError>() => problem::Problem::token_invalid(words.audience).into_response(),
        Err(error) => problem::of_error(error, words, described.types()),
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(methods) = described.allow(&path).and_then(|methods| HeaderValue::from_str(methods).ok())
    {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    sent::challenge(scheme, &mut response);
    Ok(kept_by_nobody(response))
}

fn kept_by_nobody(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
