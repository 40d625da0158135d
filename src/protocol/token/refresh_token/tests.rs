use super::*;
use crate::domain::acr::Acr;
use crate::domain::claim::NamedClaims;
use crate::domain::client::{ClientKind, ClientMetadata};
use crate::domain::entropy::SystemEntropy;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::refresh_family::{Grant, KeyBinding};
use crate::domain::scope::Scope;
use crate::domain::secret::{Digest, Secret};
use crate::domain::session::Ended;
use crate::domain::tenure::Tenure;
use crate::protocol::error::ErrorCode;
use crate::protocol::session::tests::{a_client, at, client_session, session, user};
use proptest::prelude::*;
use uuid::Uuid;

const FAMILY: GrantId = GrantId(Uuid::from_u128(7));

fn client(overlap: i64) -> Client {
    let metadata = ClientMetadata { first_party: true, refresh_overlap: Lifetime::seconds(overlap), ..ClientMetadata::defaults(ClientKind::Spa, "App") };
    a_client("app", metadata)
}

/// One with a secret, which may ask for either.
fn asking_online(overlap: i64) -> Client {
    let scope = Scope::parse("openid offline_access online_access").unwrap();
    let metadata = ClientMetadata { first_party: true, scope, refresh_overlap: Lifetime::seconds(overlap), ..ClientMetadata::defaults(ClientKind::Web, "App") };
    Client { metadata, ..client(overlap) }
}

/// Of the client `app`, in its fifth generation.
pub(crate) fn family(scope: &str) -> RefreshFamily {
    RefreshFamily {
        id: FAMILY,
        client_id: ClientId::parse("app").unwrap(),
        user_id: user().id,
        session_id: session().id,
        grant: Grant { scope: Scope::parse(scope).unwrap(), resources: vec![], auth_time: at(0), acr: Acr::Password, claims: NamedClaims::default() },
        secret: Secret::new([1; 32]),
        generation: 5,
        rotated_at: at(0),
        created_at: at(0),
        last_used_at: at(0),
        ended: None,
        bound_to: None,
    }
}

fn run(family: &RefreshFamily, generation: u64, client: &Client, limits: &Limits, now: i64) -> Decision {
    let (user, session) = (user(), session());
    let facts = Facts { family, user: Some(&user), session: Some(&session), client_session: None, consent: None, tenure: &Tenure::UNBROKEN };
    decide(PresentedRefreshToken { family_id: FAMILY, generation }, &facts, client, limits, false, at(now))
}

#[test]
fn the_table() {
    let (family, client, limits) = (family("openid offline_access"), client(30), Limits::default());
    let d = |generation, now| run(&family, generation, &client, &limits, now);
    assert!(matches!(d(5, 10), Decision::Rotate { next: 6 }));
    assert!(matches!(d(4, 29), Decision::Replay { current: 5 }));
    assert_eq!(d(4, 30), Decision::Reuse);
    assert_eq!(d(3, 1), Decision::Reuse);
    assert!(matches!(d(9, 1), Decision::RotateForward { next: 10 }));
}

/// `online_access`: the same token however often and whenever it comes, and whatever the overlap; only what never was newest is reuse.
#[test]
fn what_stands_for_the_session_stays() {
    let online = family("openid online_access");
    for overlap in [0, 30] {
        let client = asking_online(overlap);
        for now in [0, 1, 29, 30, 100_000] {
            assert_eq!(run(&online, 5, &client, &Limits::default(), now), Decision::Stay { current: 5 }, "{overlap} {now}");
        }
        assert_eq!(run(&online, 3, &client, &Limits::default(), 1), Decision::Reuse);
        // The database lost writes: what came is what it goes on with.
        assert_eq!(run(&online, 7, &client, &Limits::default(), 1), Decision::RotateForward { next: 7 });
        assert_eq!(run(&online, u64::MAX, &client, &Limits::default(), 1), Decision::RotateForward { next: u64::MAX });
    }
    // Who may ask for it no more is back to tokens that rotate; and so is a client without a secret, whatever it is registered with.
    let mut narrowed = asking_online(30);
    narrowed.metadata.scope = Scope::parse("openid").unwrap();
    assert_eq!(run(&online, 5, &narrowed, &Limits::default(), 1), Decision::Rotate { next: 6 });
    let mut public = client(30);
    public.metadata.scope = Scope::parse("openid online_access").unwrap();
    assert_eq!(run(&online, 5, &public, &Limits::default(), 1), Decision::Rotate { next: 6 });
}

