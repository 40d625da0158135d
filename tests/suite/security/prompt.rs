//! I. `prompt`, hints and `max_age`: when nobody is asked, who is meant, and how fresh a sign-in is (OIDC Core §3.1.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use gatekey::domain::client::ClientKind;
use gatekey::domain::session::EndReason;
use gatekey::settings::SameSite;
use gatekey::store::tree::{self, Node};
use gatekey::store::users;
use poem::http::Method;
use serde_json::Value;
use url::Url;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD, SERVER, client};
use crate::support::attack::{ask, ask_as, session_cookie, state, told};
use crate::support::browser::{Browser, CROSS_SITE_FRAME, FORGED, FRAME, LINK, Landing, Navigation, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(
    pn_01_none_never_shows_a_page,
    pn_02_hints_are_no_probe,
    pn_03_a_forged_hint_is_nobody,
    pn_04_a_hint_of_another_user_gets_no_code,
    pn_05_max_age_is_kept,
    pn_07_signing_in_as_another_takes_nothing_over,
    pn_08_only_a_sign_in_is_a_fresh_sign_in,
    pn_09_none_stands_alone,
    pn_11_no_path_takes_a_dead_session_for_a_live_one,
    pn_12_no_session_begins_without_its_user,
);

async fn as_user(app: &App, browser: &mut Browser, party: &RelyingParty, username: &str) -> Tokens {
    let response = app.authorize_as(browser, &party.authorize("openid", &[]), username).await;
    party.exchange(&party.code(&response)).await
}

/// Only an answer for the application: a redirect without a body, or the form that carries it.
fn no_page(answer: &Answer, mode: &str, what: &str) {
    if matches!(mode, "form_post" | "web_message") {
        assert_eq!(answer.status.as_u16(), 200, "{what}");
        assert!(!answer.text().contains("type=\"password\"") && !answer.text().contains("name=\"decision\""), "{what}");
    } else {
        assert_eq!((answer.status.as_u16(), answer.body.len()), (303, 0), "{what}");
    }
}

/// OIDC Core §3.1.2.6.
async fn pn_01_none_never_shows_a_page(database: Database) {
    let app = App::start(database).await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut signed_in = app.browser();
    let bob = as_user(&app, &mut app.browser(), &own, "bobby").await.id.unwrap();
    app.sign_in(&mut signed_in, &own, "openid").await;
    app.advance(TimeDelta::seconds(100));
    let before = state(&app).await;
    let mut ended = signed_in.clone();
    for mode in ["query", "fragment", "form_post", "web_message"] {
        for navigation in [FRAME, CROSS_SITE_FRAME, LINK] {
            for (what, browser, party, more, error) in [
                ("no session", &mut app.browser(), &own, ("display", "page"), "login_required"),
                ("no consent", &mut signed_in.clone(), &page, ("display", "page"), "consent_required"),
                ("too old", &mut signed_in.clone(), &own, ("max_age", "99"), "login_required"),
                ("another user's", &mut signed_in.clone(), &own, ("id_token_hint", bob.as_str()), "account_selection_required"),
            ] {
                let answer = ask_as(browser, &party.authorize("openid", &[("prompt", "none"), ("response_mode", mode), more]), navigation).await;
                no_page(&answer, mode, what);
                assert_eq!(told(&answer).1["error"], error, "{what}: {mode}");
            }
        }
    }
    assert_eq!(state(&app).await, before);
    let alice = app.user("alice").await.id;
    let now = app.now();
    app.write(move |db| tree::end(db, &Node::User(alice), EndReason::RevokedByAdmin, now)).await;
    for mode in ["query", "form_post", "web_message"] {
        let answer = ask_as(&mut ended, &own.authorize("openid", &[("prompt", "none"), ("response_mode", mode)]), FRAME).await;
        no_page(&answer, mode, "ended");
        assert_eq!(told(&answer).1["error"], "login_required");
    }
    // The control.
    let mut again = app.browser();
    app.sign_in(&mut again, &own, "openid").await;
    own.code(&app.silently(&mut again, &own, "openid", &[]).await);
}

/// ASVS 6.3.8: an attacker's own application learns from a hint nothing of who exists. A name is not looked up when nobody is asked, and the
/// user of a hint is compared, not looked up: there is nothing that could take longer for one than for the other.
async fn pn_02_hints_are_no_probe(database: Database) {
    let app = App::start(database).await;
    let attacker = app.relying_party(OTHER_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &attacker, "openid").await;
    let bob = as_user(&app, &mut app.browser(), &attacker, "bobby").await.id.unwrap();
    // Somebody whom the issuer knew once.
    let mut carols = app.browser();
    let bobby = app.user("bobby").await;
    let carol = gatekey::domain::user::User { id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(), username: "carol".to_owned(), ..bobby.clone() };
    let id = carol.id;
    app.write(move |db| users::insert(db, &carol)).await;
    let nobody = as_user(&app, &mut carols, &attacker, "carol").await.id.unwrap();
    app.write(move |db| users::delete(db, id)).await;
    let before = state(&app).await;
    let look = async |browser: &mut Browser, name: &str, value: &str| {
        let answer = ask_as(browser, &attacker.authorize("openid", &[("prompt", "none"), (name, value)]), FRAME).await;
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        let (place, mut fields) = told(&answer);
        // A code is another each time, and so is the salt of a session state.
        for name in ["code", "session_state"] {
            fields.entry(name.to_owned()).and_modify(String::clear);
        }
        (answer.status, place, fields, names)
    };
    for browser in [&mut browser, &mut app.browser()] {
        assert_eq!(look(browser, "login_hint", "bobby").await, look(browser, "login_hint", "nobody-at-all").await);
        assert_eq!(look(browser, "login_hint", "alice").await, look(browser, "login_hint", "nobody-at-all").await);
        assert_eq!(look(browser, "id_token_hint", &bob).await, look(browser, "id_token_hint", &nobody).await);
    }
    // An application that the user has never allowed hears just that, whomever it asks for and however long ago they may have signed in.
    let stranger = app.relying_party(PAGE);
    let alice = app.user("alice").await.id;
    let is = |user: &str| format!(r#"{{"id_token":{{"sub":{{"value":"{user}"}}}}}}"#);
    let (hers, his) = (is(&alice.to_string()), is(&bobby.id.to_string()));
    for probe in [
        ("id_token_hint", bob.as_str()),
        ("id_token_hint", &nobody),
        ("claims", &hers),
        ("claims", &his),
        ("max_age", "0"),
        ("max_age", "100000"),
        ("prompt", "none"),
    ] {
        let response = app.silently(&mut browser, &stranger, "openid", &[probe]).await;
        assert_eq!(stranger.error(&response), "consent_required", "{probe:?}");
    }
    // On the page neither: what was hinted is only written into the field.
    for name in ["bobby", "nobody"] {
        let page = app.browser().visit(attacker.authorize("openid", &[("login_hint", name)]).as_str()).await.page();
        assert_eq!(form_with(&page, "password").field("username").unwrap().value, name);
    }
    assert_eq!(state(&app).await, before);
    attacker.code(&app.silently(&mut browser, &attacker, "openid", &[]).await);
}

/// ASVS 9.1.1, 9.1.2; RFC 8725 §3.1.
async fn pn_03_a_forged_hint_is_nobody(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let elsewhere = app.sign_in(&mut browser, &app.relying_party(SERVER), "openid").await.id.unwrap();
    let access = app.sign_in(&mut browser, &party, "openid").await.access;
    let [header, payload, signature] = hint.split('.').collect::<Vec<_>>()[..] else { panic!("{hint}") };
    let decode = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with = |name: &str, value: &str| {
        let mut claims = decode(payload);
        claims[name] = value.into();
        encode(&claims)
    };
    let kid = decode(header)["kid"].clone();
    let jwks = party.jwks().await;
    let hmac = |head: &Value, payload: &str| {
        let input = format!("{}.{payload}", encode(head));
        let key = openssl::pkey::PKey::hmac(jwks.as_bytes()).unwrap();
        let mut signer = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
        signer.update(input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signer.sign_to_vec().unwrap()))
    };
    let head = |alg: &str| serde_json::json!({"alg": alg, "kid": kid, "typ": "JWT"});
    let bob = app.user("bobby").await.id.to_string();
    let forged = [
        format!("{}.{payload}.", encode(&head("none"))),
        format!("{}.{payload}.{signature}", encode(&head("none"))),
        format!("{}.{payload}.{signature}", encode(&head("HS256"))),
        hmac(&head("HS256"), payload),
        format!("{header}.{}.{signature}", with("sub", &bob)),
        format!("{header}.{}.{signature}", with("iss", "https://evil.test/")),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{}", signature.chars().rev().collect::<String>()),
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA".to_owned(),
        access,
        "x".to_owned(),
        "x".repeat(11_000),
        "x".repeat(50 << 10),
    ];
    let before = state(&app).await;
    for forged in &forged {
        for browser in [&mut browser, &mut app.browser()] {
            for prompt in ["none", ""] {
                let url = party.authorize("openid", &[("prompt", prompt), ("id_token_hint", forged)]);
                let answer = ask_as(browser, &url, FRAME).await;
                assert_eq!(party.error(&answer.location().unwrap()), "invalid_request", "{}", &forged[..forged.len().min(60)]);
            }
        }
    }
    assert_eq!(state(&app).await, before);
    // A good one authenticates nobody either, be it of another application that knows users by the same names; and an old one is still only a hint.
    assert_eq!(party.error(&app.silently(&mut app.browser(), &party, "openid", &[("id_token_hint", &elsewhere)]).await), "login_required");
    for days in [0, 2] {
        app.advance(TimeDelta::days(days));
        let hinted = [("id_token_hint", hint.as_str())];
        assert_eq!(party.error(&app.silently(&mut app.browser(), &party, "openid", &hinted).await), "login_required");
        party.code(&app.silently(&mut browser, &party, "openid", &hinted).await);
    }
}

/// OIDC Core §3.1.2.1.
async fn pn_04_a_hint_of_another_user_gets_no_code(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let bob = as_user(&app, &mut app.browser(), &party, "bobby").await.id.unwrap();
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let before = state(&app).await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[("id_token_hint", &bob)]).await), "account_selection_required");
    // With pages alice's session does not answer it either, until bobby has signed in.
    let page = browser.visit(party.authorize("openid", &[("id_token_hint", &bob)]).as_str()).await.page();
    let form = form_with(&page, "password");
    let landing = browser.clone().submit(&form.clone().fill("username", "alice").fill("password", PASSWORD), None).await;
    form_with(&landing.page(), "password");
    assert_eq!(state(&app).await, before);
    let code = party.code(&browser.submit(&form.fill("username", "bobby").fill("password", PASSWORD), None).await.left());
    let claims = party.claims(party.exchange(&code).await.id.as_ref().unwrap()).await;
    assert_eq!(claims["sub"], app.user("bobby").await.id.to_string());
    // The control, the other way round.
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    party.code(&app.silently(&mut browser, &party, "openid", &[("id_token_hint", &alice)]).await);
}

