//! H. Forms and cookies: who sent it, out of which page, in which browser, and in which order.

use chrono::TimeDelta;
use gatekey::domain::session::EndReason;
use gatekey::store::tree::{self, Node};
use poem::http::Method;
use url::Url;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD};
use crate::support::attack::{State, ask, ask_as, error_page, session_cookie, state, touches_the_session};
use crate::support::browser::{Browser, CROSS_SITE_FRAME, FORGED, FRAME, LINK, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{Field, Form};
use crate::support::network::Answer;
use crate::support::relying_party::RelyingParty;

each_database!(
    ui_02_nobody_is_signed_in_by_another_site,
    ui_03_nothing_is_allowed_by_another_site,
    ui_04_nobody_is_signed_out_by_another_site,
    ui_06_no_session_finishes_what_another_browser_began,
    ui_07_cookies_of_neighbours,
    ui_09_a_cookie_alone_is_nobody,
    ui_10_users_of_one_browser_share_nothing,
    ui_13_steps_cannot_be_skipped,
);

/// Every way in which a form did not come out of a page of ours in this very browser. `foreign` is another browser's form of the same kind.
async fn forgeries(browser: &Browser, form: &Form, button: Option<&str>, foreign: &Form) -> Vec<(&'static str, Answer)> {
    let token = |form: &Form, name: &str| form.field(name).unwrap().value.clone();
    let mut without_cookies = browser.clone();
    without_cookies.jar.clear();
    let null = crate::support::browser::Navigation { origin: Some("null"), ..FORGED };
    let sibling = crate::support::browser::Navigation { origin: Some("https://app.example.test"), site: "same-site", ..OWN_FORM };
    let silent = crate::support::browser::Navigation { origin: Some("https://evil.test"), site: "same-origin", ..OWN_FORM };
    let mut attempts = vec![];
    for (what, form, navigation) in [
        ("no token", form.clone().without("csrf"), OWN_FORM),
        ("an empty token", form.clone().fill("csrf", ""), OWN_FORM),
        ("a made-up token", form.clone().fill("csrf", "x"), OWN_FORM),
        ("another browser's token", form.clone().fill("csrf", &token(foreign, "csrf")), OWN_FORM),
        ("the ticket as token", form.clone().fill("csrf", &token(form, "ticket")), OWN_FORM),
        ("another site", form.clone(), FORGED),
        ("a sandboxed frame", form.clone(), null),
        ("a sibling of the same site", form.clone(), sibling),
        ("another origin", form.clone(), silent),
        ("another browser's form", foreign.clone(), OWN_FORM),
        ("another browser's form, of another site", foreign.clone(), FORGED),
    ] {
        attempts.push((what, browser.clone().submit_as(&form, button, navigation).await));
    }
    attempts.push(("no cookies", without_cookies.submit_as(form, button, OWN_FORM).await));
    attempts
}

/// FAPI 2.0 attacker model, session integrity: the attacker's own name and password, sent by the victim's browser.
async fn ui_02_nobody_is_signed_in_by_another_site(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let fill = |page: &Answer| form_with(page, "password").fill("username", "bobby").fill("password", PASSWORD);
    let foreign = fill(&app.sign_in_page(&mut app.browser(), &own).await);
    let mut browser = app.browser();
    let form = fill(&app.sign_in_page(&mut browser, &own).await);
    let bare = fill(&ask(&mut browser, &Url::parse(&own.endpoint("login")).unwrap()).await);
    let before = state(&app).await;
    for form in [&form, &bare] {
        for (what, answer) in forgeries(&browser, form, None, &foreign).await {
            error_page(&answer, what);
        }
    }
    // A victim with no cookie of ours at all, and one who is somebody already.
    error_page(&app.browser().submit_as(&form, None, FORGED).await, "a stranger");
    assert_eq!(state(&app).await, before);
    let mut alices = app.browser();
    app.sign_in(&mut alices, &own, "openid").await;
    let before = state(&app).await;
    error_page(&alices.submit_as(&form, None, FORGED).await, "alice");
    error_page(&alices.submit_as(&foreign, None, FORGED).await, "alice");
    assert_eq!(state(&app).await, before);
    // The control.
    own.code(&browser.submit(&form, None).await.left());
    assert_eq!(state(&app).await.live_sessions, before.live_sessions + 1);
}

/// Alice is signed in, and the page asks her.
async fn asked(app: &App, party: &RelyingParty, browser: &mut Browser, username: &str) -> Form {
    let page = app.sign_in_page(browser, party).await;
    let page = browser.submit(&form_with(&page, "password").fill("username", username).fill("password", PASSWORD), None).await.page();
    form_with(&page, "decision")
}

/// One token is of one browser. Two requests of one browser may swap theirs: what is allowed is in the ticket, which no other site can read.
async fn ui_03_nothing_is_allowed_by_another_site(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let foreign = asked(&app, &party, &mut app.browser(), "bobby").await;
    let mut browser = app.browser();
    let form = asked(&app, &party, &mut browser, "alice").await;
    let before = state(&app).await;
    for (what, answer) in forgeries(&browser, &form, Some("allow"), &foreign).await {
        error_page(&answer, what);
    }
    // Another session of the same browser: alice has signed out and bobby has signed in since; the page that asked her is no page of his.
    let mut later = browser.clone();
    let logout = form_with(&ask(&mut later, &Url::parse(&party.endpoint("oidc/logout")).unwrap()).await, "decision");
    later.submit(&logout, Some("allow")).await.page();
    let other = app.relying_party(OWN_PAGE);
    app.advance(TimeDelta::seconds(1));
    app.authorize_as(&mut later, &other.authorize("openid", &[("prompt", "login")]), "bobby").await;
    let answer = later.submit_as(&form, Some("allow"), OWN_FORM).await;
    assert!(!answer.header("location").unwrap().contains("gk_ac_"));
    // With the ticket of another request, which asks for less, nothing more is allowed than that one asks for.
    assert_eq!((state(&app).await.consents, state(&app).await.families), (before.consents, before.families));
    let mut again = app.browser();
    let form = asked(&app, &party, &mut again, "alice").await;
    let wider = again.visit(party.authorize("openid email", &[]).as_str()).await.page();
    let wider = form_with(&wider, "decision");
    let mixed = form.clone().fill("csrf", &wider.field("csrf").unwrap().value);
    let granted = party.exchange(&party.code(&again.submit(&mixed, Some("allow")).await.left())).await;
    assert_eq!(granted.json["scope"], "openid");
    assert_eq!(state(&app).await.consents, before.consents + 1, "the control");
}

/// ASVS 10.6.2.
async fn ui_04_nobody_is_signed_out_by_another_site(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let logout = Url::parse(&own.endpoint("oidc/logout")).unwrap();
    let mut bobs = app.browser();
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;
    let foreign = form_with(&ask(&mut bobs, &logout).await, "decision");
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &own, "openid").await;
    let before = state(&app).await;
    for navigation in [LINK, FRAME, CROSS_SITE_FRAME, FORGED] {
        for query in ["", "?client_id=own-page&post_logout_redirect_uri=https://own.example.test/signed-out", "?id_token_hint=x", "?decision=allow"] {
            let url = Url::parse(&format!("{logout}{query}")).unwrap();
            let answer = ask_as(&mut browser.clone(), &url, navigation).await;
            assert!(!touches_the_session(&answer) && answer.location().is_none(), "{query}");
            let body = query.trim_start_matches('?').to_owned();
            let answer = browser.clone().request(Method::POST, &logout, navigation, body).await;
            assert!(!touches_the_session(&answer) && answer.location().is_none(), "{query}");
        }
    }
    let form = form_with(&ask(&mut browser, &logout).await, "decision");
    for (what, answer) in forgeries(&browser, &form, Some("allow"), &foreign).await {
        error_page(&answer, what);
    }
    // Of a page shown to somebody without a session: there was nothing to ask, so there is no form to keep.
    assert!(!ask(&mut app.browser(), &logout).await.text().contains("decision"));
    assert_eq!(state(&app).await, before);
    let tokens = own.refresh(tokens.refresh()).await;
    // The control: her own yes.
    assert_eq!(browser.submit_as(&form, Some("allow"), OWN_FORM).await.status.as_u16(), 200);
    assert_eq!(state(&app).await.live_sessions, before.live_sessions - 1);
    own.refused(tokens.refresh()).await;
}

