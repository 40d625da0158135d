//! D. Authorization codes: once, for one client, for a minute (RFC 6749 §4.1.2, §4.1.3, §10.5).

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::clock::ManualClock;
use gatekey::domain::id::ClientId;
use gatekey::domain::session::EndReason;
use gatekey::store::tree::{self, Node};
use gatekey::store::{Connection, StoreError, client_sessions, clients, consents, sessions, users};
use serde_json::json;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD, SERVER, client};
use crate::support::attack::{ask, error_page, session_cookie, state};
use crate::support::browser::{Browser, LINK, Landing, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::log::listen;
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(
    co_01_a_second_use_ends_what_the_first_gave,
    co_04_a_code_is_of_one_client,
    co_05_a_code_has_no_parts_to_swap,
    co_07_a_code_lives_a_minute_whatever_the_clock_does,
    co_10_what_happens_before_the_redemption_counts,
    co_11_nothing_but_the_very_text,
    co_12_a_thief_burns_it_and_learns_nothing,
    co_12_burning_begins_nothing_anew,
    co_13_a_half_done_sign_in_is_useless_elsewhere,
    co_14_a_code_is_in_the_location_only,
);

pub fn refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{what}: {}", answer.text());
}

/// A fresh code for somebody who is signed in.
async fn code_of(app: &App, browser: &mut Browser, party: &RelyingParty) -> String {
    party.code(&app.silently(browser, party, "openid", &[]).await)
}

/// The exchange with `resource` (RFC 8707 §2.2).
async fn exchange_for(party: &RelyingParty, code: &str, resource: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &party.redirect_uri),
        ("code_verifier", &party.verifier),
        ("resource", resource),
    ];
    party.post("oauth/token", &fields).await
}

/// RFC 6749 §4.1.2, ASVS 10.4.2.
async fn co_01_a_second_use_ends_what_the_first_gave(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let server = app.relying_party(SERVER);
    app.sign_in(&mut browser, &server, "openid").await;
    let bystander = server.exchange(&code_of(&app, &mut browser, &server).await).await;
    for wait in [0, 1, 30] {
        let code = code_of(&app, &mut browser, &server).await;
        let first = server.exchange(&code).await;
        let second = server.refresh(first.refresh()).await;
        assert_eq!(server.introspect(&first.access).await["active"], true);
        app.advance(TimeDelta::seconds(wait));
        refused(&server.try_exchange(&code).await, "a second time");
        server.refused(second.refresh()).await;
        server.refused(first.refresh()).await;
        for dead in [&first.access, &second.access, second.refresh(), first.refresh()] {
            assert_eq!(server.introspect(dead).await, json!({"active": false}));
        }
        for dead in [&first.access, &second.access] {
            assert_eq!(server.userinfo(dead).await.status.as_u16(), 401);
        }
        refused(&server.try_exchange(&code).await, "a third time");
    }
    // Nor does a wrong `resource` beside it hide that it comes a second time.
    let code = code_of(&app, &mut browser, &server).await;
    let first = server.exchange(&code).await;
    refused(&exchange_for(&server, &code, "https://not-granted.example.test/").await, "a second time, for another API");
    server.refused(first.refresh()).await;
    assert_eq!(server.introspect(&first.access).await, json!({"active": false}));
    // The control: whoever the code is for may mend a wrong `resource` and send it again.
    let code = code_of(&app, &mut browser, &server).await;
    assert_eq!(exchange_for(&server, &code, "https://not-granted.example.test/").await.error(), "invalid_target");
    server.exchange(&code).await;
    // Its owner is still signed in, and what other codes gave is alive.
    server.refresh(bystander.refresh()).await;
    server.exchange(&code_of(&app, &mut browser, &server).await).await;
    assert_eq!(state(&app).await.live_sessions, 1);
}

