//! Token revocation (RFC 7009): the client gives a token back, and the grant it belongs to ends.

use serde_json::Value;

use super::authenticate_client::authenticate_client;
use super::{Core, Failure, telling_end};
use crate::domain::event::{Actor, Event, EventKind, Object};
use crate::domain::id::GrantId;
use crate::domain::session::EndReason;
use crate::protocol::access_token::{TYP, is_of};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::store::tree::EndedCounts;
use crate::store::{events, grants, refresh_families, tree};

/// Done, also when there was nothing to do: an unknown token needs no revoking (§2.2).
pub async fn revoke(core: &Core, params: &Params, authorization: Option<&str>) -> Result<(), Failure> {
    let client = authenticate_client(core, authorization, params).await?;
    let token = params.require("token")?;
    let grant = match core.refresh_tokens.parse(token) {
        Some(parsed) => {
            let id = parsed.family_id();
            let family = core.store.read(move |db| refresh_families::find(db, id)).await?;
            // Any generation of the client's own family: whoever gives an old one back wants the family gone.
            family.filter(|family| family.client_id == client.id && core.refresh_tokens.verify(&parsed, &family.secret).is_some()).map(|family| family.id)
        }
        None => match core.keys.verify(core, token, &[TYP]).await {
            // MX-02: the keys may be those of another issuer on this database, the token is not.
            Ok(claims) if is_of(&claims, core.issuer()) && claims.get("client_id").and_then(Value::as_str) == Some(client.id.as_str()) => {
                match claims.get("gid").and_then(Value::as_str) {
                    Some(id) => id.parse::<GrantId>().ok(),
                    // It would go on working until it expires: saying 200 would be a lie.
                    None => {
                        return Err(OAuthError::new(
                            ErrorCode::UnsupportedTokenType,
                            "A machine's access token cannot be revoked: it is short-lived; disable the client to stop it at once.",
                        )
                        .into());
                    }
                }
            }
            _ => None,
        },
    };
    if let Some(id) = grant {
        let now = core.now();
        let occasion = core.occasion(Actor::Client(client.id.clone()), now);
        let ended = core.store.write(move |db| {
            let user = grants::user(db, id)?;
            let ended = tree::end(db, &tree::Node::Grant(id), EndReason::RevokedByClient, now)?;
            if ended != EndedCounts::default() {
                let event = Event { user, ..occasion.event(EventKind::GrantRevoked, Object::Grant(id)) };
                events::record(db, &telling_end(event, EndReason::RevokedByClient, &ended))?;
            }
            Ok(())
        });
        ended.await?;
        tracing::info!(event = "grant.revoked", client = %client.id, grant = %id, "a client gave its grant back");
    }
    Ok(())
}