/// OIDC Core §3.1.2.1, §2: the session is 100 seconds old.
async fn pn_05_max_age_is_kept(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    for (max_age, fresh) in [("0", true), ("1", true), ("99", true), ("100", false), ("10000", false)] {
        let mut browser = app.browser();
        app.sign_in(&mut browser, &party, "openid").await;
        let signed_in = app.seconds();
        app.advance(TimeDelta::seconds(100));
        let url = party.authorize("openid", &[("max_age", max_age)]);
        let landing = browser.visit(url.as_str()).await;
        assert_eq!(matches!(landing, Landing::Page(_)), fresh, "max_age={max_age}");
        let response = app.authorize_as(&mut browser, &url, "alice").await;
        let tokens = party.exchange(&party.code(&response)).await;
        let auth_time = if fresh { app.seconds() } else { signed_in };
        assert_eq!(party.claims(tokens.id.as_ref().unwrap()).await["auth_time"], auth_time, "max_age={max_age}");
    }
    let before = state(&app).await;
    let mut browser = app.browser();
    for malformed in ["-1", "1.5", "x", "1e3", " 1", "0x10", "99999999999999999999", "+1"] {
        let response = ask(&mut browser, &party.authorize("openid", &[("max_age", malformed)])).await.location().unwrap();
        assert_eq!(party.error(&response), "invalid_request", "{malformed}");
    }
    assert_eq!(state(&app).await, before);
}

