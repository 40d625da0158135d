//! The account API, `{issuer}account/api/v1`: what signed-in users may do with their own things, for an application's own account page;
//! described by `openapi/gatekey-account.json`.
//!
//! Whose things they are is said by the access token and by nothing else: no operation takes the id of a user, and what is somebody else's
//! is not there. Each operation is extract → `service::account` → render; it decides what the user's own page decides.

mod activity;
mod applications;
mod caller;
mod password;
mod problem;
mod profile;
mod sessions;

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, Response};
use poem_openapi::{OpenApiService, ServerObject, Tags};

use super::answer;
use super::described::Described;
use super::document::for_generators;
use super::problem::Words;
use crate::domain::account_scope::AUDIENCE;
use crate::service::Core;

/// Where the API is, below the issuer.
pub const PATH: &str = "/account/api/v1";

/// What pages of other origins may ask with (CORS).
pub const METHODS: &str = "GET, POST, PUT, DELETE";

/// What the operations share; in the data of every request.
#[derive(Clone)]
struct Api {
    core: Arc<Core>,
}

#[derive(Tags)]
enum Resource {
    /// Who the user is.
    Account,
    /// Where the user is signed in. A session is one browser signed in; ending it ends every application's share in it and every token that
    /// hangs on it, at once and everywhere.
    Sessions,
    /// The applications that can do something in the user's name.
    Applications,
    /// What happened to the account.
    Activity,
}

const DESCRIPTION: &str = "\
What a signed-in user may do with their own account at a Gatekey issuer: for an application that has an account page of its own.

**Who may call.** Every operation takes an access token of this issuer in the `Authorization` header. It belongs to a user, its audience \
must be `urn:gatekey:account` (ask for it with the parameter `resource`) and its scope must name what the operation says. The application \
is registered with this resource and with the scopes it may ask for. A token dies with what it hangs on: the session, the user's consent, \
the application.

**Whose account** it is, the token says and nothing else does: no operation takes the id of a user. What is somebody else's is answered \
like what was never there.

**A recent sign-in** is needed for what must not be done by whoever finds a browser open: one of the last ten minutes, by `auth_time`. If it \
is older, the answer is 401 `authentication-too-old` with `max_age` in `WWW-Authenticate` (RFC 9470): send the user to `/authorize` with \
that `max_age`, and come back with the new token.

**Pages of other origins** may call it from the web origins that the token's client is registered with (CORS). No cookie is looked at.

**Errors** are `application/problem+json` (RFC 9457). Programs tell them apart by `type`, which never changes; `detail` is for people.

**Parameters** of a query are those that the operation names, each once: another one, or one that comes twice, is refused (400 \
`request-malformed`), so that no slip of the pen lists or does something else.

**Lists** come in pages: pass `next` of one page as `after` to get the one that follows; the last page has no `next`.

**Times** are RFC 3339, in UTC.";

const WORDS: Words = Words { audience: AUDIENCE, document: "gatekey openapi --account" };

type Operations = (profile::ProfileApi, password::PasswordApi, sessions::SessionsApi, applications::ApplicationsApi, activity::ActivityApi);

fn service() -> OpenApiService<Operations, ()> {
    let operations: Operations = (profile::ProfileApi, password::PasswordApi, sessions::SessionsApi, applications::ApplicationsApi, activity::ActivityApi);
    OpenApiService::new(operations, "Gatekey account API", env!("CARGO_PKG_VERSION")).description(DESCRIPTION).license("MIT OR Apache-2.0").server(
        ServerObject::new("{issuer}account/api/v1").description("The API of an issuer").variable(
            "issuer",
            "The issuer as in its metadata; it ends with a slash",
            "http://localhost:8080/",
        ),
    )
}

/// The OpenAPI document: pretty, in an order that does not change, with a newline at its end.
pub fn document() -> String {
    for_generators(service().spec())
}

/// Every operation, with paths below [`PATH`].
pub fn routes(core: Arc<Core>) -> BoxEndpoint<'static, Response> {
    let (operations, described) = (service(), Described::of(service));
    let operations = operations.data(Api { core }).data(described.clone());
    operations.around(move |operations, request| answer(operations, request, described.clone(), WORDS)).boxed()
}