/// RFC 6749 §4.1.3, §10.5: between clients of every kind, with all that the thief can have; and it is burnt.
async fn co_04_a_code_is_of_one_client(database: Database) {
    let app = App::start_with(database, |settings| {
        let kind = gatekey::domain::client::ClientKind::Web;
        settings.clients.push(client("other-server", kind, "https://server2.example.test", |client| client.first_party = true));
    })
    .await;
    let mut browser = app.browser();
    for (owner, thief) in [(SERVER, "other-server"), (OWN_PAGE, OTHER_PAGE), (SERVER, OTHER_PAGE), (OWN_PAGE, SERVER)] {
        let (owner, thief) = (app.relying_party(owner), app.relying_party(thief));
        app.sign_in(&mut browser, &owner, "openid").await;
        for (redirect_uri, verifier) in
            [(thief.redirect_uri.as_str(), thief.verifier.as_str()), (&owner.redirect_uri, &owner.verifier), (&owner.redirect_uri, ""), ("", &owner.verifier)]
        {
            let before = state(&app).await;
            let code = code_of(&app, &mut browser, &owner).await;
            let attempt = RelyingParty { redirect_uri: redirect_uri.to_owned(), verifier: verifier.to_owned(), ..thief.clone() };
            refused(&attempt.try_exchange(&code).await, &format!("{} to {}", owner.client_id, thief.client_id));
            refused(&owner.try_exchange(&code).await, "burnt");
            let after = state(&app).await;
            assert_eq!((after.families, after.live_codes, after.codes), (before.families, before.live_codes, before.codes + 1));
            // A `resource` beside it tells no more, of a code or of what is none, and burns it as well.
            let code = code_of(&app, &mut browser, &owner).await;
            for text in [code.as_str(), "gk_ac_x"] {
                refused(&exchange_for(&attempt, text, "https://not-granted.example.test/").await, "with a resource");
            }
            refused(&owner.try_exchange(&code).await, "burnt");
        }
        owner.exchange(&code_of(&app, &mut browser, &owner).await).await;
    }
}

/// A code is sealed as a whole: no piece of one fits into another, and a wrong one spends neither.
async fn co_05_a_code_has_no_parts_to_swap(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let (mut victims, mut attackers) = (app.browser(), app.browser());
    app.sign_in(&mut victims, &party, "openid").await;
    let response = app.authorize_as(&mut attackers, &party.authorize("openid", &[]), "bobby").await;
    party.exchange(&party.code(&response)).await;
    let (victim, attacker) = (code_of(&app, &mut victims, &party).await, code_of(&app, &mut attackers, &party).await);
    assert!(victim.is_ascii() && attacker.is_ascii());
    let before = state(&app).await;
    let length = victim.len().min(attacker.len());
    for cut in (0..=length).step_by(7) {
        for spliced in [format!("{}{}", &victim[..cut], &attacker[cut..]), format!("{}{}", &attacker[..cut], &victim[cut..])] {
            if spliced != victim && spliced != attacker {
                refused(&party.try_exchange(&spliced).await, "spliced");
            }
        }
        for end in (cut..=length).step_by(31) {
            let window = format!("{}{}{}", &victim[..cut], &attacker[cut..end], &victim[end..]);
            if window != victim && window != attacker {
                refused(&party.try_exchange(&window).await, "spliced");
            }
        }
    }
    assert_eq!(state(&app).await, before);
    // The controls: each is still good, and of its own user.
    for (code, username) in [(&victim, "alice"), (&attacker, "bobby")] {
        let claims = party.claims(party.exchange(code).await.id.as_ref().unwrap()).await;
        assert_eq!(claims["sub"], app.user(username).await.id.to_string());
    }
}

/// FAPI 2.0 §5.3.2.1-11. The very 60th second is too late already: an end belongs to the time after it.
async fn co_07_a_code_lives_a_minute_whatever_the_clock_does(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    for (milliseconds, good) in [(0, true), (59_900, true), (59_999, true), (60_000, false), (60_100, false), (3_600_000, false)] {
        let code = code_of(&app, &mut browser, &party).await;
        app.advance(TimeDelta::milliseconds(milliseconds));
        let before = state(&app).await;
        let answer = party.try_exchange(&code).await;
        if good {
            tokens(&answer);
        } else {
            refused(&answer, &milliseconds.to_string());
        }
        // Used or too late: a clock that goes back revives neither.
        for step in [-1, -59, -600] {
            app.advance(TimeDelta::seconds(step));
            refused(&party.try_exchange(&code).await, &format!("{milliseconds} ms, then {step} s"));
            app.advance(TimeDelta::seconds(-step));
        }
        let after = state(&app).await;
        assert_eq!((after.families, after.live_families), (before.families + i64::from(good), before.live_families), "{milliseconds}");
    }
    // A replica whose clock is a little behind takes it; it is one clock's minute, not two.
    let clock = Arc::new(ManualClock::new(app.now() - TimeDelta::seconds(10)));
    let behind = App::on(app.database.clone(), app.settings.clone(), clock, "behind").await;
    let there = behind.relying_party(OWN_PAGE);
    there.exchange(&code_of(&app, &mut browser, &party).await).await;
    behind.running.close().await;
    behind.store.close().await;
}