/// Cancelled, begun again, finished by somebody else: nobody gets what was another's.
async fn pn_07_signing_in_as_another_takes_nothing_over(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let alice = app.sign_in(&mut browser, &party, "openid").await;
    let alices = party.claims(alice.id.as_ref().unwrap()).await;
    app.advance(TimeDelta::seconds(5));
    let request = party.authorize("openid", &[("prompt", "login")]);
    // Cancelled, and the page left with a wrong password: alice is who she was.
    for _ in 0..2 {
        let page = browser.visit(request.as_str()).await.page();
        let wrong = form_with(&page, "password").fill("username", "bobby").fill("password", "wrong horse battery staple");
        form_with(&browser.submit(&wrong, None).await.page(), "password");
        let silent = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", &[]).await)).await;
        let claims = party.claims(silent.id.as_ref().unwrap()).await;
        assert_eq!((&claims["sub"], &claims["sid"], &claims["auth_time"]), (&alices["sub"], &alices["sid"], &alices["auth_time"]));
    }
    // In another browser of alice nothing happens at all.
    let mut elsewhere = app.browser();
    app.sign_in(&mut elsewhere, &party, "openid").await;
    // bobby signs in.
    let before = state(&app).await;
    let page = browser.visit(request.as_str()).await.page();
    let old_cookie = session_cookie(&browser);
    let form = form_with(&page, "password").fill("username", "bobby").fill("password", PASSWORD);
    let bob = party.exchange(&party.code(&browser.submit(&form, None).await.left())).await;
    let bobs = party.claims(bob.id.as_ref().unwrap()).await;
    assert_eq!(bobs["sub"], app.user("bobby").await.id.to_string());
    assert_ne!(bobs["sid"], alices["sid"]);
    // alice's session is what it was, with its cookie, its start and her refresh token; bobby has one of his own beside it.
    assert_eq!(session_cookie(&browser), old_cookie);
    let cookie = format!("{}={}", old_cookie.0, old_cookie.1);
    let answer = app.network.get(party.authorize("openid", &[("prompt", "none")]).as_str(), &[("cookie", &cookie)]).await;
    let still = party.exchange(&party.code(&answer.location().unwrap())).await;
    for tokens in [&still, &party.refresh(alice.refresh()).await] {
        let claims = party.claims(tokens.id.as_ref().unwrap()).await;
        assert_eq!((&claims["sub"], &claims["sid"], &claims["auth_time"]), (&alices["sub"], &alices["sid"], &alices["auth_time"]));
    }
    assert_eq!(state(&app).await.live_sessions, before.live_sessions + 1);
    party.code(&app.silently(&mut elsewhere, &party, "openid", &[]).await);
    // Over and over: the old page, which was alice's, does not sign bobby's session over to anybody; it asks for her password still.
    let again = browser.visit(page.url.as_str()).await.page();
    assert_eq!(form_with(&again, "password").field("username").unwrap().value, "alice");
}

