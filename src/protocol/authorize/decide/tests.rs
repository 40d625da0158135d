//! What is decided, when.

use proptest::prelude::*;

use super::*;
use crate::domain::client::ClientMetadata;
use crate::domain::duration::Lifetime;
use crate::domain::redirect_uri::RedirectUri;
use crate::protocol::authorize::{target, validate};
use crate::protocol::params::Params;
use crate::protocol::session::tests::{a_client, at, session, user};

fn client(first_party: bool) -> Client {
    let metadata = ClientMetadata {
        first_party,
        redirect_uris: vec![RedirectUri::parse("https://app.test/cb").unwrap()],
        ..ClientMetadata::defaults(ClientKind::Spa, "App")
    };
    a_client("app", metadata)
}

fn request(client: &Client, more: &[(&str, &str)]) -> AuthorizationRequest {
    let base = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.test/cb"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let pairs = base.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name)).chain(more);
    let params = Params::from_pairs(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap();
    let target = target(&params, Some(client)).unwrap();
    validate(&params, target, client).unwrap()
}

/// What is decided at second 100 of a session that began at 0.
fn decided(client: &Client, more: &[(&str, &str)], names_another: bool, allowed: Option<&str>) -> Decision {
    let (user, session, limits) = (user(), session(), Limits::default());
    let consent = allowed.map(|scope| Consent { user_id: user.id, client_id: client.id.clone(), scope: Scope::parse(scope).unwrap(), granted_at: at(0) });
    let signed_in = SignedIn { session: &session, user: &user, client_session: None, consent: consent.as_ref(), device: DeviceProof::Missing };
    let facts = Facts { client, signed_in: Some(signed_in), cookie: true, others: false, ambiguous: false, names_another, interaction: None };
    decide(&request(client, more), &facts, &limits, at(100))
}

fn refused(decision: Decision) -> &'static str {
    match decision {
        Decision::Refuse(error) => error.code.as_str(),
        other => panic!("{other:?}"),
    }
}

const NONE: (&str, &str) = ("prompt", "none");

/// OIDC Core §3.1.2.2; and PN-02: silently, only whoever has been allowed something may learn that it is somebody else.
#[test]
fn another_than_the_one_named() {
    let (own, other) = (client(true), client(false));
    assert_eq!(decided(&own, &[], true, None), Decision::Authenticate(Why::HintOfAnother));
    assert_eq!(refused(decided(&own, &[NONE], true, None)), "account_selection_required");
    assert_eq!(refused(decided(&other, &[NONE], true, Some("openid"))), "account_selection_required");
    // Nor since when: `max_age` would tell, asked often enough.
    for max_age in ["1000", "10"] {
        for names_another in [true, false] {
            assert_eq!(refused(decided(&other, &[NONE, ("max_age", max_age)], names_another, None)), "consent_required");
            assert_eq!(refused(decided(&other, &[NONE, ("max_age", max_age)], names_another, Some("email"))), "consent_required");
        }
    }
    // Nobody but the user sees a page.
    assert_eq!(decided(&other, &[], true, None), Decision::Authenticate(Why::HintOfAnother));
}

