//! Token revocation (RFC 7009): the client gives a token back, and what it stands for ends.
//!
//! 1. Whose token is it, and what ends with it ([`crate::protocol::revocation`])?
//! 2. End that, with all below it, and write it down, in one unit of work.

use serde_json::Value;

use super::access_token::{facts_of, limits_of};
use super::authenticate_client::authenticate_client;
use super::known_clients::KnownClient;
use super::{Core, Failure, found_over, telling_end};
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, Event, EventKind, Object};
use crate::domain::id::GrantId;
use crate::domain::session::EndReason;
use crate::jose::refresh_token::Parsed;
use crate::protocol::access_token::{TYP, is_of};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::protocol::revocation::{Ends, ends};
use crate::store::tree::{EndedCounts, Node};
use crate::store::{events, grants, tree};

const REASON: EndReason = EndReason::RevokedByClient;

/// Done, also when there was nothing to do: an unknown token needs no revoking (§2.2).
pub async fn revoke(core: &Core, params: &Params, authorization: Option<&str>) -> Result<(), Failure> {
    let client = authenticate_client(core, authorization, params).await?;
    let token = params.require("token")?;
    let ends = match core.refresh_tokens.parse(token) {
        Some(parsed) => of_refresh_token(core, &client, &parsed).await?,
        None => of_access_token(core, &client, token).await?,
    };
    let now = core.now();
    let occasion = core.occasion(Actor::Client(client.id.clone()), now);
    match ends {
        Ends::Nothing => {}
        Ends::Grant(id) => {
            end(core, Node::Grant(id), occasion.event(EventKind::GrantRevoked, Object::Grant(id)), id, now).await?;
            tracing::info!(event = "grant.revoked", client = %client.id, grant = %id, "a client gave its grant back");
        }
        Ends::Session(id, grant) => {
            let event = occasion.event(EventKind::SessionEnded, Object::Session(id)).with("grant", grant);
            end(core, Node::Session(id), event, grant, now).await?;
            tracing::info!(event = "session.ended", client = %client.id, session = %id, %grant, reason = REASON.as_str(), "a client gave the session back");
        }
    }
    Ok(())
}

async fn of_refresh_token(core: &Core, client: &KnownClient, parsed: &Parsed) -> Result<Ends, Failure> {
    let Some(facts) = core.store.family(parsed.family_id()).await? else { return Ok(Ends::Nothing) };
    // A stranger cannot harm a family.
    if core.refresh_tokens.verify(parsed, &facts.family.secret).is_none() {
        return Ok(Ends::Nothing);
    }
    let (now, limits) = (core.now(), limits_of(client, facts.user.as_ref(), facts.session.as_ref(), Some(&facts.family)));
    if facts.family.client_id == client.id {
        // Who signs out of what is over by itself is not heard in vain: its end is told.
        found_over::notice(core, facts.session.as_ref(), &limits, now);
    }
    Ok(ends(&facts_of(&facts, client), client, &limits, now))
}

/// An access token ends the grant it came from (§2.1), and never more: it is what an application hands to others.
async fn of_access_token(core: &Core, client: &KnownClient, token: &str) -> Result<Ends, Failure> {
    match core.keys.verify(core, token, &[TYP]).await {
        // MX-02: the keys may be those of another issuer on this database, the token is not.
        Ok(claims) if is_of(&claims, core.issuer()) && claims.get("client_id").and_then(Value::as_str) == Some(client.id.as_str()) => {
            match claims.get("gid").and_then(Value::as_str) {
                Some(id) => Ok(id.parse::<GrantId>().map_or(Ends::Nothing, Ends::Grant)),
                // It would go on working until it expires: saying 200 would be a lie.
                None => Err(OAuthError::new(
                    ErrorCode::UnsupportedTokenType,
                    "A machine's access token cannot be revoked: it is short-lived; disable the client to stop it at once.",
                )
                .into()),
            }
        }
        _ => Ok(Ends::Nothing),
    }
}

/// Ends what `event` is of, and records it as the grant's user's.
async fn end(core: &Core, node: Node, event: Event, grant: GrantId, now: Timestamp) -> Result<(), Failure> {
    let ended = core.store.write(move |db| {
        let user = grants::user(db, grant)?;
        let ended = tree::end(db, &node, REASON, now)?;
        if ended != EndedCounts::default() {
            events::record(db, &telling_end(Event { user, ..event }, REASON, &ended))?;
        }
        Ok(())
    });
    Ok(ended.await?)
}