/// A form that another site's page sends: an application may ask by POST (OIDC Core §3.1.2.1). Only cookies that go everywhere go with it.
const POSTED_REQUEST: Navigation = Navigation { initiator: FORGED.initiator, site: "cross-site", dest: "document", origin: Some("https://own.example.test") };

/// The application wants a new sign-in: an older session does not stand for one, however the request has come and whatever cookie came with it.
async fn pn_08_only_a_sign_in_is_a_fresh_sign_in(database: Database) {
    for same_site in [SameSite::None, SameSite::Lax] {
        let app = App::start_with(Database::create(database.backend()), |settings| settings.cookies.same_site = same_site).await;
        let party = app.relying_party(OWN_PAGE);
        for changes in [[("prompt", "login")], [("max_age", "0")]] {
            let mut browser = app.browser();
            app.sign_in(&mut browser, &party, "openid").await;
            let old = session_cookie(&browser);
            let signed_in = app.seconds();
            app.advance(TimeDelta::seconds(60));
            let before = state(&app).await;
            let asks = |landing: Landing, what: &str| match landing {
                Landing::Page(page) => form_with(&page, "password"),
                Landing::Left(url) => panic!("{what}: the old sign-in was taken for a new one: {url}"),
            };
            let request = party.authorize("openid", &changes);
            asks(browser.visit(request.as_str()).await, "by a link");
            // By a form of the application's site, with which a Lax cookie does not go: the request comes without the session.
            let body = request.query().unwrap().to_owned();
            let posted = browser.request(Method::POST, &Url::parse(&party.endpoint("authorize")).unwrap(), POSTED_REQUEST, body).await;
            let form = asks(browser.navigate(&posted.location().unwrap(), LINK).await, "by a form");
            // Begun with no cookie at all, gone on with an old one.
            let bare = app.network.get(request.as_str(), &[]).await;
            let made = bare.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
            let cookies = format!("{made}; {}={}", old.0, old.1);
            for _ in 0..2 {
                let answer = app.network.get(bare.location().unwrap().as_str(), &[("cookie", &cookies)]).await;
                form_with(&answer, "password");
            }
            assert_eq!(state(&app).await, before);
            // The control: the password, and then auth_time tells the truth.
            let code = party.code(&browser.submit(&form.fill("username", "alice").fill("password", PASSWORD), None).await.left());
            let claims = party.claims(party.exchange(&code).await.id.as_ref().unwrap()).await;
            assert_eq!((&claims["auth_time"], &claims["amr"]), (&Value::from(signed_in + 60), &serde_json::json!(["pwd"])));
        }
        app.stop().await;
    }
}

