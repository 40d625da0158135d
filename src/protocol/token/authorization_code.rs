//! Redeeming an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6).
//!
//! The code is self-contained and sealed. Single use is the unique insert of its id, which the caller does after [`decide`]
//! said [`Decision::Redeem`]; a code presented wrongly is burnt by the same insert.

use crate::domain::authorization_code::AuthorizationCode;
use crate::domain::client::Client;
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::consent::Consent;
use crate::domain::dpop::KeyThumbprint;
use crate::domain::lifetime::Limits;
use crate::domain::session::Session;
use crate::domain::tenure::Tenure;
use crate::domain::user::User;
use crate::protocol::params::Params;
use crate::protocol::pkce;
use crate::protocol::session::{Deadlines, Times, by_time, judge};

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
    /// Whoever holds the code is not who it was for, or comes too late: make it useless (CO-04, CO-07, CO-12, RU-14), then refuse.
    Burn(&'static str),
    /// Refuse; there is nothing left to burn.
    Refuse(&'static str),
}

/// What a code must not be older than, beside its own minute.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    /// When the database was last put back from a copy. What was redeemed since the copy is unused in it, so a code from before is not judged by it
    /// (RFC 6749 §4.1.2: a code is used once).
    pub restored_at: Option<Timestamp>,
    pub tenure: &'a Tenure,
}

/// What came for the code.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    pub params: &'a Params,
    /// The key that was shown (RFC 9449).
    pub key: Option<&'a KeyThumbprint>,
}