/// The attacker's request, opened in the browser of somebody who is signed in and need not be asked anything.
async fn ui_06_no_session_finishes_what_another_browser_began(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut attacker = app.browser();
    let page = app.sign_in_page(&mut attacker, &own).await;
    let ticket = form_with(&page, "ticket").field("ticket").unwrap().value.clone();
    let mut victim = app.browser();
    app.sign_in(&mut victim, &own, "openid").await;
    let before = state(&app).await;
    for path in ["login", "consent", "select-account"] {
        let url = Url::parse_with_params(&own.endpoint(path), [("ticket", &ticket)]).unwrap();
        for navigation in [LINK, FRAME, CROSS_SITE_FRAME, OWN_FORM] {
            error_page(&ask_as(&mut victim, &url, navigation).await, path);
        }
        // With no interaction cookie, and with the session alone.
        let (name, value) = session_cookie(&victim);
        error_page(&app.network.get(url.as_str(), &[("cookie", &format!("{name}={value}"))]).await, path);
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("ticket", &ticket).append_pair("decision", "allow").finish();
        error_page(&victim.request(Method::POST, &url, OWN_FORM, body).await, path);
    }
    assert_eq!(state(&app).await, before);
    // The control: the one who began it goes on, from each of the addresses.
    for path in ["consent", "select-account", "login"] {
        let url = Url::parse_with_params(&own.endpoint(path), [("ticket", &ticket)]).unwrap();
        form_with(&attacker.visit(url.as_str()).await.page(), "password");
    }
    let form = form_with(&page, "password").fill("username", "bobby").fill("password", PASSWORD);
    own.code(&attacker.submit(&form, None).await.left());
}