type Change = fn(&mut Connection) -> Result<(), StoreError>;

/// The account, the session, the consent, the client: whatever has changed between the two requests. No code outlives it.
async fn co_10_what_happens_before_the_redemption_counts(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let now = app.now();
    fn alice(db: &mut Connection) -> gatekey::domain::user::User {
        users::find_by_username(db, "alice").unwrap().unwrap()
    }
    fn page() -> ClientId {
        ClientId::parse(PAGE).unwrap()
    }
    fn client(db: &mut Connection, change: impl FnOnce(&mut gatekey::domain::client::Client)) -> Result<(), StoreError> {
        let mut client = clients::find(db, &page())?.unwrap();
        change(&mut client);
        clients::upsert(db, &client).map(drop)
    }
    let changes: [(&str, u16, &str, Change); 9] = [
        ("the user is disabled", 400, "invalid_grant", |db| {
            let user = alice(db);
            users::set_disabled(db, user.id, Some(user.updated_at), user.updated_at).map(drop)
        }),
        ("the session is revoked", 400, "invalid_grant", |db| {
            let user = alice(db);
            tree::end(db, &Node::User(user.id), EndReason::RevokedByAdmin, user.updated_at).map(drop)
        }),
        ("the user has signed out", 400, "invalid_grant", |db| {
            let user = alice(db);
            let all = sessions::list(db, Some(user.id), None, 100)?;
            all.iter().try_for_each(|session| tree::end(db, &Node::Session(session.id), EndReason::Logout, user.updated_at).map(drop))
        }),
        ("the consent is withdrawn", 400, "invalid_grant", |db| {
            let user = alice(db);
            consents::withdraw(db, user.id, &page()).map(drop)
        }),
        ("the scope of the consent is another", 400, "invalid_grant", |db| {
            let user = alice(db);
            let consent = consents::find(db, user.id, &page())?.unwrap();
            consents::withdraw(db, user.id, &page())?;
            let scope = gatekey::domain::scope::Scope::parse("profile").unwrap();
            consents::grant(db, &gatekey::domain::consent::Consent { scope, ..consent }).map(drop)
        }),
        ("the user is deleted", 400, "invalid_grant", |db| {
            let user = alice(db);
            users::delete(db, user.id).map(drop)
        }),
        ("the client is disabled", 401, "invalid_client", |db| client(db, |client| client.disabled_at = Some(client.created_at))),
        ("the grant type is taken away", 400, "unauthorized_client", |db| client(db, |client| client.metadata.grant_types.clear())),
        ("the client is deleted", 401, "invalid_client", |db| clients::delete(db, &page()).map(drop)),
    ];
    assert!(now > app.user("alice").await.updated_at - TimeDelta::seconds(1));
    for (what, status, error, change) in changes {
        let app = App::start(Database::create(app.database.backend())).await;
        let party = app.relying_party(PAGE);
        let mut browser = app.browser();
        // The control, and the consent.
        app.sign_in(&mut browser, &party, "openid offline_access").await;
        app.advance(TimeDelta::seconds(1));
        let code = party.code(&app.silently(&mut browser, &party, "openid offline_access", &[]).await);
        app.write(change).await;
        let before = state(&app).await;
        for _ in 0..2 {
            let answer = party.try_exchange(&code).await;
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (status, error), "{what}: {}", answer.text());
        }
        let after = state(&app).await;
        assert_eq!((after.families, after.live_families, after.live_codes), (before.families, before.live_families, before.live_codes), "{what}");
        assert_eq!(after.live_client_sessions, before.live_client_sessions, "{what}");
        app.stop().await;
    }
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
}

