//! The userinfo endpoint (OIDC Core §5.3).

use serde_json::{Map, Value};

use super::access_token::live_token;
use super::{Core, Failure};
use crate::domain::scope::OPENID;
use crate::protocol::access_token::is_for;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::userinfo::claims;

pub async fn userinfo(core: &Core, token: &str) -> Result<Map<String, Value>, Failure> {
    let token = live_token(core, token).await?;
    if !token.scope.contains(OPENID) {
        return Err(OAuthError::new(ErrorCode::InsufficientScope, "The access token lacks the scope `openid`.").into());
    }
    if !is_for(&token.claims, core.issuer()) {
        return Err(OAuthError::invalid_token("not for userinfo").into());
    }
    let user = token.user.ok_or_else(|| OAuthError::invalid_token("a machine's token"))?;
    Ok(claims(&user, &token.scope))
}