/// RFC 6265bis §4.1.3.2, §8.6: whoever owns a neighbouring host can set cookies for this one, but none of ours, and none that hides ours.
async fn ui_07_cookies_of_neighbours(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let mut bobs = app.browser();
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;
    let ((name, alices), (_, bobbys)) = (session_cookie(&browser), session_cookie(&bobs));
    assert!(name.starts_with("__Host-") && browser.jar.all().iter().all(|cookie| cookie.name.starts_with("__Host-")));
    let before = state(&app).await;
    let plain = name.trim_start_matches("__Host-");
    let silent = own.authorize("openid", &[("prompt", "none")]);
    let who = async |lines: &[&str]| {
        let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("cookie", *line)).collect();
        let answer = app.network.get(silent.as_str(), &headers).await;
        assert_eq!(answer.status.as_u16(), 303);
        let location = answer.location().unwrap();
        let (_, code) = location.query_pairs().find(|(name, _)| name == "code")?;
        let claims = own.claims(own.exchange(&code).await.id.as_ref().unwrap()).await;
        Some(claims["sub"].as_str().unwrap().to_owned())
    };
    let (alice, bob) = (app.user("alice").await.id.to_string(), app.user("bobby").await.id.to_string());
    let mine = format!("{name}={alices}");
    // What a neighbour can set, alone: nobody.
    let upper = name.to_uppercase();
    let lower = name.to_lowercase();
    for other in [
        plain,
        &format!("__Secure-{plain}"),
        "session",
        "gatekey",
        &upper,
        &lower,
        &format!("{name}x"),
        &format!("x{name}"),
        &format!("\u{2000}{name}"),
        &format!("\u{a0}{name}"),
        &format!("\u{85}{name}"),
        &format!("${name}"),
        "",
        &format!("x; Path=/; {plain}"),
    ] {
        if *other != name {
            assert_eq!(who(&[&format!("{other}={bobbys}")]).await, None, "{other:?}");
            // Beside hers, before and after: hers counts.
            for line in [format!("{other}={bobbys}; {mine}"), format!("{mine}; {other}={bobbys}")] {
                assert_eq!(who(&[&line]).await.as_ref(), Some(&alice), "{line:?}");
            }
        }
    }
    // A hundred of them, long ones, ones in no encoding that we know, broken ones: hers still counts.
    // Those of other accounts are read as strictly: one that is there twice, or is none, opens nothing and hides nothing.
    for line in [
        format!("{name}-2={bobbys}; {name}-2=x"),
        format!("{name}-6={bobbys}"),
        format!("{name}-1={bobbys}"),
        format!("{name}-22={bobbys}"),
        format!("{plain}-2={bobbys}"),
    ] {
        assert_eq!(who(&[&line]).await, None, "{line:?}");
        assert_eq!(who(&[&format!("{line}; {mine}")]).await.as_ref(), Some(&alice), "{line:?}");
    }
    assert_eq!(who(&[&format!("{name}-2={bobbys}")]).await.as_ref(), Some(&bob), "the control");
    let hundred: String = (0..100).map(|i| format!("junk{i}={}; ", "x".repeat(60))).collect();
    for junk in [hundred.as_str(), "ключ=знач\u{e9}; ", "a=\u{1f600}; ", "novalue; ", "; ;; ", "=; ", "a=\"; b=\"; ", "a=b=c; "] {
        assert_eq!(who(&[&format!("{junk}{mine}")]).await.as_ref(), Some(&alice), "{junk:?}");
        assert_eq!(who(&[&format!("{mine}; {junk}")]).await.as_ref(), Some(&alice), "{junk:?}");
    }
    // Two of one name, which no browser sends: neither counts, in whatever order.
    let his = format!("{name}={bobbys}");
    for line in [format!("{mine}; {his}"), format!("{his}; {mine}"), format!("{mine}; {name}=")] {
        assert_eq!(who(&[&line]).await, None, "{line:?}");
    }
    // In two headers they are no request.
    for lines in [[&mine, &his], [&his, &mine]] {
        let headers = lines.map(|line| ("cookie", line.as_str()));
        let answer = app.network.get(silent.as_str(), &headers).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (400, None));
    }
    let after = state(&app).await;
    assert_eq!((after.sessions, after.live_sessions, after.users), (before.sessions, before.live_sessions, before.users));
    // The controls.
    assert_eq!(who(&[&mine]).await, Some(alice));
    assert_eq!(who(&[&his]).await, Some(bob));
}

