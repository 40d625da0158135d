//! G. Response types and response modes: nothing in a front channel but a code, and one check of the target for every mode.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use gatekey::domain::client::ClientKind;
use gatekey::domain::redirect_uri::RedirectUri;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use super::errors::{PAYLOADS, is_inert};
use crate::support::app::{App, MACHINE, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD, SERVER, client};
use crate::support::attack::{ask, ask_as, error_page, gives_nothing_away, message, state, told};
use crate::support::browser::{CROSS_SITE_FRAME, FRAME, LINK, Landing, Navigation, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{forms, tags};
use crate::support::network::Answer;

each_database!(
    rm_01_a_form_post_is_a_form_and_nothing_else,
    rm_02_every_mode_has_the_same_check,
    rm_04_a_message_is_for_the_registered_origin,
    rm_04_a_client_that_may_not_be_framed,
    rm_05_the_check_session_frame_is_for_registered_pages_and_asks_nothing,
    rm_06_no_implicit_grant_and_no_password_grant,
    rm_07_the_sealed_request_wins,
);

/// Form Post Response Mode §2; RFC 9700 §4.16.
async fn rm_01_a_form_post_is_a_form_and_nothing_else(database: Database) {
    let app = App::start_with(database, |settings| {
        let uris = ["http://127.0.0.1/cb", "com.example.app:/callback", "https://app.example.test/a?b=c"];
        settings.clients.push(client("native", ClientKind::Native, "https://native.example.test", |client| {
            client.redirect_uris = uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect();
        }));
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let mut nonces = vec![];
    for payload in PAYLOADS {
        for prompt in ["", "bogus"] {
            let page = ask(&mut browser, &party.authorize("openid", &[("response_mode", "form_post"), ("state", payload), ("prompt", prompt)])).await;
            is_inert(&page, payload);
            let all = forms(&page.url, page.text());
            assert_eq!((all.len(), all[0].action.as_str(), all[0].method.as_str()), (1, party.redirect_uri.as_str(), "post"));
            assert_eq!(all[0].field("state").unwrap().value, payload, "as it was sent");
            let names: Vec<_> = all[0].fields.iter().map(|field| field.name.as_str()).collect();
            assert!(names == ["code", "session_state", "state", "iss"] || names == ["error", "error_description", "state", "iss"], "{names:?}");
            assert!(all[0].fields.iter().all(|field| field.kind == "hidden"));
            // One script, the page's own, under a nonce that is new each time; the form goes to the registered origin.
            let scripts: Vec<_> = tags(page.text()).into_iter().filter(|(tag, _)| tag == "script").collect();
            let nonce = scripts[0].1.iter().find(|(name, _)| name == "nonce").unwrap().1.clone();
            assert_eq!(scripts.len(), 1);
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains(&format!("script-src 'nonce-{nonce}'")), "{policy}");
            assert!(policy.contains("form-action 'self' https:;"), "{policy}");
            assert!(!nonces.contains(&nonce), "a nonce came twice");
            nonces.push(nonce);
        }
    }
    // A browser posts to nothing but the web: to an application's own scheme nothing can be posted, so nothing is promised.
    let native = app.relying_party("native");
    let native = crate::support::relying_party::RelyingParty { redirect_uri: "com.example.app:/callback".to_owned(), ..native };
    let before = state(&app).await;
    let answer = ask(&mut browser, &native.authorize("openid", &[("response_mode", "form_post")])).await;
    let (place, fields) = told(&answer);
    assert_eq!((place.as_str(), fields["error"].as_str()), ("com.example.app:/callback", "invalid_request"));
    assert_eq!(state(&app).await, before);
    // The control.
    let page = browser.visit(party.authorize("openid", &[("response_mode", "form_post")]).as_str()).await.page();
    party.exchange(&form_with(&page, "code").field("code").unwrap().value).await;
}

const MUTANTS: [&str; 12] = [
    "https://own.example.test/callback/",
    "https://own.example.test/callback?x=1",
    "https://own.example.test@evil.test/callback",
    "https://evil.test#@own.example.test/callback",
    "https://own.example.test\\@evil.test",
    "//evil.test",
    " https://own.example.test/callback",
    "https://own.example.test/callback/../evil",
    "https://ownXexample.test/callback",
    "https://own.example.test.evil.test/callback",
    "javascript:alert(1)",
    "",
];

async fn rm_02_every_mode_has_the_same_check(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let before = state(&app).await;
    for mode in ["", "query", "fragment", "form_post", "web_message", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt", "x"] {
        for uri in MUTANTS {
            for prompt in ["", "none", "bogus"] {
                let url = party.authorize("openid", &[("response_mode", mode), ("redirect_uri", uri), ("prompt", prompt)]);
                error_page(&ask(&mut browser, &url).await, &format!("{mode}: {uri}"));
            }
        }
        // The control: an answer, of one kind or the other, at the registered one.
        let (place, fields) = told(&ask(&mut browser, &party.authorize("openid", &[("response_mode", mode)])).await);
        assert_eq!(place, if mode == "web_message" { "https://own.example.test" } else { &party.redirect_uri }, "{mode}");
        assert!(fields.contains_key("code") || fields["error"] == "invalid_request", "{mode}: {fields:?}");
    }
    assert_eq!(state(&app).await, before);
}

/// RFC 9700 §4.17: for the origin of the registered redirect URI, whoever has opened the window or holds the frame; framed by the client's own pages.
async fn rm_04_a_message_is_for_the_registered_origin(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.clients.push(client("native", ClientKind::Native, "https://native.example.test", |client| {
            client.redirect_uris = vec![RedirectUri::parse("com.example.app:/callback").unwrap()];
        }));
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let origin = "https://own.example.test";
    let mut browser = app.browser();
    let mut codes = vec![];
    app.sign_in(&mut browser, &party, "openid").await;
    for navigation in [FRAME, CROSS_SITE_FRAME, LINK] {
        for (name, value, outcome) in [
            ("prompt", "", "code"),
            ("prompt", "none", "code"),
            ("web_message_uri", "https://evil.test", "code"),
            ("web_message_target", "*", "code"),
            ("state", "</script><script>alert(1)</script>\"'\u{2028}", "code"),
            ("prompt", "bogus", "error"),
            ("scope", "unknown", "error"),
            ("max_age", "x", "error"),
            ("id_token_hint", "x", "error"),
        ] {
            let answer = ask_as(&mut browser, &party.authorize("openid", &[("response_mode", "web_message"), (name, value)]), navigation).await;
            let (place, fields) = message(&answer).unwrap_or_else(|| panic!("{name}={value}: {}", answer.text()));
            assert_eq!((answer.status.as_u16(), place.as_str()), (200, origin), "{name}={value}");
            assert!(fields.contains_key(outcome) && fields["iss"] == app.issuer, "{name}={value}: {fields:?}");
            assert_eq!(fields["state"], if name == "state" { value } else { &party.state });
            is_for_its_own_pages(&answer, origin);
            assert!(!answer.text().contains("evil.test"), "{}", answer.text());
            // A window may be seen, and says what it is; a frame is not.
            assert_eq!(answer.text().contains("<h1>"), navigation.dest == LINK.dest, "{}", answer.text());
            codes.extend(fields.get("code").cloned());
        }
    }
    // Nobody is signed in: a silent answer is a message too; and a page that asks for a password is framed by nobody.
    let before = state(&app).await;
    let asked = party.authorize("openid", &[("response_mode", "web_message"), ("prompt", "none")]);
    for navigation in [FRAME, CROSS_SITE_FRAME, LINK] {
        let answer = ask_as(&mut app.browser(), &asked, navigation).await;
        assert_eq!(message(&answer).unwrap().1["error"], "login_required");
        is_for_its_own_pages(&answer, origin);
    }
    let mut stranger = app.browser();
    let page = stranger.visit(party.authorize("openid", &[("response_mode", "web_message")]).as_str()).await.page();
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'") && message(&page).is_none());
    // To an application's own scheme no browser hands a message.
    let native = crate::support::relying_party::RelyingParty { redirect_uri: "com.example.app:/callback".to_owned(), ..app.relying_party("native") };
    let (place, fields) = told(&ask(&mut browser, &native.authorize("openid", &[("response_mode", "web_message")])).await);
    assert_eq!((place.as_str(), fields["error"].as_str()), ("com.example.app:/callback", "invalid_request"));
    assert_eq!(state(&app).await, before);
    // The control: the codes are good, and whoever signs in in a window ends there.
    party.exchange(&codes[0]).await;
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let window = stranger.submit(&form, None).await.page();
    party.exchange(&message(&window).unwrap().1["code"]).await;
    // Whoever says no in a window: the page that opened it hears that.
    let asked = app.relying_party(PAGE).authorize("openid", &[("response_mode", "web_message")]);
    let page = stranger.visit(asked.as_str()).await.page();
    let denied = stranger.submit(&form_with(&page, "decision"), Some("deny")).await.page();
    let (place, fields) = message(&denied).unwrap();
    assert_eq!((place.as_str(), fields["error"].as_str()), ("https://app.example.test", "access_denied"));
}

/// The message's page: framed by `origin` alone, with no policy that would part a window from who opened it; only its own script runs.
fn is_for_its_own_pages(answer: &Answer, origin: &str) {
    let policy = answer.header("content-security-policy").unwrap();
    let directive = |name: &str| policy.split("; ").find_map(|part| part.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((directive("frame-ancestors").as_str(), directive("default-src").as_str()), (origin, "'none'"));
    assert_eq!(
        (directive("form-action").as_str(), directive("base-uri").as_str(), answer.header("x-content-type-options")),
        ("'none'", "'none'", Some("nosniff"))
    );
    let script = answer.text().rsplit_once("</script>").unwrap().0.rsplit_once('>').unwrap().1;
    assert_eq!(directive("script-src"), format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script))));
    assert_eq!(tags(answer.text()).iter().filter(|(tag, _)| tag == "script").count(), 1);
    for header in ["x-frame-options", "cross-origin-opener-policy", "access-control-allow-origin"] {
        assert_eq!(answer.header(header), None, "{header}");
    }
    assert_eq!((answer.header("cache-control"), answer.header("referrer-policy")), (Some("no-store"), Some("no-referrer")));
}