/// It ends with the session, and by its own limits as well, which its uses move on.
#[test]
fn what_stands_for_the_session_ends_with_it() {
    let limits = Limits { session_idle: Lifetime::seconds(100), refresh_idle: Lifetime::seconds(50), ..Limits::default() };
    let (client, online) = (asking_online(30), family("openid online_access"));
    assert_eq!(run(&online, 5, &client, &limits, 49), Decision::Stay { current: 5 });
    assert_eq!(run(&online, 5, &client, &limits, 50), Decision::Expired(EndReason::ExpiredIdle));
    let used = RefreshFamily { last_used_at: at(60), ..online };
    assert_eq!(run(&used, 5, &client, &limits, 98), Decision::Stay { current: 5 });
    assert_eq!(run(&used, 5, &client, &limits, 100), Decision::Expired(EndReason::ExpiredIdle), "the session was not used");
}

/// What a refresh is a use of: of nothing while nobody is there; of the session else, and of the family where no step says it.
#[test]
fn a_refresh_is_a_use() {
    let (client, limits) = (asking_online(30), Limits { refresh_idle: Lifetime::seconds(40), ..Limits::default() });
    let used = |scope: &str, session: Option<&Session>, now| {
        let facts = Facts { family: &family(scope), user: None, session, client_session: None, consent: None, tenure: &Tenure::UNBROKEN };
        let used = used(&facts, &client, &limits, at(now));
        (used.session, used.family)
    };
    let session = session();
    for (now, online, rotating) in [(9, (false, false), (false, false)), (10, (false, true), (false, false)), (60, (true, true), (true, false))] {
        assert_eq!(used("openid online_access", Some(&session), now), online, "{now}");
        assert_eq!(used("openid", Some(&session), now), rotating, "{now}");
        assert_eq!(used("openid offline_access", Some(&session), now), (false, false), "{now}");
        assert_eq!(used("openid", None, now), (false, false), "{now}");
    }
}

#[test]
fn strict_clients_have_no_overlap() {
    let client = client(0);
    for now in [0, 10, -10] {
        assert_eq!(run(&family("openid"), 4, &client, &Limits::default(), now), Decision::Reuse, "also by the clock of a replica that is behind: {now}");
    }
}

#[test]
fn another_client_ends_nothing() {
    let other = Client { id: ClientId::parse("other").unwrap(), ..client(30) };
    assert!(matches!(run(&family("openid"), 1, &other, &Limits::default(), 1), Decision::Refuse(_)));
}

#[test]
fn a_family_without_offline_access_ends_with_its_session() {
    let limits = Limits { session_idle: Lifetime::seconds(10), ..Limits::default() };
    assert_eq!(run(&family("openid"), 5, &client(30), &limits, 10), Decision::Expired(EndReason::ExpiredIdle));
    assert!(matches!(run(&family("openid offline_access"), 5, &client(30), &limits, 10), Decision::Rotate { .. }));
}

/// RFC 9700 §4.14.2 leaves it to the server how a lost answer is made good: whoever was a moment too late by this very call gets the successor
/// even where another replica's clock is ahead; but a client without an overlap never.
#[test]
fn who_lost_a_race_is_owed_the_successor() {
    let lost = |family: &RefreshFamily, generation, overlap, now| {
        let (user, session) = (user(), session());
        let facts = Facts { family, user: Some(&user), session: Some(&session), client_session: None, consent: None, tenure: &Tenure::UNBROKEN };
        decide(PresentedRefreshToken { family_id: FAMILY, generation }, &facts, &client(overlap), &Limits::default(), true, at(now))
    };
    let family = family("openid offline_access");
    assert_eq!(lost(&family, 4, 30, 1000), Decision::Replay { current: 5 });
    assert_eq!(lost(&family, 4, 0, 1000), Decision::Reuse);
    assert_eq!(lost(&family, 3, 30, 1), Decision::Reuse);
    // An overlap without an end is not taken for one (`check` refuses to register it).
    let mut unlimited = client(30);
    unlimited.metadata.refresh_overlap = Lifetime::Unlimited;
    assert_eq!(run(&family, 4, &unlimited, &Limits::default(), 1), Decision::Reuse);
}

