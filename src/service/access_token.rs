//! Is this access token alive? By its signature, by its own words, and by the tree it hangs on.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::known_clients::KnownClient;
use super::{Core, Failure, dpop, found_over};
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::scope::Scope;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::access_token::{TYP, bound_to, is_current, is_of_tenure, is_still_for, is_young_enough, userinfo_claims};
use crate::protocol::bearer::Scheme;
use crate::protocol::dpop::{Request, may_present};
use crate::protocol::error::OAuthError;
use crate::protocol::session::judge_grant;
use crate::protocol::token::refresh_token::{Dead, Facts, usable};
use crate::store::consents;
use crate::store::grants::{self, GrantFacts};
use crate::store::refresh_families::FamilyFacts;

/// An access token that lives.
#[derive(Debug, Clone)]
pub struct LiveToken {
    pub claims: Arc<Map<String, Value>>,
    pub scope: Scope,
    pub client: Arc<KnownClient>,
    /// `None` for a machine's token.
    pub user: Option<User>,
    pub grant_id: Option<GrantId>,
    /// The session that its grant hangs on, or hung on: a grant with `offline_access` outlives it.
    pub session: Option<Session>,
    /// The key that it is bound to.
    pub bound_to: Option<KeyThumbprint>,
}

impl LiveToken {
    /// Whether it is for this audience (RFC 9068 §4). An API that has been taken out of the client's registration since is taken from its tokens too,
    /// as scope is.
    pub fn is_for(&self, audience: &str) -> bool {
        is_still_for(&self.claims, &self.client, audience)
    }
}

/// An access token as it came to a resource.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    pub scheme: Scheme,
    pub token: &'a str,
    /// The header `DPoP`.
    pub proof: Option<&'a str>,
    pub method: &'a str,
    /// The address of the resource, by the settings.
    pub url: &'a str,
}

/// The token, if it lives and whoever sent it may: the only way in, for every resource. The audience is the caller's to judge.
pub async fn admitted(core: &Core, sent: &Sent<'_>) -> Result<LiveToken, Failure> {
    let token = live_token(core, sent.token).await?;
    let Sent { scheme, method, url, .. } = *sent;
    let request = Request { method, url, access_token: Some(sent.token) };
    // By `Bearer` no proof is asked for, and none is looked at.
    let proof = sent.proof.filter(|_| scheme == Scheme::Dpop && token.bound_to.is_some());
    let shown = proof.map(|proof| dpop::shown(proof, &request, core.now())).transpose()?;
    may_present(token.bound_to.as_ref(), scheme, shown.as_ref().map(|shown| &shown.key))?;
    if let Some(shown) = shown {
        shown.use_up(core, None).await?;
    }
    Ok(token)
}

/// The client that a token of this issuer was given to, whether or not it lives.
pub async fn client_of(core: &Core, token: &str) -> Option<ClientId> {
    let claims = core.keys.verify(core, token, &[TYP]).await.ok()?;
    ClientId::parse(claims.get("client_id")?.as_str()?).ok()
}