/// RFC 10017: where a client's pages need no frames, a script that got into one of them cannot use one.
async fn rm_04_a_client_that_may_not_be_framed(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.clients.push(client("unframed", ClientKind::Spa, "https://unframed.example.test", |client| {
            client.first_party = true;
            client.may_be_framed = false;
        }));
    })
    .await;
    let party = app.relying_party("unframed");
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let before = state(&app).await;
    for mode in ["", "query", "fragment", "form_post", "web_message"] {
        for prompt in ["", "none"] {
            let asked = party.authorize("openid", &[("response_mode", mode), ("prompt", prompt)]);
            for dest in ["iframe", "frame", "embed", "object", "fencedframe"] {
                for navigation in [FRAME, CROSS_SITE_FRAME] {
                    let answer = ask_as(&mut browser, &asked, Navigation { dest, ..navigation }).await;
                    assert_eq!(told(&answer).1["error"], "interaction_required", "{mode} {prompt} {dest}");
                    if mode == "web_message" {
                        // Its own page hears that, and need not wait for what does not come.
                        is_for_its_own_pages(&answer, "https://unframed.example.test");
                    }
                    gives_nothing_away(&answer, mode);
                }
            }
            // The control: in the window itself all is as ever; and where a browser does not say that it is a frame, no frame shows the code.
            let answer = ask(&mut browser, &asked).await;
            assert!(told(&answer).1.contains_key("code"), "{mode} {prompt}");
            if mode == "web_message" {
                assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
                assert_eq!(answer.header("x-frame-options"), Some("DENY"));
            }
        }
    }
    assert_eq!(state(&app).await, before);
}