fn key(byte: u8) -> KeyThumbprint {
    KeyThumbprint::of(&Digest([byte; 32]))
}

/// RT-15: without the key of the family nothing is given and nothing ends, but by the reuse of what was a bearer token when it was given.
#[test]
fn what_a_key_says_to_a_decision() {
    let (client, limits) = (client(30), Limits::default());
    let bound = |since| RefreshFamily { bound_to: Some(KeyBinding { key: key(1), since }), ..family("openid offline_access") };
    let judged = |family: &RefreshFamily, generation, now, shown: Option<u8>| {
        let decision = run(family, generation, &client, &limits, now);
        let shown = shown.map(key);
        with_key(decision, PresentedRefreshToken { family_id: FAMILY, generation }, family, &client, shown.as_ref()).map_err(|error| error.code)
    };
    let (no_proof, other_key) = (Err(ErrorCode::InvalidDpopProof), Err(ErrorCode::InvalidGrant));
    for (since, generation, now, own, none, other) in [
        // Bound from the first on.
        (1, 5, 1, Ok(Decision::Rotate { next: 6 }), no_proof.clone(), other_key.clone()),
        (1, 4, 1, Ok(Decision::Replay { current: 5 }), no_proof.clone(), other_key.clone()),
        (1, 4, 30, Ok(Decision::Reuse), no_proof.clone(), other_key.clone()),
        (1, 1, 1, Ok(Decision::Reuse), no_proof.clone(), other_key.clone()),
        // By its last step: the token of before comes again within the overlap, after it, and from longer ago.
        (5, 5, 1, Ok(Decision::Rotate { next: 6 }), no_proof.clone(), other_key.clone()),
        (5, 4, 1, Ok(Decision::Replay { current: 5 }), no_proof.clone(), other_key.clone()),
        (5, 4, 30, Ok(Decision::Reuse), Ok(Decision::Reuse), Ok(Decision::Reuse)),
        (5, 3, 1, Ok(Decision::Reuse), Ok(Decision::Reuse), Ok(Decision::Reuse)),
        // By the one before: what it gave is bound.
        (4, 4, 30, Ok(Decision::Reuse), no_proof.clone(), other_key.clone()),
        (4, 3, 1, Ok(Decision::Reuse), Ok(Decision::Reuse), Ok(Decision::Reuse)),
        // The database lost writes.
        (5, 9, 1, Ok(Decision::RotateForward { next: 10 }), no_proof.clone(), other_key.clone()),
    ] {
        let family = bound(since);
        let all = (judged(&family, generation, now, Some(1)), judged(&family, generation, now, None), judged(&family, generation, now, Some(2)));
        assert_eq!(all, (own, none, other), "bound since {since}, presented {generation} after {now} seconds");
    }
    // What is over: whoever has a token of before is told so, and not for ever that a key is missing.
    let ended = Some(crate::domain::session::Ended { at: at(0), reason: crate::domain::session::EndReason::RevokedByAdmin });
    let over = RefreshFamily { ended, ..bound(5) };
    for shown in [None, Some(1), Some(2)] {
        assert!(matches!(judged(&over, 4, 1, shown), Ok(Decision::Refuse(_))), "{shown:?}");
    }
    assert_eq!((judged(&over, 5, 1, None), judged(&over, 5, 1, Some(2))), (no_proof, other_key));
    // Not bound: whatever was shown. Of another client: what is refused, by the refusal that it had.
    for shown in [None, Some(1), Some(2)] {
        assert_eq!(judged(&family("openid offline_access"), 5, 1, shown), Ok(Decision::Rotate { next: 6 }));
        let of_another = RefreshFamily { client_id: ClientId::parse("another").unwrap(), ..bound(1) };
        assert!(matches!(judged(&of_another, 5, 1, shown), Ok(Decision::Refuse(_))));
    }
}