/// Every text that is nearly `text`: shorter, longer, in another spelling.
fn nearly(text: &str) -> Vec<String> {
    let mut all: Vec<String> = (1..text.len()).step_by(3).chain(text.len() - 3..text.len()).map(|end| text[..end].to_owned()).collect();
    all.extend((1..4).map(|start| text[start..].to_owned()));
    all.extend(["=", "==", "A", "AA", "AAA", "AAAA", ".", "%00", "\0", " ", "\n", "\t", "\u{200b}"].iter().map(|tail| format!("{text}{tail}")));
    all.extend([" ", "\0", "A", "\u{feff}"].iter().map(|head| format!("{head}{text}")));
    all.extend([text.to_uppercase(), text.to_lowercase(), text.replace('-', "+").replace('_', "/"), text.chars().rev().collect(), text.repeat(2)]);
    let swapped = |c: char| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
    all.push(text.chars().map(swapped).collect());
    let (rest, _) = text.split_at(text.len() - 1);
    all.extend("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().map(|last| format!("{rest}{last}")));
    all.retain(|other| other != text);
    all
}

/// ASVS 7.2.3: codes, both tokens, the session cookie, the one-time link.
async fn co_11_nothing_but_the_very_text(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let live = app.sign_in(&mut browser, &server, "openid").await;
    let code = code_of(&app, &mut browser, &server).await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    let (link_before, link_secret) = link.split_once("link=").unwrap();
    let (cookie, session) = session_cookie(&browser);
    let before = state(&app).await;
    for other in nearly(&code) {
        refused(&server.try_exchange(&other).await, &other);
    }
    for other in nearly(live.refresh()) {
        refused(&server.try_refresh(&other).await, &other);
        assert_eq!(server.introspect(&other).await, json!({"active": false}), "{other:?}");
        server.revoke(&other).await;
    }
    for other in nearly(&live.access) {
        assert_eq!(server.introspect(&other).await, json!({"active": false}), "{other:?}");
        server.revoke(&other).await;
        if other.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
            assert_eq!(server.userinfo(&other).await.status.as_u16(), 401, "{other:?}");
        }
    }
    let silent = server.authorize("openid", &[("prompt", "none")]);
    for other in nearly(&session).into_iter().filter(|other| other.bytes().all(|byte| (0x21..0x7f).contains(&byte))) {
        let answer = app.network.get(silent.as_str(), &[("cookie", &format!("{cookie}={other}"))]).await;
        assert_eq!(server.error(&answer.location().unwrap()), "login_required", "{other:?}");
    }
    for other in nearly(link_secret) {
        let url = url::Url::parse_with_params(link_before.trim_end_matches('?'), [("link", &other)]).unwrap();
        error_page(&ask(&mut app.browser(), &url).await, &other);
    }
    assert_eq!(state(&app).await, before);
    // The controls: each of them, as it was given.
    server.exchange(&code).await;
    assert_eq!(server.userinfo(&live.access).await.status.as_u16(), 200);
    server.refresh(live.refresh()).await;
    let answer = app.network.get(silent.as_str(), &[("cookie", &format!("{cookie}={session}"))]).await;
    server.code(&answer.location().unwrap());
    assert_eq!(ask(&mut app.browser(), &url::Url::parse(&link).unwrap()).await.status.as_u16(), 200);
}