/// OIDC Core §3.1.2.1.
async fn pn_09_none_stands_alone(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let before = state(&app).await;
    for prompt in
        ["none login", "login none", "none consent", "none select_account", "none  login", "none create", "create", "NONE", "none,login", "none\tlogin", "x"]
    {
        for browser in [&mut browser, &mut app.browser()] {
            let answer = ask_as(browser, &party.authorize("openid", &[("prompt", prompt)]), FRAME).await;
            assert_eq!(party.error(&answer.location().unwrap()), "invalid_request", "{prompt}");
        }
    }
    assert_eq!(state(&app).await, before);
    // The controls: alone, and the others together.
    for prompt in ["none", "none none"] {
        party.code(&app.silently(&mut browser, &party, "openid", &[("prompt", prompt)]).await);
    }
    let page = browser.visit(party.authorize("openid", &[("prompt", "login consent")]).as_str()).await.page();
    form_with(&page, "password");
}

/// ASVS 7.3.1, 7.3.2: ten minutes without use, an hour at most.
async fn pn_11_no_path_takes_a_dead_session_for_a_live_one(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.lifetimes.session_idle = "PT10M".parse().unwrap();
        settings.lifetimes.session_absolute = "PT1H".parse().unwrap();
        settings.clients.push(client("console", ClientKind::Spa, "https://console.example.test", |client| {
            client.first_party = true;
            client.resources = vec!["urn:gatekey:admin".to_owned()];
            client.scope = gatekey::domain::scope::Scope::parse("openid server:read").unwrap();
        }));
    })
    .await;
    let alice = app.user("alice").await;
    app.write(move |db| {
        users::update(db, &gatekey::domain::user::User { role: Some(gatekey::domain::admin_scope::AdminRole::Administrator), ..alice }).map(drop)
    })
    .await;
    let party = app.relying_party("console");
    let request = party.authorize("openid server:read", &[("resource", "urn:gatekey:admin")]);
    for (steps, last) in [(0, TimeDelta::minutes(10)), (7, TimeDelta::minutes(4))] {
        let mut browser = app.browser();
        let response = app.authorize_as(&mut browser, &request, "alice").await;
        let mut tokens = party.exchange(&party.code(&response)).await;
        for _ in 0..steps {
            app.advance(TimeDelta::minutes(8));
            tokens = party.refresh(tokens.refresh()).await;
        }
        let live = async |browser: &mut Browser, tokens: &Tokens| {
            let admin = app.network.get(&party.endpoint("admin/api/v1/server"), &[("authorization", &format!("Bearer {}", tokens.access))]).await;
            let home = ask(browser, &Url::parse(&app.issuer).unwrap()).await;
            [
                told(&ask_as(browser, &party.authorize("openid", &[("prompt", "none")]), FRAME).await).1.contains_key("code"),
                matches!(browser.visit(party.authorize("openid", &[]).as_str()).await, Landing::Left(_)),
                home.text().contains("Alice Example"),
                admin.status.is_success(),
                party.userinfo(&tokens.access).await.status.is_success(),
            ]
        };
        app.advance(last - TimeDelta::seconds(1));
        assert_eq!(live(&mut browser.clone(), &tokens).await, [true; 5], "the control, a second before");
        // Those were uses: without them.
        let mut browser = app.browser();
        let response = app.authorize_as(&mut browser, &request, "alice").await;
        let mut tokens = party.exchange(&party.code(&response)).await;
        for _ in 0..steps {
            app.advance(TimeDelta::minutes(8));
            tokens = party.refresh(tokens.refresh()).await;
        }
        app.advance(last);
        let before = state(&app).await;
        assert_eq!(live(&mut browser, &tokens).await, [false; 5], "steps {steps}");
        party.refused(tokens.refresh()).await;
        assert_eq!(state(&app).await.generations, before.generations);
        app.advance(TimeDelta::hours(2));
    }
    // A cookie that was replaced does not keep the session that replaced it.
    let mut browser = app.browser();
    app.authorize_as(&mut browser, &request, "alice").await;
    let (name, stale) = session_cookie(&browser);
    let page = browser.visit(party.authorize("openid", &[("prompt", "login")]).as_str()).await.page();
    browser.submit(&form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD), None).await;
    for _ in 0..9 {
        app.advance(TimeDelta::minutes(1));
        let answer = app.network.get(party.authorize("openid", &[("prompt", "none")]).as_str(), &[("cookie", &format!("{name}={stale}"))]).await;
        assert_eq!(party.error(&answer.location().unwrap()), "login_required");
    }
    party.code(&app.silently(&mut browser.clone(), &party, "openid", &[]).await);
    let mut unused = browser.clone();
    app.advance(TimeDelta::minutes(10));
    assert_eq!(party.error(&app.silently(&mut unused, &party, "openid", &[]).await), "login_required");
}