/// RFC 9449 §5: a public client's family, once.
#[test]
fn who_is_bound_by_a_step() {
    let (free, page, server) = (family("openid"), client(30), asking_online(30));
    let bound = RefreshFamily { bound_to: Some(KeyBinding { key: key(1), since: 2 }), ..family("openid") };
    assert_eq!(binds(&free, &page, Some(&key(1))), Some(key(1)));
    assert_eq!(binds(&free, &page, None), None);
    assert_eq!(binds(&free, &server, Some(&key(1))), None);
    for shown in [key(1), key(2)] {
        assert_eq!(binds(&bound, &page, Some(&shown)), None);
    }
}

#[test]
fn generations_end_before_they_begin_again() {
    let (client, limits) = (client(30), Limits::default());
    let last = RefreshFamily { generation: u64::MAX, ..family("openid offline_access") };
    assert!(matches!(run(&last, u64::MAX, &client, &limits, 1), Decision::Refuse(_)));
    assert_eq!(run(&last, u64::MAX - 1, &client, &limits, 1), Decision::Replay { current: u64::MAX });
    assert!(matches!(run(&family("openid offline_access"), u64::MAX, &client, &limits, 1), Decision::Refuse(_)));
}

/// What is judged of a family at `now`, with a session that is there or is not, and this consent.
fn judged(family: &RefreshFamily, client: &Client, limits: &Limits, session: Option<&Session>, consent: Option<&str>, now: i64) -> Result<Deadlines, Dead> {
    let user = user();
    let scope = |text| Scope::parse(text).unwrap();
    let consent = consent.map(|text| Consent { user_id: user.id, client_id: client.id.clone(), scope: scope(text), granted_at: at(0) });
    usable(&Facts { family, user: Some(&user), session, client_session: None, consent: consent.as_ref(), tenure: &Tenure::UNBROKEN }, client, limits, at(now))
}

/// The limits of the family, and those of its session unless the user allowed more (OIDC Core §11): whatever ends first.
#[test]
fn a_family_ends_at_the_first_of_its_ends() {
    let limits = Limits {
        refresh_absolute: Lifetime::seconds(1000),
        refresh_idle: Lifetime::seconds(100),
        session_absolute: Lifetime::seconds(500),
        session_idle: Lifetime::seconds(50),
        ..Limits::default()
    };
    let (client, session) = (client(30), session());
    let offline = |now, limits: &Limits| judged(&family("openid offline_access"), &client, limits, Some(&session), None, now);
    assert_eq!(offline(99, &limits), Ok(Deadlines { absolute: Some(at(1000)), idle: Some(at(100)) }));
    assert_eq!(offline(100, &limits), Err(Dead::Expired(EndReason::ExpiredIdle)));
    assert_eq!(offline(1000, &limits), Err(Dead::Expired(EndReason::ExpiredAbsolute)));
    let online = |now, limits: &Limits| judged(&family("openid"), &client, limits, Some(&session), None, now);
    assert_eq!(online(49, &limits), Ok(Deadlines { absolute: Some(at(500)), idle: Some(at(50)) }));
    assert_eq!(online(50, &limits), Err(Dead::Expired(EndReason::ExpiredIdle)));
    let shorter = Limits { session_absolute: Lifetime::seconds(40), ..limits };
    assert_eq!(online(40, &shorter), Err(Dead::Expired(EndReason::ExpiredAbsolute)));
    assert!(offline(40, &shorter).is_ok());
    // Of a client that may ask for it no more, the grant hangs on the session again.
    let mut narrowed = client.clone();
    narrowed.metadata.scope = Scope::parse("openid").unwrap();
    assert_eq!(judged(&family("openid offline_access"), &narrowed, &limits, Some(&session), None, 50), Err(Dead::Expired(EndReason::ExpiredIdle)));
}

