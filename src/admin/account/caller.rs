//! Who may call: a user, by the access token of an application that is for this API and lives.

use poem::Request;
use poem_openapi::auth::Bearer;
use poem_openapi::registry::MetaOAuthScope;
use poem_openapi::{OAuthScopes, SecurityScheme};
use serde_json::Value;

use super::problem::Problem;
use super::{Api, PATH};
use crate::admin::caller::auth_time;
use crate::admin::{query, sent};
use crate::domain::account_scope::AUDIENCE;
pub use crate::domain::account_scope::AccountScope;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ClientId, SessionId};
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::account::{PROOF_LASTS, proves};
use crate::service::access_token::LiveToken;
use crate::service::account::actions::By;
use crate::service::account::places::here;

impl OAuthScopes for AccountScope {
    fn meta() -> Vec<MetaOAuthScope> {
        Self::ALL.iter().map(|scope| MetaOAuthScope { name: scope.as_str(), description: Some(scope.means()) }).collect()
    }

    fn name(&self) -> &'static str {
        self.as_str()
    }
}

/// A user's access token of this issuer with the audience `urn:gatekey:account`, sent as `Authorization: Bearer …`, or with
/// a proof of its key as `Authorization: DPoP …` if it is bound to one (RFC 9449). An application gets it by
/// `authorization_code` with PKCE, and asks with `resource=urn:gatekey:account`. The URLs are those of the default issuer: the metadata of
/// yours names its own.
#[derive(SecurityScheme)]
#[oai(
    rename = "access_token",
    ty = "oauth2",
    flows(authorization_code(
        authorization_url = "http://localhost:8080/authorize",
        token_url = "http://localhost:8080/oauth/token",
        scopes = "AccountScope"
    )),
    checker = "admit"
)]
pub struct Caller(Admitted);

/// A caller whose token was judged; what it may do is still to be asked by [`Caller::may`].
pub struct Admitted {
    token: LiveToken,
    user: User,
    /// The session that the token comes from, while it can be used.
    here: Option<Session>,
    now: Timestamp,
}

impl Caller {
    /// The scope that an operation needs. The document names the same one, and a test compares them.
    pub fn may(&self, scope: AccountScope) -> Result<&User, Problem> {
        if self.0.token.scope.contains(scope.as_str()) { Ok(&self.0.user) } else { Err(Problem::scope_insufficient(scope.as_str())) }
    }

    /// The same, of what must not be done by whoever finds a browser open: the user must have proved lately who they are (RFC 9470), in a
    /// session that goes on. Answers that session.
    pub fn may_now(&self, scope: AccountScope) -> Result<(&User, &Session), Problem> {
        let user = self.may(scope)?;
        let proved = auth_time(&self.0.token.claims).is_some_and(|at| proves(at, self.0.now));
        self.0.here.as_ref().filter(|_| proved).map(|here| (user, here)).ok_or_else(|| Problem::authentication_too_old(PROOF_LASTS.num_seconds()))
    }

    /// Whether the token comes from this session.
    pub fn is_here(&self, session: SessionId) -> bool {
        self.0.here.as_ref().is_some_and(|here| here.id == session)
    }

    /// The application that calls.
    pub fn client(&self) -> &ClientId {
        &self.0.token.client.id
    }

    /// Who the user is to the application: its `sub`, which with pairwise subjects is not the user's id.
    pub fn subject(&self) -> String {
        self.0.token.claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// By whose hand, as the events tell.
    pub fn by(&self) -> By {
        By::AccountApi(self.client().clone())
    }
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
    // RFC 9068 §4: a token for another API is nothing here, nor is one of a client that is registered for this one no more.
    if !token.is_for(AUDIENCE) {
        return Err(Problem::token_invalid());
    }
    // A machine acts for itself, and has no account.
    let (Some(_), Some(user)) = (token.grant_id, token.user.clone()) else { return Err(Problem::user_required()) };
    let here = here(&api.core, &token);
    Ok(Admitted { token, user, here, now: api.core.now() })
}