/// ASVS 7.6.2: links, previews, prefetches and frames begin no session at the issuer, and none at an application the user has not allowed.
async fn pn_12_no_session_begins_without_its_user(database: Database) {
    let app = App::start(database).await;
    let (party, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let before = state(&app).await;
    let mut stranger = app.browser();
    for url in [
        party.authorize("openid", &[]),
        own.authorize("openid", &[]),
        own.authorize("openid", &[("prompt", "none")]),
        own.authorize("openid", &[("login_hint", "alice")]),
    ] {
        for navigation in [LINK, FRAME, CROSS_SITE_FRAME] {
            stranger.navigate(&url, navigation).await;
        }
        for purpose in ["prefetch", "prefetch;prerender", "preview"] {
            let answer = app.network.get(url.as_str(), &[("sec-purpose", purpose), ("purpose", purpose)]).await;
            assert!(!crate::support::attack::touches_the_session(&answer));
        }
    }
    assert_eq!(state(&app).await, before);
    assert!(!stranger.jar.all().iter().any(|cookie| !cookie.name.ends_with("-browser")));
    // Signed in, and an application that was never allowed: whatever chain of links leads to it, it gets nothing.
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let before = state(&app).await;
    for changes in [&[][..], &[("prompt", "none")], &[("prompt", "select_account")], &[("response_mode", "form_post")]] {
        for navigation in [LINK, FRAME, CROSS_SITE_FRAME] {
            let mut answer = ask_as(&mut browser, &party.authorize("openid", changes), navigation).await;
            for _ in 0..5 {
                assert!(!answer.text().contains("gk_ac_") && !answer.header("location").unwrap_or_default().contains("gk_ac_"), "{changes:?}");
                let Some(next) = answer.location().filter(|next| next.origin() == answer.url.origin()) else { break };
                answer = ask_as(&mut browser, &next, navigation).await;
            }
        }
    }
    let consent = browser.visit(party.authorize("openid", &[]).as_str()).await.page();
    // A GET of the form's address with its fields is not the form.
    let form = form_with(&consent, "decision");
    let mut address = form.action.clone();
    address.query_pairs_mut().extend_pairs(form.pairs(Some("allow")));
    let answer = ask(&mut browser, &address).await;
    assert!(!answer.header("location").unwrap_or_default().contains("gk_ac_") && !answer.text().contains("gk_ac_"));
    assert_eq!(state(&app).await, before);
    // The control: the user's own yes.
    party.exchange(&party.code(&browser.submit_as(&form, Some("allow"), OWN_FORM).await.location().unwrap())).await;
    assert_eq!(state(&app).await.consents, before.consents + 1);
}