/// OIDC Back-Channel Logout §2.7: `offline_access` outlives a session that came to its end, not one that was ended on purpose.
#[test]
fn what_a_session_leaves_behind() {
    let (client, limits) = (client(30), Limits::default());
    let judged = |scope, session: Option<&Session>| judged(&family(scope), &client, &limits, session, None, 10);
    assert!(judged("openid offline_access", None).is_ok());
    assert!(matches!(judged("openid", None), Err(Dead::Refused(_))));
    for reason in EndReason::ALL {
        let ended = Session { ended: Some(Ended { at: at(5), reason }), ..session() };
        assert_eq!(judged("openid offline_access", Some(&ended)).is_ok(), reason.spares_offline_access(), "{reason:?}");
        assert_eq!(judged("openid", Some(&ended)), Err(Dead::Refused(reason.as_str())), "{reason:?}");
    }
}

#[test]
fn a_client_session_ends_what_hangs_on_the_session() {
    let (user, session, client) = (user(), session(), client(30));
    let limits = Limits { client_session_idle: Lifetime::seconds(20), client_session_absolute: Lifetime::seconds(40), ..Limits::default() };
    let judged = |scope: &str, ended: Option<Ended>, now| {
        let client_session = ClientSession { ended, ..client_session() };
        let facts = Facts {
            family: &family(scope),
            user: Some(&user),
            session: Some(&session),
            client_session: Some(&client_session),
            consent: None,
            tenure: &Tenure::UNBROKEN,
        };
        usable(&facts, &client, &limits, at(now))
    };
    let ended = Some(Ended { at: at(1), reason: EndReason::RevokedByUser });
    assert!(judged("openid", None, 19).is_ok());
    assert_eq!(judged("openid", None, 20), Err(Dead::Expired(EndReason::ExpiredIdle)));
    assert_eq!(judged("openid", None, 40), Err(Dead::Expired(EndReason::ExpiredAbsolute)));
    assert_eq!(judged("openid", ended, 10), Err(Dead::Refused("client_session_ended")));
    assert!(judged("openid offline_access", ended, 50).is_ok());
}

/// The user is asked first: whoever is gone, shut out, or has changed the password since has no family any more.
#[test]
fn the_user_must_still_stand_behind_it() {
    let (session, client, family) = (session(), client(30), family("openid offline_access"));
    let judged = |user: Option<&User>| {
        usable(
            &Facts { family: &family, user, session: Some(&session), client_session: None, consent: None, tenure: &Tenure::UNBROKEN },
            &client,
            &Limits::default(),
            at(10),
        )
    };
    let ada = user();
    assert!(judged(Some(&ada)).is_ok());
    assert!(matches!(judged(None), Err(Dead::Refused(_))));
    assert_eq!(judged(Some(&User { disabled_at: Some(at(1)), ..user() })), Err(Dead::Refused("user_disabled")));
    assert_eq!(judged(Some(&User { password_changed_at: at(1), ..user() })), Err(Dead::Refused("password_changed")));
    assert!(judged(Some(&User { password_changed_at: at(0), ..user() })).is_ok(), "signed in at that instant, with the new one");
    // A family that hangs on a session hangs on the password that began that one, too; one that outlives it on its own.
    let old = Session { auth_time: at(-2), ..session };
    let of = |scope| {
        let family = self::family(scope);
        usable(
            &Facts { family: &family, user: Some(&ada), session: Some(&old), client_session: None, consent: None, tenure: &Tenure::UNBROKEN },
            &client,
            &Limits::default(),
            at(10),
        )
    };
    assert_eq!(of("openid").unwrap_err(), Dead::Refused("password_changed"));
    assert!(of("openid offline_access").is_ok());
}

