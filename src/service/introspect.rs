//! Token introspection (RFC 7662).

use serde_json::{Map, Value, json};

use super::access_token::{facts_of, limits_of, live_token};
use super::authenticate_client::authenticate_client;
use super::known_clients::KnownClient;
use super::{Core, Failure, found_over, subject};
use crate::domain::client::{Client, SubjectType};
use crate::domain::user::User;
use crate::protocol::access_token::narrowed;
use crate::protocol::bearer::Scheme;
use crate::protocol::client_authentication::invalid_client;
use crate::protocol::introspection::{active, inactive, may_see};
use crate::protocol::params::Params;
use crate::protocol::token::refresh_token::usable;
use crate::protocol::token::still_allowed;

pub async fn introspect(core: &Core, params: &Params, authorization: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let caller = authenticate_client(core, authorization, params).await?;
    // RFC 7662 §2.1: the caller must be authenticated, which a public client cannot be.
    if caller.metadata.is_public() {
        return Err(invalid_client("a public client may not introspect").into());
    }
    let token = params.require("token")?;
    if token.starts_with("gk_rt_") {
        return refresh_token(core, &caller, token).await;
    }
    let live = match live_token(core, token).await {
        Ok(live) => live,
        Err(Failure::Refused(_)) => return Ok(inactive()),
        Err(unavailable) => return Err(unavailable),
    };
    // An API learns what the client is registered for today, not what its token once said.
    match narrowed(&live.claims, &live.scope, &live.client) {
        Some(claims) if may_see(&caller, &claims) => {
            Ok(active(claims, Scheme::of(live.bound_to.as_ref()).as_str(), username(&live.client, live.user.as_ref())))
        }
        _ => Ok(inactive()),
    }
}

/// Only the newest generation is active, and only its owner learns of it.
async fn refresh_token(core: &Core, caller: &KnownClient, text: &str) -> Result<Map<String, Value>, Failure> {
    let Some(parsed) = core.refresh_tokens.parse(text) else { return Ok(inactive()) };
    let id = parsed.family_id();
    let Some(facts) = core.store.family(id).await? else { return Ok(inactive()) };
    let family = &facts.family;
    let newest = core.refresh_tokens.verify(&parsed, &family.secret).is_some_and(|presented| presented.generation == family.generation);
    if !newest || family.client_id != caller.id || family.ended.is_some() {
        return Ok(inactive());
    }
    let limits = limits_of(caller, facts.user.as_ref(), facts.session.as_ref(), Some(family));
    let now = core.now();
    let Ok(deadlines) = usable(&facts_of(&facts, caller), caller, &limits, now) else {
        found_over::notice(core, facts.session.as_ref(), &limits, now);
        return Ok(inactive());
    };
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(core.issuer()));
    claims.insert("client_id".into(), json!(family.client_id.as_str()));
    claims.insert("sub".into(), json!(subject::of(core, caller, family.user_id)));
    claims.insert("scope".into(), json!(still_allowed(&family.grant, caller).0.to_string()));
    claims.insert("iat".into(), json!(family.rotated_at.timestamp()));
    if let Some(binding) = &family.bound_to {
        claims.insert("cnf".into(), json!({ "jkt": binding.key.as_str() }));
    }
    if let Some(end) = crate::domain::duration::earlier(deadlines.absolute, deadlines.idle) {
        claims.insert("exp".into(), json!(end.timestamp()));
    }
    Ok(active(claims, "refresh_token", username(caller, facts.user.as_ref())))
}

/// Who knows a user by a pairwise subject does not learn the name that is the same everywhere (OIDC Core §8.1); nor does an API of such a client.
fn username<'a>(client: &Client, user: Option<&'a User>) -> Option<&'a str> {
    user.filter(|_| client.metadata.subject_type == SubjectType::Public).map(|user| user.username.as_str())
}
