//! Who may call: the access token of a machine, or of an administrator, that is for this API and lives.

use poem::Request;
use poem_openapi::auth::Bearer;
use poem_openapi::{OAuthScopes, SecurityScheme};

use super::Api;
use super::problem::Problem;
use crate::domain::event::Actor;
use crate::domain::scope::Scope;
use crate::protocol::access_token::is_for;
use crate::service::access_token::live_token;

/// The audience (`aud`, RFC 9068 §4) of tokens for this API.
const AUDIENCE: &str = "urn:gatekey:admin";

/// What a token may be good for. The words are registered with clients: one is never renamed.
#[derive(OAuthScopes, Debug, Clone, Copy)]
pub enum AdminScope {
    /// Read what this server is
    #[oai(rename = "server:read")]
    ServerRead,
    /// Read sessions
    #[oai(rename = "sessions:read")]
    SessionsRead,
    /// End sessions
    #[oai(rename = "sessions:end")]
    SessionsEnd,
}

/// An access token of this issuer with the audience `urn:gatekey:admin`, sent as `Authorization: Bearer …`. A machine gets one by
/// `client_credentials`, an application for its user, who must be an administrator, by `authorization_code` with PKCE; both ask with
/// `resource=urn:gatekey:admin`. The URLs are those of the default issuer: the metadata of yours names its own.
#[derive(SecurityScheme)]
#[oai(
    rename = "access_token",
    ty = "oauth2",
    flows(
        client_credentials(token_url = "http://localhost:8080/oauth/token", scopes = "AdminScope"),
        authorization_code(authorization_url = "http://localhost:8080/authorize", token_url = "http://localhost:8080/oauth/token", scopes = "AdminScope"),
    ),
    checker = "admit"
)]
pub struct Caller(Admitted);

/// A caller whose token was judged; what it may do is still to be asked by [`Caller::may`].
pub struct Admitted {
    scope: Scope,
    actor: Actor,
}

impl Caller {
    /// The scope that an operation needs. The document names the same one, and a test compares them.
    pub fn may(&self, scope: AdminScope) -> Result<(), Problem> {
        let word = scope.name();
        if self.0.scope.contains(word) { Ok(()) } else { Err(Problem::scope_insufficient(word)) }
    }

    /// Who it is, as the events tell.
    pub fn actor(&self) -> Actor {
        self.0.actor.clone()
    }
}

/// Runs before anything of the request is looked at but its token.
async fn admit(request: &Request, bearer: Bearer) -> poem::Result<Admitted> {
    let api = request.data::<Api>().ok_or_else(|| poem::Error::from_status(poem::http::StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok(judge(api, &bearer.token).await?)
}

async fn judge(api: &Api, token: &str) -> Result<Admitted, Problem> {
    let token = live_token(&api.core, token).await?;
    // RFC 9068 §4: a token for another API is nothing here.
    if !is_for(&token.claims, AUDIENCE) {
        return Err(Problem::token_invalid());
    }
    let actor = match (token.grant_id, &token.user) {
        // A machine, acting for itself: that it may was said when the scope was registered for it.
        (None, None) => Actor::Client(token.client.id.clone()),
        // Read afresh with every request: who is an administrator no more is refused at once.
        (Some(_), Some(user)) if user.admin => Actor::User(user.id),
        _ => return Err(Problem::administrator_required()),
    };
    Ok(Admitted { scope: token.scope, actor })
}