/// What was ended with all that the client had stays ended, whenever it was written: the id of a family tells when its code was issued.
#[test]
fn none_from_before_the_client_was_stopped() {
    use chrono::TimeDelta;
    let (user, session, client) = (user(), session(), client(30));
    let (issued_at, written_at) = (at(100) + TimeDelta::microseconds(400), at(105));
    let id = GrantId::generate(issued_at, &SystemEntropy);
    for scope in ["openid", "openid offline_access"] {
        let family = RefreshFamily { id, created_at: written_at, ..family(scope) };
        let judged = |tenure: Tenure| {
            let facts = Facts { family: &family, user: Some(&user), session: Some(&session), client_session: None, consent: None, tenure: &tenure };
            usable(&facts, &client, &Limits::default(), at(110)).map(|_| ())
        };
        for (ended_at, ended) in [(at(99), false), (at(100), true), (at(101), true), (at(105), true), (at(109), true)] {
            let expected = if ended { Err(Dead::Refused("client_ended")) } else { Ok(()) };
            assert_eq!(judged(Tenure { stopped_at: Some(ended_at), ..Tenure::UNBROKEN }), expected, "{scope} {ended_at}");
            assert_eq!(judged(Tenure { grants_ended_at: Some(ended_at), ..Tenure::UNBROKEN }), expected, "{scope} {ended_at}");
        }
        assert_eq!(judged(Tenure::UNBROKEN), Ok(()));
    }
    // By the clock of the replica that wrote it, if that is earlier, and alone where the id tells nothing.
    let of = |id, created_at| RefreshFamily { id, created_at, ..family("openid") }.given_in();
    assert_eq!([of(id, at(99)), of(id, at(105)), of(FAMILY, at(105))], [at(99), at(100), at(105)].map(|at| at.timestamp_millis()));
}

/// What the user has allowed may shrink: a family is worth no more than that (RFC 6749 §6: never more than was granted).
#[test]
fn consent_that_is_gone_is_felt() {
    let (own, session, limits) = (client(30), session(), Limits::default());
    let mut other = own.clone();
    other.metadata.first_party = false;
    let judged = |client: &Client, consent| judged(&family("openid offline_access"), client, &limits, Some(&session), consent, 10);
    assert!(judged(&own, None).is_ok(), "of one's own application nobody is asked");
    assert!(judged(&other, Some("openid offline_access email")).is_ok());
    assert_eq!(judged(&other, Some("openid")), Err(Dead::Refused("consent_withdrawn")));
    assert_eq!(judged(&other, None), Err(Dead::Refused("consent_withdrawn")));
}

/// What has run out is written down as that; every other reason only stands in the log.
#[test]
fn what_ends_is_told_by_its_word() {
    assert_eq!(Dead::Expired(EndReason::ExpiredIdle).as_str(), "expired_idle");
    assert_eq!(Dead::Refused("user is gone").as_str(), "user is gone");
    let (client, session) = (client(30), session());
    let limits = Limits { refresh_idle: Lifetime::seconds(10), ..Limits::default() };
    assert_eq!(run(&family("openid offline_access"), 5, &client, &limits, 10), Decision::Expired(EndReason::ExpiredIdle));
    let ended = Session { ended: Some(Ended { at: at(5), reason: EndReason::RevokedByAdmin }), ..session };
    let user = user();
    let facts = Facts { family: &family("openid"), user: Some(&user), session: Some(&ended), client_session: None, consent: None, tenure: &Tenure::UNBROKEN };
    let decision = decide(PresentedRefreshToken { family_id: FAMILY, generation: 5 }, &facts, &client, &limits, false, at(6));
    assert_eq!(decision, Decision::Refuse("revoked_by_admin"));
}

proptest! {
    /// After an end nothing but a refusal; a clock cannot bring a generation back.
    #[test]
    fn never_after_an_end(generation in 0u64..12, now in -1_000_000i64..1_000_000) {
        let ended = RefreshFamily { ended: Some(Ended { at: at(0), reason: EndReason::Logout }), ..family("openid offline_access") };
        prop_assert!(matches!(run(&ended, generation, &client(30), &Limits::default(), now), Decision::Refuse(_)));
    }

    /// Exactly one generation can be stepped from, exactly one replayed; everything older is reuse at any time.
    #[test]
    fn one_live_generation(generation in 0u64..12, now in 0i64..1_000_000) {
        match run(&family("openid offline_access"), generation, &client(30), &Limits::default(), now) {
            Decision::Rotate { next } => prop_assert!(generation == 5 && next == 6),
            Decision::Replay { current } => prop_assert!(generation == 4 && current == 5 && now < 30),
            Decision::RotateForward { next } => prop_assert!(generation > 5 && next == generation + 1),
            Decision::Reuse => prop_assert!(generation < 5),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
