//! Refreshing: load the family → verify → decide → one conditional update → sign.
//!
//! The update holds only where the generation is still the one the decision saw; if it is not, another caller was first:
//! load and decide again. So racing replicas all answer with the same successor.

use super::TokenResponse;
use super::issue::{Issue, issue};
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::event::{Actor, Event, EventKind, Object};
use crate::domain::id::GrantId;
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::PresentedRefreshToken;
use crate::domain::scope::Scope;
use crate::domain::session::{EndReason, Session};
use crate::domain::statistics::Counted;
use crate::domain::user::User;
use crate::protocol::dpop::replayed;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::params::Params;
use crate::protocol::resource;
use crate::protocol::session::{Deadlines, judge_grant};
use crate::protocol::token::refresh_token::{Decision, Used, binds, decide, of_before, used, with_key};
use crate::protocol::token::still_allowed;
use crate::service::access_token::{facts_of, limits_of};
use crate::service::dpop::Shown;
use crate::service::known_clients::KnownClient;
use crate::service::{Core, Failure, found_over, telling_end};
use crate::store::refresh_families::{self, FamilyFacts, Step};
use crate::store::sessions::Touch;
use crate::store::used_proofs::UsedProof;
use crate::store::{events, tree, used_proofs};

/// Each turn is lost only to somebody else's progress, so a handful is plenty.
const TURNS: usize = 8;

pub async fn refresh(core: &Core, params: &Params, client: &KnownClient, shown: Option<&Shown>) -> Result<TokenResponse, Failure> {
    let text = params.require("refresh_token")?;
    let parsed = core.refresh_tokens.parse(text).ok_or_else(|| refused("malformed, or of another issuer"))?;
    let mut lost_race = false;
    for _ in 0..TURNS {
        let now = core.now();
        let id = parsed.family_id();
        let facts = core.store.family(id).await?.ok_or_else(|| refused("no such family"))?;
        // Nothing below happens on the word of a token that does not verify: a stranger cannot harm a family.
        let presented = core.refresh_tokens.verify(&parsed, &facts.family.secret).ok_or_else(|| refused("MAC does not verify"))?;
        let limits = limits(client, &facts);
        let key = shown.map(|shown| &shown.key);
        let decision = decide(presented, &facts_of(&facts, client), client, &limits, lost_race, now);
        // Before anything is written: without its key a stolen token that was given out bound does no harm either.
        let decision = with_key(decision, presented, &facts.family, client, key).inspect_err(|_| bound_since(client, presented, &facts))?;
        // A family that outlives its session goes on; but here, too, the session is found past its end.
        found_over::notice(core, facts.session.as_ref(), &limits, now);
        let generation = match decision {
            Decision::Refuse(reason) => return Err(refused(reason)),
            Decision::Expired(reason) => {
                let event = core.occasion(Actor::Server, now).event(EventKind::GrantEnded, Object::Grant(id)).of(facts.family.user_id);
                end(core, event.with("client", &client.id), id, reason).await?;
                return Err(refused(reason.as_str()));
            }
            Decision::Reuse => {
                // A whole request that comes again, proof and all, is not a word of who holds the key: it ends nothing.
                if let (Some(_), Some(shown)) = (&facts.family.bound_to, shown) {
                    shown.use_up(core, None).await?;
                }
                return reuse(core, client, presented, &facts, now).await;
            }
            Decision::Replay { current } => {
                narrowed(params, &facts, client)?;
                use_up(core, shown, text).await?;
                tracing::info!(event = "refresh.replayed", client = %client.id, family = %id, generation = current, "the predecessor came again within the overlap");
                current
            }
            Decision::Stay { current } => {
                narrowed(params, &facts, client)?;
                use_up(core, shown, text).await?;
                current
            }
            Decision::Rotate { next } | Decision::RotateForward { next } => {
                // Judged before the step is taken: a wrong `scope` can be mended and sent again.
                narrowed(params, &facts, client)?;
                let expected = facts.family.generation;
                if presented.generation > expected {
                    tracing::warn!(event = "refresh.generation_ahead", client = %client.id, family = %id, stored = expected, presented = presented.generation, "the database is older than the tokens it gave out: was a backup restored?");
                }
                let step = Step { id, expected, next, at: now, bind_to: binds(&facts.family, client, key) };
                let newly_bound = step.bind_to.is_some();
                if !rotate(core, step, shown.map(|shown| shown.used(core, Some(text)))).await? {
                    lost_race = presented.generation == expected;
                    continue;
                }
                if newly_bound {
                    tracing::info!(event = "refresh.bound", client = %client.id, family = %id, generation = next, "the family is bound to the key that was shown");
                }
                next
            }
        };
        let response = answer(core, params, client, facts, generation, shown, now).await?;
        core.tally.count(Counted::RefreshRenewals);
        return Ok(response);
    }
    Err(Failure::Unavailable("a refresh lost every turn to other callers".to_owned()))
}

/// Takes the step; a proof is used up in the same unit of work.
async fn rotate(core: &Core, step: Step, proof: Option<UsedProof>) -> Result<bool, Failure> {
    let Some(proof) = proof else { return Ok(core.store.rotate(step).await?) };
    let taken = core.store.write(move |db| Ok(if used_proofs::take(db, &proof)? { Some(refresh_families::rotate(db, &step)?) } else { None }));
    taken.await?.ok_or_else(|| replayed().into())
}