/// RFC 9700 §4.5, §4.8. A wrong verifier burns the code: whoever sends it wrongly should not have had it.
async fn co_12_a_thief_burns_it_and_learns_nothing(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let thief = RelyingParty { verifier: "a".repeat(43), ..party.clone() };
    let stolen = code_of(&app, &mut browser, &party).await;
    let wrong_verifier = thief.try_exchange(&stolen).await;
    let burnt = party.try_exchange(&stolen).await;
    let wrong_client = app.relying_party(OTHER_PAGE).try_exchange(&code_of(&app, &mut browser, &party).await).await;
    let other_uri = RelyingParty { redirect_uri: "https://own.example.test/x".to_owned(), ..party.clone() };
    let wrong_uri = other_uri.try_exchange(&code_of(&app, &mut browser, &party).await).await;
    let used = code_of(&app, &mut browser, &party).await;
    party.exchange(&used).await;
    let used = party.try_exchange(&used).await;
    let expired = code_of(&app, &mut browser, &party).await;
    app.advance(TimeDelta::seconds(61));
    let expired_and_wrong = thief.try_exchange(&expired).await;
    let expired = party.try_exchange(&expired).await;
    let unknown = party.try_exchange("gk_ac_x").await;
    let before = state(&app).await;
    for (answer, what) in [
        (&burnt, "burnt"),
        (&wrong_client, "of another client"),
        (&wrong_uri, "with another redirect URI"),
        (&used, "used"),
        (&expired, "expired"),
        (&expired_and_wrong, "expired and wrong"),
        (&unknown, "unknown"),
    ] {
        refused(answer, what);
        assert_eq!(answer.text(), wrong_verifier.text(), "{what}");
        let headers = |answer: &Answer| {
            let mut names: Vec<_> = answer.headers.iter().filter(|(name, _)| *name != "x-request-id").map(|(n, v)| (n.clone(), v.clone())).collect();
            names.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            names
        };
        assert_eq!(headers(answer), headers(&wrong_verifier), "{what}");
    }
    assert_eq!(state(&app).await, before);
    party.exchange(&code_of(&app, &mut browser, &party).await).await;
}

/// What an application has in a session was ended; a code from before that is burnt, by a thief or because it comes late. A redemption
/// would begin a client session anew, and does; burning does not.
async fn co_12_burning_begins_nothing_anew(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let thief = RelyingParty { verifier: "a".repeat(43), ..party.clone() };
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let (alice, page) = (app.user("alice").await.id, ClientId::parse(OWN_PAGE).unwrap());
    let session = app.store.scan(move |db| sessions::list(db, Some(alice), None, 10)).await.unwrap()[0].id;
    let ended = async || {
        let page = page.clone();
        app.store.read(move |db| client_sessions::find(db, session, &page)).await.unwrap().unwrap().ended.map(|ended| ended.reason)
    };
    let end = async || {
        let (node, now) = (Node::ClientSession(session, page.clone()), app.now());
        app.write(move |db| tree::end(db, &node, EndReason::RevokedByAdmin, now)).await;
        app.advance(TimeDelta::milliseconds(1));
    };
    // Codes of after the end: such a one may begin it anew.
    end().await;
    let (stolen, good) = (code_of(&app, &mut browser, &party).await, code_of(&app, &mut browser, &party).await);
    refused(&thief.try_exchange(&stolen).await, "in the wrong hands");
    assert_eq!(ended().await, Some(EndReason::RevokedByAdmin));
    party.exchange(&good).await;
    assert_eq!(ended().await, None, "the control");
    end().await;
    let late = code_of(&app, &mut browser, &party).await;
    app.advance(TimeDelta::seconds(61));
    refused(&party.try_exchange(&late).await, "too late");
    assert_eq!(ended().await, Some(EndReason::RevokedByAdmin));
}

