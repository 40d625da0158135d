//! Redeeming an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6).
//!
//! The code is self-contained and sealed. Single use is the unique insert of its id, which the caller does after [`decide`]
//! said [`Decision::Redeem`]; a code presented wrongly is burnt by the same insert.

use crate::domain::authorization_code::AuthorizationCode;
use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::lifetime::Limits;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::protocol::params::Params;
use crate::protocol::pkce;
use crate::protocol::session::{Deadlines, judge};

/// What is known of the grant when its code comes back.
pub struct Facts<'a> {
    pub session: &'a Session,
    pub user: &'a User,
    pub client_session: Option<&'a ClientSession>,
    pub consent: Option<&'a Consent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Insert the redemption; if that succeeds, issue.
    Redeem(Deadlines),
    /// Whoever holds the code is not who it was for: make it useless (CO-04, CO-12, RU-14), then refuse.
    Burn(&'static str),
    /// Refuse; there is nothing left to burn.
    Refuse(&'static str),
}

pub fn decide(params: &Params, client: &Client, code: &AuthorizationCode, facts: Option<&Facts<'_>>, limits: &Limits, now: Timestamp) -> Decision {
    if now >= code.expires_at || now < code.issued_at - chrono::TimeDelta::seconds(60) {
        return Decision::Refuse("code expired");
    }
    // RFC 6749 §4.1.3: issued to this client.
    if code.client_id != client.id {
        return Decision::Burn("code of another client");
    }
    // RFC 6749 §4.1.3: the same redirect_uri as in the authorization request.
    if params.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Decision::Burn("redirect_uri differs from the authorization request");
    }
    // RFC 7636 §4.6.
    if !params.get("code_verifier").is_some_and(|verifier| pkce::verify(verifier, &code.code_challenge)) {
        return Decision::Burn("code_verifier does not match");
    }
    // CO-10: what happened between the two requests counts.
    let Some(facts) = facts else {
        return Decision::Refuse("session or user is gone");
    };
    if !client.metadata.first_party && !facts.consent.is_some_and(|consent| code.grant.is_within(&consent.scope)) {
        return Decision::Refuse("consent withdrawn");
    }
    // Only a client session still alive counts here: the redemption begins a new one in place of an ended one.
    match judge(facts.session, facts.user, facts.client_session.filter(|c| c.ended.is_none()), limits, now) {
        Ok(deadlines) => Decision::Redeem(deadlines),
        Err(unusable) => Decision::Refuse(unusable.as_str()),
    }
}
