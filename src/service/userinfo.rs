//! The userinfo endpoint (OIDC Core §5.3).

use serde_json::{Map, Value};

use super::access_token::{Sent, admitted};
use super::{Core, Failure, subject};
use crate::domain::scope::OPENID;
use crate::protocol::access_token::userinfo_claims;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::userinfo::{TYP, claims, told_at_userinfo};

/// The answer, as the client registered to have it.
#[derive(Debug)]
pub enum UserInfo {
    Json(Map<String, Value>),
    /// A JWT, signed.
    Jwt(String),
}

pub async fn userinfo(core: &Core, sent: &Sent<'_>) -> Result<UserInfo, Failure> {
    let token = admitted(core, sent).await?;
    if !token.scope.contains(OPENID) {
        return Err(OAuthError::new(ErrorCode::InsufficientScope, "The access token lacks the scope `openid`.").into());
    }
    if !token.is_for(core.issuer()) {
        return Err(OAuthError::invalid_token("not for userinfo").into());
    }
    let user = token.user.ok_or_else(|| OAuthError::invalid_token("a machine's token"))?;
    let client = &token.client;
    let named = userinfo_claims(&token.claims).within(&client.metadata.scope);
    let mut claims = claims(&subject::of(core, client, user.id), &user, told_at_userinfo(&token.scope, named))?;
    let Some(alg) = client.metadata.userinfo_signed_response_alg else {
        return Ok(UserInfo::Json(claims));
    };
    // OIDC Core §5.3.2: signed, it SHOULD say who says it, and to whom.
    claims.insert("iss".into(), core.issuer().into());
    claims.insert("aud".into(), client.id.as_str().into());
    Ok(UserInfo::Jwt(core.keys.sign(core, alg, TYP, &claims, core.now()).await?))
}