/// A token of before comes without the key that its family was bound to a moment ago. Nothing ends: two tabs may have met, of which one shows
/// no key, or one of its own. But whoever was quicker may have been a thief.
fn bound_since(client: &KnownClient, presented: PresentedRefreshToken, facts: &FamilyFacts) {
    if of_before(presented, &facts.family) {
        tracing::warn!(event = "refresh.bound_elsewhere", client = %client.id, user = %facts.family.user_id, family = %facts.family.id, presented = presented.generation, "a refresh token of before its family was bound came without the key");
    }
}

/// Where there is no step to take.
async fn use_up(core: &Core, shown: Option<&Shown>, text: &str) -> Result<(), Failure> {
    match shown {
        Some(shown) => shown.use_up(core, Some(text)).await,
        None => Ok(()),
    }
}

fn refused(reason: &'static str) -> Failure {
    Failure::Refused(OAuthError::invalid_refresh_token(reason))
}

fn limits(client: &KnownClient, facts: &FamilyFacts) -> Limits {
    limits_of(client, facts.user.as_ref(), facts.session.as_ref(), Some(&facts.family))
}

/// RFC 6749 §6: a narrower scope for this access token; the grant keeps its own.
fn narrowed(params: &Params, facts: &FamilyFacts, client: &KnownClient) -> Result<(Scope, Vec<String>), OAuthError> {
    let (allowed, resources) = still_allowed(&facts.family.grant, client);
    let resources = resource::narrowed(params, &resources)?;
    let Some(text) = params.get("scope") else {
        return Ok((allowed, resources));
    };
    match Scope::parse(text) {
        Ok(scope) if scope.is_subset(&allowed) => Ok((scope, resources)),
        _ => Err(OAuthError::new(ErrorCode::InvalidScope, "`scope` asks for more than was granted.")),
    }
}

/// The family ends, and only then the refusal is rendered.
async fn reuse(core: &Core, client: &KnownClient, presented: PresentedRefreshToken, facts: &FamilyFacts, now: Timestamp) -> Result<TokenResponse, Failure> {
    let family = &facts.family;
    let id = family.id;
    let event = core.occasion(Actor::Client(client.id.clone()), now).event(EventKind::RefreshReuseDetected, Object::Grant(id)).of(family.user_id);
    let event = event.with("presented", presented.generation).with("current", family.generation);
    end(core, event.with("rotated_at", family.rotated_at), id, EndReason::ReuseDetected).await?;
    core.tally.count(Counted::Reuses);
    tracing::warn!(
        event = "refresh.reuse_detected",
        client = %client.id,
        user = %family.user_id,
        family = %id,
        presented = presented.generation,
        current = family.generation,
        seconds_since_rotation = now.signed_duration_since(family.rotated_at).num_seconds(),
        "an old refresh token came back: the family has been ended"
    );
    Err(refused("reuse detected"))
}

/// Ends the family, and says so if it lived until now.
async fn end(core: &Core, event: Event, id: GrantId, reason: EndReason) -> Result<(), Failure> {
    let ended = core.store.write(move |db| {
        let ended = tree::end(db, &tree::Node::Grant(id), reason, event.at)?;
        if ended.families > 0 {
            events::record(db, &telling_end(event, reason, &ended))?;
        }
        Ok(())
    });
    Ok(ended.await?)
}

async fn answer(
    core: &Core,
    params: &Params,
    client: &KnownClient,
    facts: FamilyFacts,
    generation: u64,
    shown: Option<&Shown>,
    now: Timestamp,
) -> Result<TokenResponse, Failure> {
    let (scope, resources) = narrowed(params, &facts, client)?;
    let user: &User = facts.user.as_ref().ok_or_else(|| refused("user is gone"))?;
    let refresh_token = core.refresh_tokens.mint(facts.family.id, generation, &facts.family.secret);
    let issued = Issue {
        client,
        user,
        session_id: facts.family.session_id,
        grant_id: facts.family.id,
        grant: &facts.family.grant,
        scope,
        resources,
        nonce: None,
        limits: &limits(client, &facts),
        deadlines: session_deadlines(core, client, &facts, now).await,
        refresh_token: Some(refresh_token),
        shown,
    };
    issue(core, issued, now).await
}

/// What the application is told of its session, whose use is written down first when it is due; nothing, once a family with
/// `offline_access` has outlived it. Failing to write is no reason to fail the refresh: the idle limit then counts from an earlier use.
async fn session_deadlines(core: &Core, client: &KnownClient, facts: &FamilyFacts, now: Timestamp) -> Deadlines {
    let limits = limits(client, facts);
    let (Some(session), Some(user)) = (&facts.session, &facts.user) else {
        return Deadlines::default();
    };
    let judged = |session: &Session, client_session: Option<&ClientSession>| judge_grant(session, user, client_session, &limits, now).unwrap_or_default();
    let used = used(&facts_of(facts, client), client, &limits, now);
    if used == Used::default() {
        return judged(session, facts.client_session.as_ref());
    }
    let touch = Touch { session_id: session.id, client_id: Some(client.id.clone()), family_id: used.family.then_some(facts.family.id), at: now };
    match core.store.touch(touch).await {
        Ok(()) => {
            let client_session = facts.client_session.clone().map(|client_session| ClientSession { last_used_at: now, ..client_session });
            judged(&Session { last_used_at: now, ..session.clone() }, client_session.as_ref())
        }
        Err(error) => {
            tracing::warn!(%error, "a use of a session could not be written");
            judged(session, facts.client_session.as_ref())
        }
    }
}
