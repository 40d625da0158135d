//! Redeeming a code: open the seal → decide → one unique insert → sign.

use super::TokenResponse;
use super::issue::{Issue, issue};
use crate::domain::authorization_code::{AuthorizationCode, RedeemedCode};
use crate::domain::client::GrantType;
use crate::domain::clock::Timestamp;
use crate::domain::entropy::random;
use crate::domain::event::{Actor, EventKind, Object};
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::{KeyBinding, RefreshFamily};
use crate::domain::secret::Secret;
use crate::domain::session::{EndReason, Ended};
use crate::protocol::dpop::replayed as replayed_proof;
use crate::protocol::error::OAuthError;
use crate::protocol::params::Params;
use crate::protocol::resource;
use crate::protocol::token::authorization_code::{Decision, Facts, Presented, Since, decide};
use crate::protocol::token::still_allowed;
use crate::service::code;
use crate::service::dpop::Shown;
use crate::service::known_clients::KnownClient;
use crate::service::{Core, Failure, found_over, telling_end};
use crate::store::redeemed_codes::Redemption;
use crate::store::sessions::{self, SessionFacts};
use crate::store::tree::EndedCounts;
use crate::store::used_proofs::UsedProof;
use crate::store::{StoreError, events, redeemed_codes, tree, used_proofs};

pub async fn redeem(core: &Core, params: &Params, client: &KnownClient, shown: Option<&Shown>) -> Result<TokenResponse, Failure> {
    let text = params.require("code")?;
    let code = code::open(core, text).ok_or_else(|| refused("not a code of this issuer"))?;
    let now = core.now();
    let facts = load(core, &code).await?;
    let limits = facts.as_ref().map_or_else(|| client.limits_alone(), |facts| client.limits(&facts.user, facts.session.acr));
    let decision = {
        let facts =
            facts.as_ref().map(|f| Facts { session: &f.session, user: &f.user, client_session: f.client_session.as_ref(), consent: f.consent.as_ref() });
        let presented = Presented { params, key: shown.map(|shown| &shown.key) };
        decide(presented, client, &code, facts.as_ref(), &limits, Since { restored_at: core.restored_at, tenure: &client.tenure().as_of(now) }, now)
    };
    if !matches!(decision, Decision::Redeem(_)) {
        found_over::notice(core, facts.as_ref().map(|facts| &facts.session), &limits, now);
    }
    let deadlines = match decision {
        Decision::Redeem(deadlines) => deadlines,
        Decision::Burn(reason) => {
            let burnt = RedeemedCode { ended: Some(Ended { at: now, reason: EndReason::CodeReplayed }), ..row(&limits, &code, now) };
            core.store.write(move |db| redeemed_codes::burn(db, &burnt)).await?;
            return Err(refused(reason));
        }
        Decision::Refuse(reason) => return Err(refused(reason)),
    };
    let Some(SessionFacts { user, .. }) = facts else {
        return Err(refused("session or user is gone"));
    };
    // Judged before anything is spent, so that a wrong `resource` can be mended and sent again; and only for whoever the code is for:
    // anybody else would learn that it is a code, and for which resources.
    let (scope, resources) = still_allowed(&code.grant, client);
    let resources = match resource::narrowed(params, &resources) {
        Ok(resources) => resources,
        Err(error) => {
            let id = code.id;
            let used = core.store.read(move |db| redeemed_codes::find(db, id)).await?.is_some();
            return Err(if used { replayed(core, client, &code, now).await? } else { error.into() });
        }
    };
    let family = client.metadata.grant_types.contains(&GrantType::RefreshToken).then(|| new_family(core, client, &code, shown, now));
    let redemption = Redemption { code: row(&limits, &code, now), family: family.clone() };
    let first = match redeemed(core, redemption, shown.map(|shown| shown.used(core, Some(text)))).await {
        // The session ended between the look at it and the write, which holds it fast.
        Err(StoreError::Conflict) => return Err(refused("the session has just ended")),
        answer => answer?.ok_or_else(replayed_proof)?,
    };
    if !first {
        return Err(replayed(core, client, &code, now).await?);
    }
    let refresh_token = family.map(|family| core.refresh_tokens.mint(family.id, family.generation, &family.secret));
    let issued = Issue {
        client,
        user: &user,
        session_id: code.session_id,
        grant_id: code.id,
        grant: &code.grant,
        limits: &limits,
        scope,
        resources,
        nonce: code.nonce.as_deref(),
        deadlines,
        refresh_token,
        shown,
    };
    issue(core, issued, now).await
}