/// RFC 9700 §2.1.2, §2.4: for every kind of client.
async fn rm_06_no_implicit_grant_and_no_password_grant(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &app.relying_party(OWN_PAGE), "openid").await;
    let before = state(&app).await;
    for client in [PAGE, OTHER_PAGE, OWN_PAGE, SERVER] {
        let party = app.relying_party(client);
        for response_type in [
            "token",
            "id_token",
            "id_token token",
            "token id_token",
            "code token",
            "code id_token",
            "code id_token token",
            "none",
            "code code",
            "CODE",
            " code",
        ] {
            let answer = ask(&mut browser, &party.authorize("openid", &[("response_type", response_type)])).await;
            assert_eq!(party.error(&answer.location().unwrap()), "unsupported_response_type", "{client}: {response_type}");
            gives_nothing_away(&answer, response_type);
        }
    }
    for client in [PAGE, OWN_PAGE, SERVER, MACHINE] {
        let party = app.relying_party(client);
        for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:saml2-bearer", "PASSWORD", "x"] {
            let fields = [("grant_type", grant), ("username", "alice"), ("password", PASSWORD), ("scope", "openid"), ("assertion", "x")];
            for headers in [&[][..], &[("dpop", "x")]] {
                let answer = party.post_with("oauth/token", headers, &fields).await;
                assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "unsupported_grant_type"), "{client}: {grant}");
            }
        }
    }
    assert_eq!(state(&app).await, before);
    let party = app.relying_party(OWN_PAGE);
    let metadata = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert!(!metadata["grant_types_supported"].as_array().unwrap().iter().any(|grant| matches!(grant.as_str().unwrap(), "password" | "implicit")));
    // The control.
    party.exchange(&party.code(&ask(&mut browser, &party.authorize("openid", &[])).await.location().unwrap())).await;
}

