//! Making the tokens of a user's grant: the same for a redeemed code and a refresh.

use chrono::TimeDelta;

use super::{TokenResponse, token_type};
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::id::{GrantId, SessionId};
use crate::domain::lifetime::Limits;
use crate::domain::refresh_family::Grant;
use crate::domain::scope::{OPENID, Scope};
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::protocol::access_token::{self, AccessToken, UserFacts};
use crate::protocol::id_token::{self, IdToken};
use crate::protocol::session::Deadlines;
use crate::protocol::token::outlives_session;
use crate::protocol::userinfo;
use crate::service::dpop::Shown;
use crate::service::{Core, Failure, subject};

/// What the tokens are made of.
pub struct Issue<'a> {
    pub client: &'a Client,
    pub user: &'a User,
    pub session_id: SessionId,
    pub grant_id: GrantId,
    pub grant: &'a Grant,
    pub limits: &'a Limits,
    /// What this access token is narrowed to.
    pub scope: Scope,
    pub resources: Vec<String>,
    pub nonce: Option<&'a str>,
    pub deadlines: Deadlines,
    pub refresh_token: Option<Secret<String>>,
    /// The key that was shown: the access token is bound to it.
    pub shown: Option<&'a Shown>,
}

/// JWTs need an end; a lifetime without one ends here.
const LONGEST: TimeDelta = TimeDelta::days(3650);

/// A token ends with its lifetime, and never after what it hangs on.
pub fn expiry(lifetime: Lifetime, end: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let by_lifetime = lifetime.after(now).unwrap_or(now + LONGEST);
    end.map_or(by_lifetime, |end| by_lifetime.min(end))
}

/// Unique among all tokens (RFC 7519 §4.1.7).
pub fn jti(core: &Core, now: Timestamp) -> String {
    GrantId::generate(now, core.entropy.as_ref()).to_string()
}

/// With the first of `keys.algorithms`; by default ES256, ten times cheaper to sign than RSA.
pub async fn sign_access_token(core: &Core, token: &AccessToken<'_>, now: Timestamp) -> Result<String, Failure> {
    let alg = core.settings.keys.algorithms.first().copied().unwrap_or_default();
    core.keys.sign(core, alg, access_token::TYP, &token.claims(), now).await
}

pub async fn issue(core: &Core, facts: Issue<'_>, now: Timestamp) -> Result<TokenResponse, Failure> {
    let limits = facts.limits;
    let sid = core.sids.sid(facts.session_id, &facts.client.id);
    let end = facts.deadlines.absolute.filter(|_| !outlives_session(facts.grant, facts.client));
    let expires_at = expiry(limits.access_token, end, now);
    let subject = subject::of(core, facts.client, facts.user.id);
    // What was asked for by name is told only as long as the client may ask for it.
    let allowed = &facts.client.metadata.scope;
    let token = AccessToken {
        issuer: core.issuer(),
        subject: &subject,
        client_id: &facts.client.id,
        scope: &facts.scope,
        resources: &facts.resources,
        jti: jti(core, now),
        issued_at: now,
        expires_at,
        bound_to: facts.shown.map(|shown| &shown.key),
        user: Some(UserFacts {
            auth_time: facts.grant.auth_time,
            acr: facts.grant.acr,
            sid: &sid,
            grant: facts.grant_id,
            userinfo_claims: facts.grant.claims.userinfo.within(allowed),
        }),
    };
    let access_token = sign_access_token(core, &token, now).await?;
    // Who is signed in is told by the grant, whatever the access token was narrowed to; but no longer than the client may ask it.
    let told = facts.grant.scope.intersection(allowed);
    let id_token = if told.contains(OPENID) {
        let alg = facts.client.metadata.id_token_signed_response_alg;
        let token = IdToken {
            issuer: core.issuer(),
            client_id: &facts.client.id,
            subject: &subject,
            user: facts.user,
            told: userinfo::told_in_id_token(&told, facts.grant.claims.id_token.within(allowed)),
            grant: facts.grant,
            sid: &sid,
            nonce: facts.nonce,
            access_token: &access_token,
            alg,
            session: facts.deadlines,
            issued_at: now,
            expires_at: expiry(limits.id_token, None, now),
        };
        Some(core.keys.sign(core, alg, id_token::TYP, &token.claims()?, now).await?)
    } else {
        None
    };
    Ok(TokenResponse {
        access_token,
        token_type: token_type(facts.shown),
        expires_in: (expires_at - now).num_seconds(),
        scope: facts.scope.to_string(),
        refresh_token: facts.refresh_token.map(|token| token.expose().clone()),
        id_token,
        session_expires_at: facts.deadlines.absolute.map(|end| end.timestamp()),
        session_idle_expires_at: facts.deadlines.idle.map(|end| end.timestamp()),
    })
}