/// Whether this is the first time; a proof is used up in the same unit of work. `None`: that was used before, for something else.
async fn redeemed(core: &Core, redemption: Redemption, proof: Option<UsedProof>) -> Result<Option<bool>, StoreError> {
    let Some(proof) = proof else { return core.store.redeem(redemption).await.map(Some) };
    core.store.write(move |db| Ok(if used_proofs::take(db, &proof)? { Some(redeemed_codes::redeem(db, &redemption)?) } else { None })).await
}

/// RFC 6749 §4.1.2: used before, so what the first use gave is revoked. The answer to whoever brought it again.
async fn replayed(core: &Core, client: &KnownClient, code: &AuthorizationCode, now: Timestamp) -> Result<Failure, Failure> {
    let (id, user) = (code.id, code.user_id);
    let occasion = core.occasion(Actor::Client(client.id.clone()), now);
    let ended = core.store.write(move |db| {
        let ended = tree::end(db, &tree::Node::Grant(id), EndReason::CodeReplayed, now)?;
        if ended != EndedCounts::default() {
            events::record(db, &telling_end(occasion.event(EventKind::CodeReplayed, Object::Grant(id)).of(user), EndReason::CodeReplayed, &ended))?;
        }
        Ok(())
    });
    ended.await?;
    tracing::warn!(event = "code.replayed", client = %client.id, user = %user, grant = %id, "an authorization code came a second time");
    Ok(refused("code was redeemed before"))
}

fn refused(reason: &'static str) -> Failure {
    Failure::Refused(OAuthError::invalid_code(reason))
}

async fn load(core: &Core, code: &AuthorizationCode) -> Result<Option<SessionFacts>, Failure> {
    let (session_id, user_id, client_id) = (code.session_id, code.user_id, code.client_id.clone());
    Ok(core.store.read(move |db| sessions::facts_of_code(db, session_id, user_id, &client_id)).await?)
}

/// The row that makes the code single-use. It is kept as long as an access token given without a family can live.
fn row(limits: &Limits, code: &AuthorizationCode, now: Timestamp) -> RedeemedCode {
    let access_token_ends = super::issue::expiry(limits.access_token, None, now);
    RedeemedCode {
        id: code.id,
        client_id: code.client_id.clone(),
        user_id: code.user_id,
        session_id: code.session_id,
        redeemed_at: now,
        keep_until: access_token_ends.max(code.expires_at) + chrono::TimeDelta::hours(1),
        ended: None,
    }
}

/// RFC 9449 §5: the refresh tokens of a public client are bound to the key that it showed; a confidential one's are to its secret, so that its
/// keys may change.
fn new_family(core: &Core, client: &KnownClient, code: &AuthorizationCode, shown: Option<&Shown>, now: Timestamp) -> RefreshFamily {
    RefreshFamily {
        id: code.id,
        client_id: code.client_id.clone(),
        user_id: code.user_id,
        session_id: code.session_id,
        grant: code.grant.clone(),
        secret: Secret::new(random(core.entropy.as_ref())),
        generation: 1,
        rotated_at: now,
        created_at: now,
        last_used_at: now,
        ended: None,
        bound_to: shown.filter(|_| client.metadata.is_public()).map(|shown| KeyBinding { key: shown.key.clone(), since: 1 }),
    }
}