/// No cookie, a made-up one, one of a session that is over, a good one where none belongs.
async fn ui_09_a_cookie_alone_is_nobody(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &own, "openid").await;
    let mut ended = app.browser();
    let hint = app.sign_in(&mut ended, &own, "openid").await.id.unwrap();
    let (name, over) = session_cookie(&ended);
    ended.visit(Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", hint)]).unwrap().as_str()).await;
    let live = session_cookie(&browser).1;
    let before = state(&app).await;
    let silent = own.authorize("openid", &[("prompt", "none")]);
    let nobody = async |url: &Url, headers: &[(&str, &str)]| {
        let answer = app.network.get(url.as_str(), headers).await;
        assert_eq!(own.error(&answer.location().unwrap()), "login_required", "{headers:?}");
        let home = app.network.get(&app.issuer, headers).await;
        assert!(!home.text().contains("Alice Example"), "{headers:?}");
        let logout = app.network.get(&own.endpoint("oidc/logout"), headers).await;
        assert!(!logout.text().contains("alice") && !logout.text().contains("decision"), "{headers:?}");
    };
    for value in [
        "deadbeef",
        "x",
        "",
        "true",
        "1",
        &"A".repeat(43),
        "' OR 1=1 --",
        "%00",
        &over,
        &tokens.access,
        tokens.refresh(),
        &app.user("alice").await.id.to_string(),
    ] {
        nobody(&silent, &[("cookie", &format!("{name}={value}"))]).await;
    }
    // Sent in the query or in another header, a good one is nothing.
    let mut in_query = silent.clone();
    in_query.query_pairs_mut().append_pair(&name, &live).append_pair("session", &live);
    nobody(&in_query, &[]).await;
    for header in ["authorization", "x-session", "x-gatekey-session", "cookie2", "set-cookie"] {
        for value in [live.clone(), format!("Bearer {live}"), format!("{name}={live}")] {
            nobody(&silent, &[(header, &value)]).await;
        }
    }
    assert_eq!(state(&app).await, before);
    // The control.
    let answer = app.network.get(silent.as_str(), &[("cookie", &format!("{name}={live}"))]).await;
    own.code(&answer.location().unwrap());
}