/// The page's address carries the request, sealed: what stands beside it is not heard, and a changed seal does not open.
async fn rm_07_the_sealed_request_wins(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let page = app.sign_in_page(&mut browser, &party).await;
    let address = page.url.clone();
    let edits = [
        ("scope", "openid email admin"),
        ("response_type", "token"),
        ("client_id", OWN_PAGE),
        ("client_data", "e30"),
        ("redirect_uri", "https://evil.test/"),
        ("response_mode", "form_post"),
        ("state", "evil"),
        ("prompt", "none"),
        ("ui_locales", "de"),
        ("session_before", "null"),
        ("account_chosen", "true"),
        ("consent_given", "true"),
    ];
    let mut edited = address.clone();
    edited.query_pairs_mut().extend_pairs(edits);
    let Landing::Page(same) = browser.navigate(&edited, LINK).await else { panic!("the page was left") };
    assert!(same.text().contains("The page") && !same.text().contains("evil"));
    let before = state(&app).await;
    // The seal, changed at one place or another; and twice in one address.
    let ticket = form_with(&page, "ticket").field("ticket").unwrap().value.clone();
    for at in (0..ticket.len()).step_by(11) {
        let other = if &ticket[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &ticket[..at], &ticket[at + 1..]);
        for path in ["login", "consent", "select-account"] {
            let url = Url::parse_with_params(&party.endpoint(path), [("ticket", &changed)]).unwrap();
            error_page(&ask(&mut browser, &url).await, "a changed seal");
        }
        let form = form_with(&page, "password").fill("ticket", &changed).fill("username", "alice").fill("password", "wrong");
        error_page(&browser.submit_as(&form, None, OWN_FORM).await, "a changed seal");
    }
    let twice = Url::parse_with_params(&party.endpoint("login"), [("ticket", &ticket), ("ticket", &ticket)]).unwrap();
    let answer = ask(&mut browser, &twice).await;
    assert_eq!(answer.location(), None);
    assert_eq!(state(&app).await, before);
    // The control: on from the edited address, as the application asked, when the wrong passwords are forgotten.
    app.advance(TimeDelta::hours(1));
    let form = form_with(&same, "password").fill("username", "alice").fill("password", PASSWORD);
    let consent = browser.submit(&form, None).await.page();
    let response = browser.submit(&form_with(&consent, "decision"), Some("allow")).await.left();
    assert_eq!(party.exchange(&party.code(&response)).await.json["scope"], "openid");
}

/// Session Management 1.0 §3.3, §5; Keycloak CVE-2024-1249. That it answers no flood: `tests/browser/logout.test.mjs`.
async fn rm_05_the_check_session_frame_is_for_registered_pages_and_asks_nothing(database: Database) {
    let app = App::start(database).await;
    let url = format!("{}oidc/check-session", app.issuer);
    for (referer, expected) in [
        (None, "'none'"),
        (Some("https://evil.test/"), "'none'"),
        (Some("https://app.example.test.evil.test/"), "'none'"),
        (Some("https://app.example.test:8443/"), "'none'"),
        (Some("http://app.example.test/"), "'none'"),
        (Some("null"), "'none'"),
        (Some("https://evil.test/https://app.example.test"), "'none'"),
        (Some("https://app.example.test@evil.test/"), "'none'"),
        (Some("https://app.example.test"), "https://app.example.test"),
        (Some("https://app.example.test/a/page?x=y"), "https://app.example.test"),
    ] {
        let headers: Vec<(&str, &str)> = referer.into_iter().map(|referer| ("referer", referer)).collect();
        let frame = app.network.get(&url, &headers).await;
        let policy = frame.header("content-security-policy").unwrap();
        let directives: Vec<&str> = policy.split("; ").collect();
        assert_eq!(directives.iter().find_map(|part| part.strip_prefix("frame-ancestors ")), Some(expected), "{referer:?}");
        // Nothing but its one script: it can load nothing and connect to nothing.
        assert_eq!(directives[0], "default-src 'none'");
        let script = directives.iter().find_map(|part| part.strip_prefix("script-src ")).unwrap();
        let body = frame.text();
        let (_, rest) = body.split_once("<script>").unwrap();
        let hash = STANDARD.encode(Sha256::digest(rest.split_once("</script>").unwrap().0));
        assert_eq!(script, format!("'sha256-{hash}'"));
        assert_eq!((frame.header("set-cookie"), frame.header("cache-control")), (None, Some("no-store")));
        assert!(directives.iter().all(|part| !part.contains("app.example.test") || part.starts_with("frame-ancestors")), "{policy}");
    }
}
