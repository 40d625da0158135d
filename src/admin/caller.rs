//! Who may call: the access token of a machine, or of an administrator, that is for this API and lives.

use poem::Request;
use poem_openapi::auth::Bearer;
use poem_openapi::registry::MetaOAuthScope;
use poem_openapi::{OAuthScopes, SecurityScheme};
use serde_json::{Map, Value};

use super::problem::Problem;
use super::{Api, PATH, query, sent};
pub use crate::domain::admin_scope::AdminScope;
use crate::domain::admin_scope::{AUDIENCE, AdminScopes};
use crate::domain::clock::Timestamp;
use crate::domain::event::Actor;
use crate::domain::id::ClientId;
use crate::domain::scope::Scope;
use crate::protocol::admin_privilege::{FRESH, held, is_fresh};

impl OAuthScopes for AdminScope {
    fn meta() -> Vec<MetaOAuthScope> {
        Self::ALL.iter().map(|scope| MetaOAuthScope { name: scope.as_str(), description: Some(scope.means()) }).collect()
    }

    fn name(&self) -> &'static str {
        self.as_str()
    }
}

/// An access token of this issuer with the audience `urn:gatekey:admin`, sent as `Authorization: Bearer …`, or with a proof
/// of its key as `Authorization: DPoP …` if it is bound to one (RFC 9449). A machine gets one by
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
    held: AdminScopes,
    actor: Actor,
    /// Who asked for the token.
    client: ClientId,
    /// When the user proved who they are; absent for a machine.
    proved_at: Option<Timestamp>,
    now: Timestamp,
}

impl Caller {
    /// The scope that an operation needs. The document names the same one, and a test compares them.
    pub fn may(&self, scope: AdminScope) -> Result<(), Problem> {
        let word = scope.as_str();
        if !self.0.scope.contains(word) {
            return Err(Problem::scope_insufficient(word));
        }
        if self.0.held.contains(scope) { Ok(()) } else { Err(Problem::role_insufficient(word)) }
    }

    /// The same, of what is dangerous: a user must have proved who they are lately (RFC 9470).
    pub fn may_now(&self, scope: AdminScope) -> Result<(), Problem> {
        self.may(scope)?;
        if self.proved_lately() { Ok(()) } else { Err(too_old()) }
    }

    /// A machine proves who it is with each token.
    pub fn proved_lately(&self) -> bool {
        self.0.proved_at.is_none_or(|proved_at| is_fresh(proved_at, self.0.now))
    }

    /// All that the caller may do.
    pub fn held(&self) -> AdminScopes {
        self.0.held
    }

    /// The application that the token was given to.
    pub fn client(&self) -> &ClientId {
        &self.0.client
    }

    /// Who it is, as the events tell.
    pub fn actor(&self) -> Actor {
        self.0.actor.clone()
    }
}

/// A user proved who they are too long ago for what is dangerous.
pub fn too_old() -> Problem {
    Problem::authentication_too_old(FRESH.num_seconds())
}

/// Runs before anything of the request is looked at but its token and the names in its query.
async fn admit(request: &Request, bearer: Bearer) -> poem::Result<Admitted> {
    let api = request.data::<Api>().ok_or_else(|| poem::Error::from_status(poem::http::StatusCode::INTERNAL_SERVER_ERROR))?;
    let admitted = judge(api, request, &bearer).await?;
    query::check(request)?;
    Ok(admitted)
}

async fn judge(api: &Api, request: &Request, bearer: &Bearer) -> Result<Admitted, Problem> {
    let token = sent::token(&api.core, PATH, request, bearer).await?;
    // RFC 9068 §4: a token for another API is nothing here. What has been taken out of the client's registration since is taken from its tokens too,
    // as its scope is.
    if !token.is_for(AUDIENCE) {
        return Err(Problem::token_invalid(AUDIENCE));
    }
    let (actor, role) = match (token.grant_id, &token.user) {
        // A machine, acting for itself: that it may was said when the scope was registered for it.
        (None, None) => (Actor::Client(token.client.id.clone()), None),
        // Read afresh with every request: who is an administrator no more is refused at once.
        (Some(_), Some(user)) if user.role.is_some() => (Actor::User(user.id), user.role),
        _ => return Err(Problem::administrator_required()),
    };
    let held = held(&token.scope, role);
    // RFC 9068 §2.2.1: of the sign-in that this very token was given for.
    let proved_at = role.map(|_| auth_time(&token.claims).unwrap_or(Timestamp::UNIX_EPOCH));
    Ok(Admitted { client: token.client.id.clone(), scope: token.scope, held, actor, proved_at, now: api.core.now() })
}

/// When the user of a token proved who they are.
pub(super) fn auth_time(claims: &Map<String, Value>) -> Option<Timestamp> {
    Timestamp::from_timestamp(claims.get("auth_time")?.as_i64()?, 0)
}