/// alice, then bobby, in one browser: however alice's session ended, nothing of it is bobby's and nothing of his is hers.
async fn ui_10_users_of_one_browser_share_nothing(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let (alice, bobby) = (app.user("alice").await.id, app.user("bobby").await.id);
    let mut sids = std::collections::BTreeMap::new();
    for variant in ["logout with a hint", "logout asked", "cookies gone", "expired", "ended by an admin", "not at all", "in two tabs"] {
        let mut browser = app.browser();
        let online = app.sign_in(&mut browser, &own, "openid").await;
        let offline = app.sign_in(&mut browser, &own, "openid offline_access").await;
        // A tab that alice left open.
        let left_open = browser.visit(own.authorize("openid", &[("prompt", "login")]).as_str()).await.page();
        let cookie = session_cookie(&browser);
        match variant {
            "logout with a hint" => {
                let end = Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", online.id.as_deref().unwrap())]).unwrap();
                browser.visit(end.as_str()).await.page();
            }
            "logout asked" => {
                let page = browser.visit(&own.endpoint("oidc/logout")).await.page();
                browser.submit(&form_with(&page, "decision"), Some("allow")).await.page();
            }
            "cookies gone" => browser.jar.clear(),
            "expired" => app.advance(TimeDelta::days(31)),
            "ended by an admin" => {
                let now = app.now();
                app.write(move |db| tree::end(db, &Node::User(alice), EndReason::RevokedByAdmin, now)).await;
            }
            _ => {}
        }
        app.advance(TimeDelta::seconds(1));
        let bob = if variant == "in two tabs" {
            // bobby signs in on the page that alice left open.
            let form = form_with(&left_open, "password").fill("username", "bobby").fill("password", PASSWORD);
            own.exchange(&own.code(&browser.submit(&form, None).await.left())).await
        } else {
            let response = app.authorize_as(&mut browser, &own.authorize("openid offline_access", &[("prompt", "login")]), "bobby").await;
            own.exchange(&own.code(&response)).await
        };
        assert!(variant == "not at all" || variant == "in two tabs" || session_cookie(&browser) != cookie, "{variant}");
        for (tokens, user) in [(&online, alice), (&offline, alice), (&bob, bobby)] {
            let claims = own.claims(tokens.id.as_ref().unwrap()).await;
            assert_eq!(claims["sub"], user.to_string(), "{variant}");
            let known = sids.insert(claims["sid"].as_str().unwrap().to_owned(), user);
            assert!(known.is_none_or(|known| known == user), "{variant}: one sid of two users");
        }
        // What alice's application still has is alice's, or is nothing.
        for tokens in [&online, &offline] {
            let answer = own.try_refresh(tokens.refresh()).await;
            if answer.status.is_success() {
                let again = crate::support::relying_party::tokens(&answer);
                assert_eq!(own.claims(again.id.as_ref().unwrap()).await["sub"], alice.to_string(), "{variant}");
                let userinfo = own.userinfo(&again.access).await;
                assert!(!userinfo.status.is_success() || userinfo.json()["sub"] == alice.to_string(), "{variant}");
            }
        }
        let bobs_hint = [("id_token_hint", bob.id.as_deref().unwrap())];
        let silent = own.exchange(&own.code(&app.silently(&mut browser, &own, "openid", &bobs_hint).await)).await;
        assert_eq!(own.claims(silent.id.as_ref().unwrap()).await["sub"], bobby.to_string(), "{variant}");
        let hinted = app.silently(&mut browser, &own, "openid", &[("id_token_hint", online.id.as_deref().unwrap())]).await;
        let unhinted = app.silently(&mut browser, &own, "openid", &[]).await;
        if matches!(variant, "not at all" | "in two tabs") {
            // Both are signed in: each gets what is its own, and silence does not choose between them.
            let again = own.exchange(&own.code(&hinted)).await;
            assert_eq!(own.claims(again.id.as_ref().unwrap()).await["sub"], alice.to_string(), "{variant}");
            assert_eq!(own.error(&unhinted), "account_selection_required", "{variant}");
        } else {
            assert_eq!(own.error(&hinted), "account_selection_required", "{variant}");
            let silent = own.exchange(&own.code(&unhinted)).await;
            assert_eq!(own.claims(silent.id.as_ref().unwrap()).await["sub"], bobby.to_string(), "{variant}");
        }
    }
    assert_eq!(sids.values().filter(|user| **user == bobby).count(), 7);
}

/// What every form sends, with whatever ticket and form token the page at hand has.
fn posts(form: &Form) -> Vec<(&'static str, Form)> {
    let value = |name: &str| form.field(name).map(|field| field.value.clone()).unwrap_or_default();
    let (csrf, ticket) = (value("csrf"), value("ticket"));
    let account = form.fields.iter().find(|field| field.name == "account").map_or_else(|| "current".to_owned(), |field| field.value.clone());
    let of = |path: &str, fields: &[(&str, &str)]| {
        let all = [("csrf", csrf.as_str()), ("ticket", &ticket)].into_iter().chain(fields.iter().copied());
        let fields = all.map(|(name, value)| Field { name: name.to_owned(), value: value.to_owned(), kind: "hidden".to_owned() }).collect();
        Form { action: form.action.join(&format!("/{path}")).unwrap(), method: "post".to_owned(), fields }
    };
    vec![
        ("empty sign-in", of("login", &[])),
        ("sign-in without a password", of("login", &[("username", "alice")])),
        ("sign-in with a wrong one", of("login", &[("username", "alice"), ("password", "wrong horse battery")])),
        ("consent", of("consent", &[("decision", "allow")])),
        ("empty consent", of("consent", &[])),
        ("this account", of("select-account", &[("account", account.as_str())])),
        ("another account", of("select-account", &[("account", "other")])),
        ("sign-out", of("oidc/logout/confirm", &[("decision", "allow")])),
        ("set-up", of("setup", &[("username", "mallory"), ("password", PASSWORD), ("password_again", PASSWORD), ("link", &ticket)])),
        ("reset", of("reset-password", &[("username", "alice"), ("new_password", PASSWORD), ("password_again", PASSWORD), ("link", &ticket)])),
    ]
}