pub fn decide(
    presented: Presented<'_>,
    client: &Client,
    code: &AuthorizationCode,
    facts: Option<&Facts<'_>>,
    limits: &Limits,
    since: Since<'_>,
    now: Timestamp,
) -> Decision {
    let params = presented.params;
    if since.restored_at.is_some_and(|restored_at| code.issued_at <= restored_at) {
        return Decision::Refuse("code from before the database was restored");
    }
    if now < code.issued_at - chrono::TimeDelta::seconds(60) {
        return Decision::Refuse("code of a time to come");
    }
    // Burnt too: a clock that is set back must not bring it to life again (CO-07).
    if now >= code.expires_at {
        return Decision::Burn("code expired");
    }
    // RFC 6749 §4.1.3: issued to this client.
    if code.client_id != client.id {
        return Decision::Burn("code of another client");
    }
    // RFC 6749 §4.1.3: the same redirect_uri as in the authorization request; none where that had none (FedCM).
    if params.get("redirect_uri") != code.redirect_uri.as_deref() {
        return Decision::Burn("redirect_uri differs from the authorization request");
    }
    // RFC 7636 §4.6.
    if !pkce::fits(code.code_challenge.as_deref(), params.get("code_verifier"), client.metadata.require_pkce) {
        return Decision::Burn("code_verifier does not match");
    }
    // RFC 9449 §10.
    if code.dpop_jkt.is_some() && code.dpop_jkt.as_ref() != presented.key {
        return Decision::Burn("bound by dpop_jkt to a key that was not shown");
    }
    // CO-10: what happened between the two requests counts.
    if !since.tenure.covers_grant(code.given_in()) {
        return Decision::Refuse("code from before its client was registered, disabled or ended everywhere");
    }
    let Some(facts) = facts else {
        return Decision::Refuse("session or user is gone");
    };
    if !client.metadata.first_party && !facts.consent.is_some_and(|consent| code.grant.is_within(&consent.scope)) {
        return Decision::Refuse("consent withdrawn");
    }
    // The session in which a password is changed goes on, and its applications come for new tokens: by what was allowed since.
    if code.issued_at < facts.user.password_changed_at {
        return Decision::Refuse("password_changed");
    }
    // Though the session may have begun a new one since: what was ended with the old one stays ended.
    if facts.client_session.is_some_and(|client_session| client_session.has_ended_grant(code.given_in())) {
        return Decision::Refuse("client_session_ended");
    }
    // Only a client session still alive counts here: the redemption begins a new one in place of an ended one.
    let client_session = facts.client_session.filter(|client_session| client_session.ended.is_none());
    if let Err(unusable) = judge(facts.session, facts.user, client_session, limits, now) {
        return Decision::Refuse(unusable.as_str());
    }
    // What is told are the deadlines of the client session as the redemption leaves it: begun, or used.
    let redeemed = Times { created_at: client_session.map_or(now, |client_session| client_session.created_at), last_used_at: now };
    match by_time(Times::of_session(facts.session), facts.session.remembered, Some(redeemed), limits, now) {
        Ok(deadlines) => Decision::Redeem(deadlines),
        Err(unusable) => Decision::Refuse(unusable.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::acr::Acr;
    use crate::domain::claim::NamedClaims;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::duration::Lifetime;
    use crate::domain::id::{ClientId, GrantId};
    use crate::domain::refresh_family::Grant;
    use crate::domain::scope::Scope;
    use crate::domain::session::{EndReason, Ended};
    use crate::protocol::session::tests::{a_client, at, client_session, session, user};

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    const SINCE: Since<'static> = Since { restored_at: None, tenure: &Tenure::UNBROKEN };

    fn client(id: &str, first_party: bool) -> Client {
        let metadata = ClientMetadata { first_party, ..ClientMetadata::defaults(ClientKind::Spa, "App") };
        a_client(id, metadata)
    }

    fn code() -> AuthorizationCode {
        AuthorizationCode {
            id: GrantId(Uuid::from_u128(9)),
            client_id: ClientId::parse("app").unwrap(),
            redirect_uri: Some("https://app.test/cb".to_owned()),
            user_id: user().id,
            session_id: session().id,
            grant: Grant {
                scope: Scope::parse("openid email").unwrap(),
                resources: vec![],
                auth_time: at(0),
                acr: Acr::Password,
                claims: NamedClaims::default(),
            },
            nonce: None,
            code_challenge: Some(CHALLENGE.to_owned()),
            dpop_jkt: None,
            issued_at: at(100),
            expires_at: at(160),
        }
    }

    fn unkeyed(params: &Params) -> Presented<'_> {
        Presented { params, key: None }
    }

    fn good() -> String {
        format!("redirect_uri=https://app.test/cb&code_verifier={VERIFIER}")
    }

    fn decided(text: &str, client: &Client, facts: Option<&Facts<'_>>, now: i64) -> Decision {
        decide(unkeyed(&Params::parse(text).unwrap()), client, &code(), facts, &Limits::default(), SINCE, at(now))
    }

    #[test]
    fn redeemed_by_whom_it_was_for_in_time() {
        let (session, user, client) = (session(), user(), client("app", true));
        let facts = Facts { session: &session, user: &user, client_session: None, consent: None };
        for (now, redeemed) in [(100, true), (159, true), (160, false), (161, false), (99, true), (40, true), (39, false)] {
            assert_eq!(matches!(decided(&good(), &client, Some(&facts), now), Decision::Redeem(_)), redeemed, "{now}");
        }
        let limits = Limits { session_idle: Lifetime::seconds(500), session_absolute: Lifetime::seconds(900), ..Limits::default() };
        let decision = decide(unkeyed(&Params::parse(&good()).unwrap()), &client, &code(), Some(&facts), &limits, SINCE, at(100));
        assert_eq!(decision, Decision::Redeem(Deadlines { absolute: Some(at(900)), idle: Some(at(500)) }));
        assert_eq!(decided(&good(), &client, None, 100), Decision::Refuse("session or user is gone"));
    }

    /// RFC 6749 §4.1.3, RFC 7636 §4.6: whoever presents it wrongly should not have it.
    #[test]
    fn burnt_in_the_wrong_hands() {
        let (session, user) = (session(), user());
        let facts = Facts { session: &session, user: &user, client_session: None, consent: None };
        assert!(matches!(decided(&good(), &client("other", true), Some(&facts), 100), Decision::Burn(_)));
        for odd in [
            format!("code_verifier={VERIFIER}"),
            format!("redirect_uri=https://app.test/cb/&code_verifier={VERIFIER}"),
            "redirect_uri=https://app.test/cb".to_owned(),
            format!("redirect_uri=https://app.test/cb&code_verifier={VERIFIER}x"),
            format!("redirect_uri=https://app.test/cb&code_verifier={CHALLENGE}"),
        ] {
            assert!(matches!(decided(&odd, &client("app", true), Some(&facts), 100), Decision::Burn(_)), "{odd}");
        }
        // CO-07: and too late, so that a clock that is set back does not revive it.
        assert_eq!(decided(&good(), &client("app", true), Some(&facts), 160), Decision::Burn("code expired"));
        assert_eq!(decided(&good(), &client("app", true), None, 160), Decision::Burn("code expired"));
    }

    /// DP-05 (RFC 9449 §10): as a wrong verifier, and judged beside it.
    #[test]
    fn burnt_without_the_key_it_is_bound_to() {
        use crate::domain::secret::Digest;
        let (session, user, client) = (session(), user(), client("app", true));
        let facts = Facts { session: &session, user: &user, client_session: None, consent: None };
        let (own, other) = (KeyThumbprint::of(&Digest([1; 32])), KeyThumbprint::of(&Digest([2; 32])));
        let run = |bound: Option<&KeyThumbprint>, key, text: &str| {
            let (code, params) = (AuthorizationCode { dpop_jkt: bound.cloned(), ..code() }, Params::parse(text).unwrap());
            decide(Presented { params: &params, key }, &client, &code, Some(&facts), &Limits::default(), SINCE, at(100))
        };
        for (bound, key, redeemed) in
            [(None, None, true), (None, Some(&own), true), (Some(&own), Some(&own), true), (Some(&own), Some(&other), false), (Some(&own), None, false)]
        {
            let decision = run(bound, key, &good());
            assert_eq!(matches!(decision, Decision::Redeem(_)), redeemed, "{decision:?}");
            assert!(redeemed || matches!(decision, Decision::Burn(_)), "{decision:?}");
        }
        assert!(matches!(run(Some(&own), Some(&own), "redirect_uri=https://app.test/cb"), Decision::Burn(_)), "the key is no verifier");
    }

    /// P12: a code of the very instant is of before. There is nothing to burn: it is dead whoever has it.
    #[test]
    fn none_from_before_a_restore() {
        let (session, user, client) = (session(), user(), client("app", true));
        let facts = Facts { session: &session, user: &user, client_session: None, consent: None };
        for (restored, redeemed) in [(0, true), (99, true), (100, false), (101, false)] {
            for (client, text) in [(&client, good()), (&client, "code_verifier=other".to_owned())] {
                let decision = decide(
                    unkeyed(&Params::parse(&text).unwrap()),
                    client,
                    &code(),
                    Some(&facts),
                    &Limits::default(),
                    Since { restored_at: Some(at(restored)), ..SINCE },
                    at(130),
                );
                assert_eq!(matches!(decision, Decision::Refuse(_)), !redeemed, "{restored} {text}");
            }
        }
    }

    /// CO-10.
    #[test]
    fn what_happened_since_counts() {
        let (live, user, client) = (session(), user(), client("app", false));
        let consent = |scope: &str| Consent { user_id: user.id, client_id: client.id.clone(), scope: Scope::parse(scope).unwrap(), granted_at: at(0) };
        let run = |session: &Session, client_session: Option<&ClientSession>, consent: Option<&Consent>| {
            decided(&good(), &client, Some(&Facts { session, user: &user, client_session, consent }), 100)
        };
        let all = consent("openid email");
        assert!(matches!(run(&live, None, Some(&all)), Decision::Redeem(_)));
        assert_eq!(run(&live, None, None), Decision::Refuse("consent withdrawn"));
        assert_eq!(run(&live, None, Some(&consent("openid"))), Decision::Refuse("consent withdrawn"));
        let ended = Some(Ended { at: at(50), reason: EndReason::Logout });
        assert_eq!(run(&Session { ended, ..session() }, None, Some(&all)), Decision::Refuse("logout"));
        // An ended client session is begun anew; one that has expired is not.
        let began = ClientSession { session_id: live.id, client_id: client.id.clone(), created_at: at(0), last_used_at: at(0), ended, last_ended_at: None };
        assert!(matches!(run(&live, Some(&began), Some(&all)), Decision::Redeem(_)));
        let limits = Limits { client_session_idle: Lifetime::seconds(10), ..Limits::default() };
        let told = |client_session| {
            let facts = Facts { session: &live, user: &user, client_session, consent: Some(&all) };
            let limits = Limits { client_session_idle: Lifetime::seconds(200), client_session_absolute: Lifetime::seconds(300), ..limits };
            match decide(unkeyed(&Params::parse(&good()).unwrap()), &client, &code(), Some(&facts), &limits, SINCE, at(100)) {
                Decision::Redeem(Deadlines { absolute, idle }) => (absolute, idle),
                other => panic!("{other:?}"),
            }
        };
        // The first code begins the client session, a later one uses it.
        assert_eq!(told(None), (Some(at(400)), Some(at(300))));
        let idle = ClientSession { ended: None, ..began };
        assert_eq!(told(Some(&idle)), (Some(at(300)), Some(at(300))));
        let facts = Facts { session: &live, user: &user, client_session: Some(&idle), consent: Some(&all) };
        let decision = decide(unkeyed(&Params::parse(&good()).unwrap()), &client, &code(), Some(&facts), &limits, SINCE, at(100));
        assert_eq!(decision, Decision::Refuse("client_session_expired_idle"));
    }

    /// CO-10: ended between the two requests, of the same instant included, whether or not the share has begun anew before the code comes.
    #[test]
    fn none_from_before_an_end() {
        let (session, user, client) = (session(), user(), client("app", true));
        let run = |client_session: Option<&ClientSession>, tenure: &Tenure| {
            let facts = Facts { session: &session, user: &user, client_session, consent: None };
            let since = Since { restored_at: None, tenure };
            decide(unkeyed(&Params::parse(&good()).unwrap()), &client, &code(), Some(&facts), &Limits::default(), since, at(130))
        };
        let live = client_session();
        for (moment, redeemed) in [(99, true), (100, false), (101, false)] {
            let ended = ClientSession { ended: Some(Ended { at: at(moment), reason: EndReason::RevokedByAdmin }), ..live.clone() };
            let anew = ClientSession { last_ended_at: Some(at(moment)), ..live.clone() };
            // Ended again, which an older version did not write twice.
            let twice = ClientSession { last_ended_at: Some(at(50)), ..ended.clone() };
            for share in [&ended, &anew, &twice] {
                let decision = run(Some(share), SINCE.tenure);
                assert_eq!(matches!(decision, Decision::Redeem(_)), redeemed, "{moment} {share:?}");
                assert!(redeemed || decision == Decision::Refuse("client_session_ended"), "{decision:?}");
            }
            for tenure in [Tenure { stopped_at: Some(at(moment)), ..*SINCE.tenure }, Tenure { grants_ended_at: Some(at(moment)), ..*SINCE.tenure }] {
                assert_eq!(matches!(run(None, &tenure), Decision::Redeem(_)), redeemed, "{tenure:?}");
                assert_eq!(matches!(run(Some(&live), &tenure), Decision::Redeem(_)), redeemed, "{tenure:?}");
            }
        }
        // In the session that goes on: its sign-in is as new as the password.
        for (changed, redeemed) in [(99, true), (100, true), (101, false)] {
            let (session, user) = (Session { auth_time: at(changed), ..session.clone() }, User { password_changed_at: at(changed), ..user.clone() });
            let facts = Facts { session: &session, user: &user, client_session: None, consent: None };
            let decision = decide(unkeyed(&Params::parse(&good()).unwrap()), &client, &code(), Some(&facts), &Limits::default(), SINCE, at(130));
            assert_eq!(matches!(decision, Decision::Redeem(_)), redeemed, "{changed} {decision:?}");
            assert!(redeemed || decision == Decision::Refuse("password_changed"), "{decision:?}");
        }
        for (began, redeemed) in [(99, true), (100, true), (101, false)] {
            assert_eq!(matches!(run(None, &Tenure { began_at: at(began), ..*SINCE.tenure }), Decision::Redeem(_)), redeemed, "{began}");
        }
    }
}