/// The token, or `invalid_token`; whoever has it, which is enough to tell about it and for nothing else.
pub(super) async fn live_token(core: &Core, token: &str) -> Result<LiveToken, Failure> {
    let claims = core.keys.verify(core, token, &[TYP]).await?;
    let now = core.now();
    let dead = |reason: &'static str| Failure::Refused(OAuthError::invalid_token(reason));
    if !is_current(&claims, core.issuer(), now) {
        return Err(dead("expired or of another issuer"));
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let client_id = text("client_id").and_then(|id| ClientId::parse(id).ok()).ok_or_else(|| dead("no client_id"))?;
    let scope = Scope::parse(text("scope").unwrap_or_default()).map_err(|_| dead("malformed scope"))?;
    let grant_id: Option<GrantId> = match text("gid") {
        Some(id) => Some(id.parse().map_err(|_| dead("malformed gid"))?),
        None => None,
    };
    let clients = Arc::clone(&core.clients);
    let (client, facts, consent) = core
        .store
        .read(move |db| {
            let client = clients.find(db, &client_id)?;
            let facts = match grant_id {
                Some(id) => grants::facts(db, id)?,
                None => None,
            };
            let consent = match (&facts, &client) {
                (Some(GrantFacts { user: Some(user), .. }), Some(client)) if !client.metadata.first_party => consents::find(db, user.id, &client.id)?,
                _ => None,
            };
            Ok((client, facts, consent))
        })
        .await?;
    let client = client.filter(|client| client.disabled_at.is_none()).ok_or_else(|| dead("client gone or disabled"))?;
    if !is_of_tenure(&claims, &client.tenure().as_of(now)) {
        return Err(dead("from before its client was disabled or registered"));
    }
    let (user, session) = (facts.as_ref().and_then(|facts| facts.user.as_ref()), facts.as_ref().and_then(|facts| facts.session.as_ref()));
    let family = facts.as_ref().and_then(|facts| facts.family.as_ref());
    let limits = limits_of(&client, user, session, family);
    // A limit that was shortened since is felt by what runs.
    if !is_young_enough(&claims, limits.access_token, now) {
        return Err(dead("older than its limit"));
    }
    if grant_id.is_some() {
        let facts = facts.as_ref().ok_or_else(|| dead("grant is gone"))?;
        let allowed = |consent: &Consent| scope.is_subset(&consent.scope) && userinfo_claims(&claims).iter().all(|claim| consent.scope.contains(claim.scope()));
        grant_lives(facts, consent.as_ref(), allowed, &client, &limits, now).map_err(|reason| {
            found_over::notice(core, facts.session.as_ref(), &limits, now);
            dead(reason)
        })?;
    }
    let scope = scope.intersection(&client.metadata.scope);
    let (user, session) = facts.map_or((None, None), |facts| (facts.user, facts.session));
    let bound_to = bound_to(&claims)?;
    Ok(LiveToken { claims, scope, client, user, grant_id, session, bound_to })
}

/// The same judgement as for a refresh, so that ending any node above is felt here at once.
///
/// `allowed` says whether a consent covers what the token itself says: without a family that is all there is to ask.
fn grant_lives(
    facts: &GrantFacts,
    consent: Option<&Consent>,
    allowed: impl FnOnce(&Consent) -> bool,
    client: &KnownClient,
    limits: &Limits,
    now: Timestamp,
) -> Result<(), &'static str> {
    if facts.ended.is_some() || client.tenure().has_ended_grant(facts.given_in) {
        return Err("grant has ended");
    }
    if let Some(family) = &facts.family {
        let (user, session, client_session) = (facts.user.as_ref(), facts.session.as_ref(), facts.client_session.as_ref());
        let facts = Facts { family, user, session, client_session, consent, tenure: client.tenure() };
        return usable(&facts, client, limits, now).map(|_| ()).map_err(Dead::as_str);
    }
    if !client.metadata.first_party && !consent.is_some_and(allowed) {
        return Err("consent_withdrawn");
    }
    let (Some(session), Some(user)) = (&facts.session, &facts.user) else {
        return Err("session or user is gone");
    };
    // The session in which a password is changed goes on; its applications come for new tokens, by what was allowed since.
    if facts.given_in < user.password_changed_at.timestamp_millis() {
        return Err("password_changed");
    }
    // The application may have begun its part of the session anew since.
    if facts.client_session.as_ref().is_some_and(|client_session| client_session.has_ended_grant(facts.given_in)) {
        return Err("client_session_ended");
    }
    judge_grant(session, user, facts.client_session.as_ref(), limits, now).map(|_| ()).map_err(|unusable| unusable.as_str())
}

/// A family as the rules look at it. Of another client than its own it is refused before anything else.
pub fn facts_of<'a>(facts: &'a FamilyFacts, client: &'a KnownClient) -> Facts<'a> {
    Facts {
        family: &facts.family,
        user: facts.user.as_ref(),
        session: facts.session.as_ref(),
        client_session: facts.client_session.as_ref(),
        consent: facts.consent.as_ref(),
        tenure: client.tenure(),
    }
}

/// The limits that a grant is judged by: those of the session it hangs on, as its user is signed in now, and where that is gone those of
/// the sign-in its family was granted in.
pub fn limits_of(client: &KnownClient, user: Option<&User>, session: Option<&Session>, family: Option<&RefreshFamily>) -> Limits {
    match (user, session.map(|session| session.acr).or(family.map(|family| family.grant.acr))) {
        (Some(user), Some(acr)) => client.limits(user, acr),
        _ => client.limits_alone(),
    }
}