fn gained(state: &State) -> (i64, i64, i64, i64, i64) {
    (state.sessions, state.live_sessions, state.consents, state.users, state.codes)
}

/// At each step, the form of every other step, twice in a row: the server's state decides, and nothing is had without its proof.
async fn ui_13_steps_cannot_be_skipped(database: Database) {
    let app = App::start(database).await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut nobody = app.browser();
    let sign_in = form_with(&app.sign_in_page(&mut nobody, &page).await, "password");
    let mut alices = app.browser();
    app.sign_in(&mut alices, &own, "openid").await;
    app.advance(TimeDelta::minutes(11));
    let shown = async |party: &RelyingParty, prompt: &str, field: &str| {
        let mut browser = alices.clone();
        let page = browser.visit(party.authorize("openid", &[("prompt", prompt)]).as_str()).await.page();
        (browser, form_with(&page, field))
    };
    let (at_login, login) = shown(&own, "login", "password").await;
    let (at_both, both) = shown(&page, "login consent", "password").await;
    let (at_consent, consent) = shown(&page, "", "decision").await;
    let (at_chooser, chooser) = shown(&own, "select_account", "account").await;
    let mut at_logout = alices.clone();
    let logout = form_with(&ask(&mut at_logout, &Url::parse(&own.endpoint("oidc/logout")).unwrap()).await, "decision");
    let before = state(&app).await;
    for (step, browser, form, right) in [
        ("nobody at the sign-in", &nobody, &sign_in, &[][..]),
        ("a new sign-in", &at_login, &login, &[]),
        ("a new sign-in and consent", &at_both, &both, &[]),
        ("consent", &at_consent, &consent, &["consent"]),
        ("account", &at_chooser, &chooser, &["this account"]),
        ("sign-out", &at_logout, &logout, &["sign-out"]),
    ] {
        for (first, attempt) in posts(form).into_iter().filter(|(name, _)| !right.contains(name)) {
            let mut browser = browser.clone();
            let mut answer = browser.submit_as(&attempt, None, OWN_FORM).await;
            for _ in 0..4 {
                let Some(next) = answer.location() else { break };
                assert!(!next.as_str().contains("code="), "{step}: {first}: {next}");
                if next.origin() != answer.url.origin() {
                    break;
                }
                answer = ask_as(&mut browser, &next, OWN_FORM).await;
            }
            assert!(!touches_the_session(&answer), "{step}: {first}");
            // From where that led, and with the page of before: once more.
            for page in [Some(form.clone()), crate::support::form::forms(&answer.url, answer.text()).into_iter().find(|form| form.field("ticket").is_some())]
                .into_iter()
                .flatten()
            {
                for (second, attempt) in posts(&page).into_iter().filter(|(name, _)| !right.contains(name)) {
                    let answer = browser.clone().submit_as(&attempt, None, OWN_FORM).await;
                    assert!(!answer.header("location").unwrap_or_default().contains("code="), "{step}: {first}, {second}");
                    assert!(!answer.text().contains("gk_ac_"), "{step}: {first}, {second}");
                }
            }
            assert_eq!(gained(&state(&app).await), gained(&before), "{step}: {first}");
        }
    }
    // The controls: the right form at each step, when the wrong passwords are forgotten.
    app.advance(TimeDelta::minutes(10));
    own.code(&at_chooser.clone().submit(&chooser, Some(chooser.first_button())).await.left());
    page.code(&at_consent.clone().submit(&consent, Some("allow")).await.left());
    let mut browser = at_both.clone();
    let landing = browser.submit(&both.fill("username", "alice").fill("password", PASSWORD), None).await.page();
    page.code(&browser.submit(&form_with(&landing, "decision"), Some("allow")).await.left());
}