/// The attacker begins, the victim goes on: with the attacker's address, with the attacker's ticket, before and after signing in.
async fn co_13_a_half_done_sign_in_is_useless_elsewhere(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut attacker = app.browser();
    let theirs = app.sign_in_page(&mut attacker, &party).await;
    let ticket = form_with(&theirs, "ticket").field("ticket").unwrap().value.clone();
    // A victim who has never been here, and one who is signed in and has allowed the application all this.
    let mut fresh = app.browser();
    let mut victim = app.browser();
    app.sign_in(&mut victim, &party, "openid").await;
    let before = state(&app).await;
    for browser in [&mut fresh, &mut victim] {
        error_page(&ask(browser, &theirs.url).await, "the attacker's address");
        for path in ["login", "consent", "select-account"] {
            let url = url::Url::parse_with_params(&party.endpoint(path), [("ticket", &ticket)]).unwrap();
            error_page(&ask(browser, &url).await, path);
        }
    }
    assert_eq!(state(&app).await, before);
    // The victim's own form with the attacker's ticket in it, sent by hand.
    let mut own = app.browser();
    let form = form_with(&app.sign_in_page(&mut own, &party).await, "password").fill("username", "alice").fill("password", PASSWORD);
    let answer = own.submit_as(&form.fill("ticket", &ticket), None, OWN_FORM).await;
    assert!(answer.location().is_none_or(|to| to.as_str() == app.issuer), "{:?}", answer.headers);
    // Meanwhile the attacker asks and asks: it is their own sign-in page, and nothing else.
    for path in ["login", "consent", "select-account"] {
        let url = url::Url::parse_with_params(&party.endpoint(path), [("ticket", &ticket)]).unwrap();
        let landing = attacker.navigate(&url, LINK).await;
        let Landing::Page(page) = landing else { panic!("the attacker got an answer: {landing:?}") };
        form_with(&page, "password");
        assert!(!page.text().contains("Alice"), "{path}");
    }
    assert_eq!(party.error(&app.silently(&mut attacker, &party, "openid", &[]).await), "login_required");
    // The control: the attacker, as themselves.
    let form = form_with(&theirs, "password").fill("username", "bobby").fill("password", PASSWORD);
    let page = attacker.submit(&form, None).await.page();
    let code = party.code(&attacker.submit(&form_with(&page, "decision"), Some("allow")).await.left());
    let claims = party.claims(party.exchange(&code).await.id.as_ref().unwrap()).await;
    assert_eq!(claims["sub"], app.user("bobby").await.id.to_string());
}

/// RFC 9700 §4.2, §4.3: not in the log at its most talkative, not in a page's address, not in what a next page is told of this one.
async fn co_14_a_code_is_in_the_location_only(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let listening = listen();
    let mut browser = app.browser();
    let page = app.sign_in_page(&mut browser, &party).await;
    let ticket = form_with(&page, "ticket").field("ticket").unwrap().value.clone();
    let csrf = form_with(&page, "csrf").field("csrf").unwrap().value.clone();
    let consent = browser.submit(&form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD), None).await.page();
    let answer = browser.submit_as(&form_with(&consent, "decision"), Some("allow"), OWN_FORM).await;
    let tokens = party.exchange(&party.code(&answer.location().unwrap())).await;
    party.try_exchange(&party.code(&answer.location().unwrap())).await;
    let tokens = [tokens.access, tokens.refresh.unwrap(), tokens.id.unwrap()];
    party.try_refresh(&tokens[1]).await;
    party.userinfo(&tokens[0]).await;
    let silent = ask(&mut browser, &party.authorize("openid", &[("prompt", "none"), ("id_token_hint", &tokens[2])])).await;
    let (_, cookie) = session_cookie(&browser);
    ask(&mut browser, &url::Url::parse(&format!("{}?code=gk_ac_x&id_token_hint={}", party.endpoint("oidc/logout"), tokens[2])).unwrap()).await;
    let secrets = [ticket, csrf, cookie, PASSWORD.to_owned(), party.verifier.clone()];
    let log = listening.text();
    drop(listening);
    for redirect in [&answer, &silent] {
        let location = redirect.header("location").unwrap();
        assert!(location.contains("code=gk_ac_"));
        for (name, value) in &redirect.headers {
            assert!(name == "location" || !value.to_str().unwrap().contains("gk_ac_"), "{name}");
        }
        assert!(redirect.body.is_empty());
        assert_eq!((redirect.header("referrer-policy"), redirect.header("cache-control")), (Some("no-referrer"), Some("no-store")));
    }
    assert!(log.contains("answered") && log.contains("login.succeeded") && log.contains("code.replayed"), "the log was heard: {log}");
    let codes = [&answer, &silent].map(|answer| party.code(&answer.location().unwrap()));
    for secret in codes.iter().chain(&tokens).chain(&secrets) {
        assert!(!secret.is_empty() && !log.contains(secret.as_str()), "{secret} is in the log");
    }
    assert!(!log.contains("gk_ac_") && !log.contains("ticket="), "{log}");
}