/// OIDC Core §5.5.1.1: after the authentication, and whether or not a page may be shown.
#[test]
fn an_essential_acr_that_cannot_be_met() {
    let client = client(true);
    let gold = ("claims", r#"{"id_token": {"acr": {"essential": true, "value": "gold"}}}"#);
    for more in [&[gold][..], &[gold, NONE], &[gold, ("prompt", "select_account")]] {
        assert_eq!(refused(decided(&client, more, false, None)), "unmet_authentication_requirements");
    }
    assert_eq!(decided(&client, &[gold, ("max_age", "10")], false, None), Decision::Authenticate(Why::MaxAge));
    assert_eq!(refused(decided(&client, &[gold, NONE, ("max_age", "10")], false, None)), "login_required");
    let voluntary = ("claims", r#"{"id_token": {"acr": {"value": "gold"}}}"#);
    assert_eq!(decided(&client, &[voluntary, ("acr_values", "gold")], false, None), Decision::Issue);
}

/// OIDC Core §3.1.2.6: the client hears `login_required`; which of the reasons it was stands in the log.
#[test]
fn the_log_says_why_nobody_is_signed_in() {
    let (own, limits) = (client(true), Limits { session_absolute: Lifetime::seconds(100), ..Limits::default() });
    let (user, session) = (user(), session());
    let told = |more: &[(&str, &str)], cookie: bool, signed_in: bool, now| {
        let signed_in = signed_in.then_some(SignedIn { session: &session, user: &user, client_session: None, consent: None, device: DeviceProof::Missing });
        let facts = Facts { client: &own, signed_in, cookie, others: false, ambiguous: false, names_another: false, interaction: None };
        match decide(&request(&own, more), &facts, &limits, at(now)) {
            Decision::Refuse(error) if error.code == ErrorCode::LoginRequired => error.reason.into_owned(),
            other => panic!("{other:?}"),
        }
    };
    let reason = |more: &[(&str, &str)], signed_in, now| told(more, true, signed_in, now);
    assert_eq!(told(&[NONE], false, false, 10), "no_cookie");
    assert_eq!(reason(&[NONE], false, 10), "no_session");
    assert_eq!(reason(&[NONE], true, 100), "expired_absolute");
    assert_eq!(reason(&[NONE, ("max_age", "10")], true, 50), "max_age");
}

/// OIDC Core §3.1.2.1: the sign-in may be as old as `max_age`, not older.
#[test]
fn max_age_is_the_age_still_allowed() {
    let own = client(true);
    assert_eq!(decided(&own, &[("max_age", "100")], false, None), Decision::Issue);
    for max_age in ["99", "0"] {
        assert_eq!(decided(&own, &[("max_age", max_age)], false, None), Decision::Authenticate(Why::MaxAge));
    }
}

const BEGAN: Interaction =
    Interaction { session_before: None, began_at: None, account_chosen: false, another_account: false, choose_again: false, consent_given: false };

/// What is decided `age` seconds after a sign-in at second 0, in the course of this interaction.
fn decided_after(client: &Client, more: &[(&str, &str)], interaction: Interaction, age: i64) -> Decision {
    let (user, session) = (user(), session());
    let signed_in = SignedIn { session: &session, user: &user, client_session: None, consent: None, device: DeviceProof::Missing };
    let facts =
        Facts { client, signed_in: Some(signed_in), cookie: true, others: false, ambiguous: false, names_another: false, interaction: Some(interaction) };
    decide(&request(client, more), &facts, &Limits::default(), at(age))
}

/// OIDC Core §3.1.2.1: `prompt=login` and `max_age` want a sign-in made for this request; one that was there before is none, however young,
/// and neither is one that the request only seems to have come before.
#[test]
fn a_sign_in_counts_for_the_request_that_it_was_made_for() {
    let own = client(true);
    let (this, earlier) = ((session().id, at(0)), (session().id, at(-100)));
    let another = (SessionId(uuid::Uuid::from_u128(99)), at(0));
    let at_login = |session_before, began_at| Interaction { session_before, began_at, ..BEGAN };
    for (interaction, age, fresh) in [
        (at_login(None, None), 0, true),
        (at_login(None, Some(at(-5))), 5, true),
        (at_login(None, Some(at(0))), 5, true),
        (at_login(None, Some(at(1))), 5, false),
        (at_login(Some(earlier), Some(at(-5))), 5, true),
        (at_login(Some(another), Some(at(-5))), 5, true),
        (at_login(Some(this), Some(at(-5))), 5, false),
        (at_login(Some(this), None), 5, false),
        (at_login(None, Some(at(-5))), 600, true),
        (at_login(None, Some(at(-5))), 601, false),
    ] {
        for (more, why) in [(("prompt", "login"), Why::PromptLogin), (("max_age", "0"), Why::MaxAge)] {
            let expected = if fresh || (age == 0 && why == Why::MaxAge) { Decision::Issue } else { Decision::Authenticate(why) };
            assert_eq!(decided_after(&own, &[more], interaction, age), expected, "{interaction:?} {age} {more:?}");
        }
        // Whoever wanted another account goes on with the one they signed in with.
        let expected = if fresh { Decision::Issue } else { Decision::Authenticate(Why::AnotherAccount) };
        assert_eq!(decided_after(&own, &[], Interaction { another_account: true, ..interaction }, age), expected, "{interaction:?} {age}");
        // OIDC Core §3.1.2.1, select_account: who has just signed in has chosen by that.
        let expected = if fresh { Decision::Issue } else { Decision::ChooseAccount };
        assert_eq!(decided_after(&own, &[("prompt", "select_account")], interaction, age), expected, "{interaction:?} {age}");
    }
    assert_eq!(decided(&own, &[("prompt", "login")], false, None), Decision::Authenticate(Why::PromptLogin));
    assert_eq!(decided(&own, &[("prompt", "select_account")], false, None), Decision::ChooseAccount);
}

#[test]
fn an_account_is_chosen_once() {
    let own = client(true);
    let before = Interaction { session_before: Some((session().id, at(0))), ..BEGAN };
    let chosen = Interaction { account_chosen: true, ..before };
    assert_eq!(decided_after(&own, &[("prompt", "select_account")], before, 100), Decision::ChooseAccount);
    assert_eq!(decided_after(&own, &[("prompt", "select_account")], chosen, 100), Decision::Issue);
    assert_eq!(decided_after(&own, &[("prompt", "login select_account")], chosen, 100), Decision::Authenticate(Why::PromptLogin));
    assert_eq!(decided_after(&own, &[], before, 100), Decision::Issue);
    // Whoever says on a page that they are somebody else is asked who, once.
    let again = Interaction { choose_again: true, ..before };
    assert_eq!(decided_after(&own, &[], again, 100), Decision::ChooseAccount);
    assert_eq!(decided_after(&client(false), &[], again, 100), Decision::ChooseAccount, "before consent");
    assert_eq!(decided_after(&own, &[], Interaction { account_chosen: true, ..again }, 100), Decision::Issue);
    assert_eq!(decided_after(&own, &[], Interaction { another_account: true, ..again }, 100), Decision::Authenticate(Why::AnotherAccount));
    assert_eq!(decided_after(&own, &[], Interaction { session_before: None, ..again }, 100), Decision::Issue, "a sign-in is a choice");
}

/// With several accounts the choice comes first, then what is asked of the one that was chosen; in silence it is a refusal, after consent (PN-02).
#[test]
fn which_of_several_comes_first() {
    let (own, other) = (client(true), client(false));
    let (user, session) = (user(), session());
    let with = |client: &Client, more: &[(&str, &str)], limits: Limits, ambiguous, interaction| {
        let signed_in = SignedIn { session: &session, user: &user, client_session: None, consent: None, device: DeviceProof::Missing };
        let facts = Facts { client, signed_in: Some(signed_in), cookie: true, others: true, ambiguous, names_another: false, interaction };
        decide(&request(client, more), &facts, &limits, at(100))
    };
    let over = Limits { session_absolute: Lifetime::seconds(50), ..Limits::default() };
    let select = ("prompt", "select_account");
    let before = Interaction { session_before: Some((session.id, at(0))), ..BEGAN };
    let chosen = Interaction { account_chosen: true, ..before };
    assert_eq!(with(&own, &[select], over, false, Some(before)), Decision::ChooseAccount);
    assert!(matches!(with(&own, &[select], over, false, Some(chosen)), Decision::Authenticate(Why::Session(_))));
    assert_eq!(with(&own, &[("prompt", "select_account login")], Limits::default(), false, None), Decision::ChooseAccount);
    let login = [("prompt", "select_account login")];
    assert_eq!(with(&own, &login, Limits::default(), false, Some(chosen)), Decision::Authenticate(Why::PromptLogin));
    // "Use another account" is answered by a sign-in, not by the same page again.
    let another = Interaction { another_account: true, ..before };
    assert_eq!(with(&own, &[select], Limits::default(), false, Some(another)), Decision::Authenticate(Why::AnotherAccount));
    assert_eq!(with(&own, &[], Limits::default(), false, None), Decision::Issue);
    assert_eq!(refused(with(&own, &[NONE], Limits::default(), true, None)), "account_selection_required");
    assert_eq!(refused(with(&other, &[NONE], Limits::default(), true, None)), "consent_required");
    assert_eq!(refused(with(&own, &[NONE], over, true, None)), "login_required");
}

/// What is decided when this consent is kept and the consent page of this request has, or has not, just been answered with yes.
fn consented(client: &Client, more: &[(&str, &str)], kept: Option<&str>, just_given: bool) -> Decision {
    let (user, session) = (user(), session());
    let consent = kept.map(|scope| Consent { user_id: user.id, client_id: client.id.clone(), scope: Scope::parse(scope).unwrap(), granted_at: at(0) });
    let signed_in = SignedIn { session: &session, user: &user, client_session: None, consent: consent.as_ref(), device: DeviceProof::Missing };
    let interaction = Some(Interaction { session_before: Some((session.id, at(0))), consent_given: just_given, ..BEGAN });
    decide(
        &request(client, more),
        &Facts { client, signed_in: Some(signed_in), cookie: true, others: false, ambiguous: false, names_another: false, interaction },
        &Limits::default(),
        at(100),
    )
}

/// PN-02: of several accounts only those are there for an application that need not be asked for anything.
#[test]
fn who_need_not_be_asked() {
    let allowed = |client: &Client, more: &[(&str, &str)], kept: Option<&str>| {
        let scope = |kept| Scope::parse(kept).unwrap();
        let consent = kept.map(|kept| Consent { user_id: user().id, client_id: client.id.clone(), scope: scope(kept), granted_at: at(0) });
        is_allowed(&request(client, more), client, consent.as_ref())
    };
    let (own, other) = (client(true), client(false));
    assert!(allowed(&own, &[], None) && !allowed(&other, &[], None));
    assert!(allowed(&other, &[], Some("openid")) && !allowed(&other, &[("scope", "openid email")], Some("openid")));
    assert!(!allowed(&own, &[("prompt", "consent")], Some("openid")));
}

/// OIDC Core §3.1.2.1, `prompt=consent`: asked again, of everybody; a yes counts when it was said now, and for all that is asked for.
#[test]
fn consent_asked_for_is_given_anew() {
    let asks = || Decision::AskConsent(Scope::parse("openid email").unwrap());
    for first_party in [true, false] {
        let client = client(first_party);
        let run = |kept, just_given| consented(&client, &[("prompt", "consent"), ("scope", "openid email")], kept, just_given);
        assert_eq!(run(None, false), asks());
        assert_eq!(run(Some("openid email"), false), asks());
        assert_eq!(run(None, true), asks());
        assert_eq!(run(Some("openid"), true), asks());
        assert_eq!(run(Some("openid email profile"), true), Decision::Issue);
    }
    assert_eq!(consented(&client(true), &[], None, false), Decision::Issue, "one's own application does not ask by itself");
    assert_eq!(consented(&client(false), &[], None, true), Decision::AskConsent(Scope::parse("openid").unwrap()), "a yes that is not kept is none");
}

/// RFC 8252 §8.6, ASVS 10.7.1: of an application on the user's device only an https address says that it is the same one as before.
#[test]
fn an_earlier_yes_counts_for_an_address_that_is_somebodys() {
    let uris = ["https://app.test/cb", "http://127.0.0.1/cb", "com.example.app:/cb"];
    for (kind, uri, assured) in [
        (ClientKind::Native, uris[0], true),
        (ClientKind::Native, uris[1], false),
        (ClientKind::Native, uris[2], false),
        (ClientKind::Spa, uris[0], true),
        (ClientKind::Web, "http://127.0.0.1/cb", true),
    ] {
        for first_party in [true, false] {
            let mut client = client(first_party);
            client.metadata.kind = kind;
            client.metadata.redirect_uris = uris.map(|uri| RedirectUri::parse(uri).unwrap()).to_vec();
            let again = || if assured { Decision::Issue } else { Decision::AskConsent(Scope::parse("openid").unwrap()) };
            assert_eq!(consented(&client, &[("redirect_uri", uri)], Some("openid"), false), again(), "{kind:?} {uri}");
            assert_eq!(consented(&client, &[("redirect_uri", uri)], Some("openid"), true), Decision::Issue, "{kind:?} {uri}");
            let silent = consented(&client, &[("redirect_uri", uri), NONE], Some("openid"), false);
            assert!(if assured { silent == Decision::Issue } else { refused(silent) == "consent_required" }, "{kind:?} {uri}");
        }
    }
}

/// CS-03: what is asked for by name is allowed by its scope, and asked about with it.
#[test]
fn consent_is_for_names_too() {
    let client = client(false);
    let email = ("claims", r#"{"userinfo": {"email": null}}"#);
    let both = || Decision::AskConsent(Scope::parse("openid email").unwrap());
    assert_eq!(decided(&client, &[email], false, None), both());
    assert_eq!(decided(&client, &[email], false, Some("openid")), both());
    assert_eq!(decided(&client, &[email], false, Some("email openid")), Decision::Issue);
    assert_eq!(decided(&client, &[email, ("prompt", "consent")], false, Some("email openid")), both());
    assert_eq!(decided(&client, &[], false, Some("openid")), Decision::Issue);
    // Not an OpenID request: names mean nothing.
    assert_eq!(decided(&client, &[email, ("scope", "profile")], false, Some("profile")), Decision::Issue);
}

proptest! {
    /// PN-01: whatever is known, `prompt=none` shows no page.
    #[test]
    fn silence_is_kept(
        first_party: bool, names_another: bool, gold: bool, others: bool, ambiguous: bool, max_age in prop::option::of(0u32..200),
        allowed in prop::option::of("(openid |email |profile ){0,3}"), absolute in 50i64..200,
    ) {
        let client = Client { metadata: ClientMetadata { first_party, ..client(true).metadata }, ..client(true) };
        let max_age = max_age.map(|seconds| seconds.to_string());
        let mut more = vec![NONE, ("scope", "openid email")];
        more.extend(max_age.as_deref().map(|seconds| ("max_age", seconds)));
        if gold {
            more.push(("claims", r#"{"id_token": {"acr": {"essential": true, "value": "gold"}}}"#));
        }
        let limits = Limits { session_absolute: Lifetime::seconds(absolute), ..Limits::default() };
        let (user, session) = (user(), session());
        let consent = allowed.map(|scope| Consent { user_id: user.id, client_id: client.id.clone(), scope: Scope::parse(&scope).unwrap(), granted_at: at(0) });
        let signed_in = SignedIn { session: &session, user: &user, client_session: None, consent: consent.as_ref(), device: DeviceProof::Missing };
        for signed_in in [None, Some(signed_in)] {
            let facts = Facts { client: &client, signed_in, cookie: true, others, ambiguous: others && ambiguous, names_another, interaction: None };
            let decision = decide(&request(&client, &more), &facts, &limits, at(100));
            prop_assert!(matches!(decision, Decision::Issue | Decision::Refuse(_)), "{:?}", decision);
            if names_another || gold || signed_in.is_none() || absolute <= 100 || (others && ambiguous) {
                prop_assert!(matches!(decision, Decision::Refuse(_)), "{:?}", decision);
            }
        }
    }
}
