//! The client acts for itself.

use super::{TokenResponse, issue, token_type};
use crate::protocol::access_token::AccessToken;
use crate::protocol::params::Params;
use crate::protocol::token::client_credentials::decide;
use crate::service::dpop::Shown;
use crate::service::known_clients::KnownClient;
use crate::service::{Core, Failure};

pub async fn grant(core: &Core, params: &Params, client: &KnownClient, shown: Option<&Shown>) -> Result<TokenResponse, Failure> {
    let grant = decide(params, client)?;
    if let Some(shown) = shown {
        shown.use_up(core, None).await?;
    }
    let now = core.now();
    let expires_at = issue::expiry(client.limits_alone().access_token, None, now);
    let token = AccessToken {
        issuer: core.issuer(),
        subject: client.id.as_str(),
        client_id: &client.id,
        scope: &grant.scope,
        resources: &grant.resources,
        jti: issue::jti(core, now),
        issued_at: now,
        expires_at,
        bound_to: shown.map(|shown| &shown.key),
        user: None,
    };
    Ok(TokenResponse {
        access_token: issue::sign_access_token(core, &token, now).await?,
        token_type: token_type(shown),
        expires_in: (expires_at - now).num_seconds(),
        scope: grant.scope.to_string(),
        refresh_token: None,
        id_token: None,
        session_expires_at: None,
        session_idle_expires_at: None,
    })
}
