//! B. Open redirects, and what is said when something is wrong.

use std::path::Path;

use chrono::TimeDelta;
use gatekey::settings::Settings;
use poem::http::Method;
use url::Url;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::attack::{ask, error_page, gives_nothing_away, session_cookie, state, told};
use crate::support::browser::{Landing, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{Field, tags};
use crate::support::network::Answer;

each_database!(
    er_01_an_unknown_client_is_sent_nowhere,
    er_04_no_page_takes_an_address_to_go_to,
    er_05_a_referer_is_no_address_to_go_to,
    er_06_only_registered_addresses_follow_a_logout,
    er_07_hostile_text_stays_text,
    er_08_after_a_form_comes_a_get,
    er_09_no_header_is_added,
);

/// RFC 9700 §4.11.2, RFC 6749 §4.1.2.1.
async fn er_01_an_unknown_client_is_sent_nowhere(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let before = state(&app).await;
    for client_id in ["nope", "", "OWN-PAGE", "own-page ", "own-page\0", "own%2Dpage", "' OR 1=1 --", "..", "\u{ff4f}wn-page", &"x".repeat(5000)] {
        for redirect_uri in ["https://evil.test", "https://own.example.test/callback", "javascript:alert(1)"] {
            for prompt in ["", "none", "login", "bogus"] {
                let url = party.authorize("openid", &[("client_id", client_id), ("redirect_uri", redirect_uri), ("prompt", prompt)]);
                error_page(&ask(&mut browser, &url).await, client_id);
            }
        }
    }
    assert_eq!(state(&app).await, before);
    // The control: a known client hears of its mistake.
    let answer = ask(&mut browser, &party.authorize("openid", &[("prompt", "bogus")])).await;
    assert_eq!(party.error(&answer.location().unwrap()), "invalid_request");
}

const ADDRESSES: [&str; 7] =
    ["//evil.test", "/\\evil.test", "https://evil.test/", "javascript:alert('evil.test')", "evil.test", "\\\\evil.test", "https:evil.test"];

/// There is no such parameter: what looks like one is dropped, on every page and in every form.
async fn er_04_no_page_takes_an_address_to_go_to(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let names = [
        "return_to",
        "returnTo",
        "back",
        "next",
        "continue",
        "redirect",
        "redirect_uri",
        "url",
        "target",
        "ticket",
        "link",
        "rd",
        "goto",
        "post_logout_redirect_uri",
    ];
    let stays = |answer: &Answer, what: &str| {
        assert!(answer.location().is_none_or(|to| to.origin() == answer.url.origin()), "{what}: {:?}", answer.headers);
        let led: Vec<_> = tags(answer.text())
            .into_iter()
            .flat_map(|(_, attributes)| attributes)
            .filter(|(name, _)| matches!(name.as_str(), "href" | "action" | "src"))
            .collect();
        assert!(led.iter().all(|(_, value)| !value.contains("evil.test")), "{what}: {led:?}");
    };
    let before = state(&app).await;
    for address in ADDRESSES {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(names.iter().map(|name| (name, address)));
        let query = query.finish();
        for path in ["", "login", "consent", "select-account", "oidc/logout", "setup", "reset-password", "authorize", "nothing/here"] {
            let url = Url::parse(&format!("{}?{query}", party.endpoint(path))).unwrap();
            stays(&ask(&mut app.browser(), &url).await, path);
        }
    }
    assert_eq!(state(&app).await, before);
    for address in ADDRESSES {
        let mut browser = app.browser();
        let page = ask(&mut browser, &Url::parse(&party.endpoint("login")).unwrap()).await;
        let mut form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
        for name in names.iter().filter(|name| form.field(name).is_none()).copied().collect::<Vec<_>>() {
            form.fields.push(Field { name: name.to_owned(), value: address.to_owned(), kind: "hidden".to_owned() });
        }
        // The control: signed in, and at home.
        let answer = browser.submit_as(&form, None, OWN_FORM).await;
        assert_eq!(answer.location().unwrap().as_str(), app.issuer, "{address}");
        party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    }
}

async fn er_05_a_referer_is_no_address_to_go_to(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let (name, value) = session_cookie(&browser);
    let cookie = format!("{name}={value}");
    for days in [0, 31] {
        app.advance(TimeDelta::days(days));
        let before = state(&app).await;
        for path in
            ["login", "consent", "select-account", "oidc/logout/confirm", "oidc/logout", "setup", "reset-password", "authorize", "oauth/token", "nothing/here"]
        {
            for (site, origin) in [("cross-site", "https://evil.test"), ("same-origin", "https://id.example.test"), ("none", "null")] {
                let headers = [
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("cookie", &cookie),
                    ("referer", "https://evil.test/page"),
                    ("origin", origin),
                    ("sec-fetch-site", site),
                    ("x-forwarded-host", "evil.test"),
                    ("x-forwarded-proto", "http"),
                ];
                for method in [Method::POST, Method::GET] {
                    let answer = app.network.send(method, &party.endpoint(path), &headers, "decision=allow&username=alice").await;
                    assert_eq!(answer.header("location"), None, "{path}");
                    assert!(!answer.text().contains("evil.test"), "{path}");
                }
            }
        }
        assert_eq!(state(&app).await, before);
    }
    // The control.
    let url = party.authorize("openid", &[]);
    let answer = app.network.get(url.as_str(), &[("referer", "https://evil.test/page")]).await;
    assert_eq!(answer.location().unwrap().origin(), url.origin());
}

/// RP-Initiated Logout §3.
async fn er_06_only_registered_addresses_follow_a_logout(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let end = |parameters: &[(&str, &str)]| Url::parse_with_params(&party.endpoint("oidc/logout"), parameters).unwrap();
    for uri in [
        "https://evil.test/",
        "https://own.example.test/signed-out?x=1",
        "https://own.example.test/signed-out/",
        "https://own.example.test/signed-out#x",
        "https://own.example.test/SIGNED-OUT",
        "https://own.example.test@evil.test/signed-out",
        "https://app.example.test/signed-out",
        "https://own.example.test/callback",
        "http://127.0.0.1/signed-out",
        "//evil.test",
        "javascript:alert(1)",
        "https://own.example.test/signed-out\r\nx: y",
    ] {
        let mut browser = app.browser();
        let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
        let before = state(&app).await;
        let page = ask(&mut browser, &end(&[("id_token_hint", &hint), ("post_logout_redirect_uri", uri), ("state", "x")])).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (200, None), "{uri}");
        assert!(!page.text().contains("evil.test"), "{uri}");
        assert_eq!(state(&app).await, before, "asked, not yet done: {uri}");
        let answer = browser.submit_as(&form_with(&page, "decision"), Some("allow"), OWN_FORM).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (200, None), "{uri}");
        assert_eq!(state(&app).await.live_sessions, before.live_sessions - 1, "{uri}");
        // Without a hint it asks first, and then stays here too.
        let mut browser = app.browser();
        app.sign_in(&mut browser, &party, "openid").await;
        for client in [OWN_PAGE, SERVER, "nobody", ""] {
            let page = ask(&mut browser, &end(&[("client_id", client), ("post_logout_redirect_uri", uri)])).await;
            let answer = browser.clone().submit_as(&form_with(&page, "decision"), Some("deny"), OWN_FORM).await;
            assert_eq!(answer.location().unwrap().as_str(), app.issuer, "{uri}");
            let policy = page.header("content-security-policy").unwrap();
            assert!(!policy.contains("evil"), "{uri}: {policy}");
        }
        let page = ask(&mut browser, &end(&[("client_id", OWN_PAGE), ("post_logout_redirect_uri", uri)])).await;
        let answer = browser.submit_as(&form_with(&page, "decision"), Some("allow"), OWN_FORM).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (200, None), "{uri}");
    }
    // A registered one, but of nobody who asks: no hint and no client, or the hint of one client and the name of another.
    let good = "https://server.example.test/signed-out";
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let page = ask(&mut browser, &end(&[("post_logout_redirect_uri", good)])).await;
    let answer = browser.clone().submit_as(&form_with(&page, "decision"), Some("deny"), OWN_FORM).await;
    assert_eq!(answer.location().unwrap().as_str(), app.issuer);
    let mixed = ask(&mut browser, &end(&[("id_token_hint", &hint), ("client_id", SERVER), ("post_logout_redirect_uri", good)])).await;
    assert_eq!(mixed.header("location"), None);
    // A registered one, with a `state` that is too long to be given back as it is.
    let own = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://own.example.test/signed-out"), ("state", &"x".repeat(4097))];
    let page = ask(&mut browser, &end(&own)).await;
    assert_eq!((page.status.as_u16(), page.header("location")), (200, None));
    let answer = browser.submit_as(&form_with(&page, "decision"), Some("allow"), OWN_FORM).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (200, None));
    // The control.
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &party, "openid").await.id.unwrap();
    let own = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://own.example.test/signed-out"), ("state", "a b")];
    assert_eq!(ask(&mut browser, &end(&own)).await.header("location"), Some("https://own.example.test/signed-out?state=a+b"));
}

pub const PAYLOADS: [&str; 8] = [
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "</title><svg onload=alert(1)>",
    "{{ 7777*7 }}{% raw %}",
    "\u{202e}x\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "</textarea></script><iframe srcdoc='<script>alert(1)</script>'>",
    "\" onfocus=alert(1) autofocus x=\"",
];

/// Nothing of a payload has become a tag or an attribute, a template or a header.
pub fn is_inert(page: &Answer, what: &str) {
    for (tag, attributes) in tags(page.text()) {
        assert!(!matches!(tag.as_str(), "iframe" | "object" | "embed" | "base" | "textarea"), "{what}: {tag}");
        assert!(!(tag == "img" && attributes.iter().any(|(name, value)| name == "src" && value == "x")), "{what}");
        for (name, value) in &attributes {
            assert!(!name.starts_with("on") && name != "srcdoc", "{what}: {tag} {name}");
            assert!(
                !(matches!(name.as_str(), "href" | "src" | "action") && value.trim().to_ascii_lowercase().starts_with("javascript:")),
                "{what}: {tag} {name}"
            );
        }
    }
    assert!(!page.text().contains("54439"), "{what}: a template was run");
    assert!(!page.headers.get_all("set-cookie").iter().any(|cookie| cookie.to_str().unwrap().starts_with("a=")), "{what}");
}

/// RFC 9700 §4.16; what Chromium makes of it is in tests/browser.
async fn er_07_hostile_text_stays_text(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let names = [
        "client_id",
        "redirect_uri",
        "state",
        "nonce",
        "login_hint",
        "ui_locales",
        "display",
        "scope",
        "prompt",
        "response_type",
        "response_mode",
        "error",
        "error_description",
        "error_hint",
        "error_uri",
        "acr_values",
        "claims",
        "id_token_hint",
        "ticket",
        "link",
        "post_logout_redirect_uri",
    ];
    let before = state(&app).await;
    for payload in PAYLOADS {
        for name in names {
            // With a redirect URI that is wrong everything ends on our own page.
            for more in [&[][..], &[("redirect_uri", "https://evil.test/")]] {
                let changes = [more, &[(name, payload)]].concat();
                if let Landing::Page(page) = app.browser().visit(party.authorize("openid", &changes).as_str()).await {
                    is_inert(&page, &format!("{name}={payload}"));
                    gives_nothing_away(&page, name);
                }
            }
            for path in ["", "login", "consent", "select-account", "oidc/logout", "setup", "reset-password"] {
                let url = Url::parse_with_params(&party.endpoint(path), [(name, payload)]).unwrap();
                is_inert(&ask(&mut app.browser(), &url).await, &format!("{path}: {name}={payload}"));
            }
        }
        let mut browser = app.browser();
        let form = form_with(&app.sign_in_page(&mut browser, &party).await, "password").fill("username", payload).fill("password", payload);
        is_inert(&browser.submit_as(&form, None, OWN_FORM).await, "sign-in");
    }
    assert_eq!(state(&app).await, before);
    // The control: what is shown is there, as text.
    let page = app.browser().visit(party.authorize("openid", &[("login_hint", PAYLOADS[0])]).as_str()).await.page();
    assert_eq!(form_with(&page, "password").field("username").unwrap().value, PAYLOADS[0]);
}

/// RFC 9700 §4.12: 303 and no other redirect, or the browser would post the password on.
async fn er_08_after_a_form_comes_a_get(database: Database) {
    let app = App::start(database).await;
    let (party, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut browser = app.browser();
    let see_other = |answer: &Answer| {
        assert_eq!(answer.status.as_u16(), 303, "{}: {}", answer.url, answer.text());
        assert!(!answer.header("location").unwrap().contains("password") && answer.body.is_empty(), "{:?}", answer.headers);
    };
    let page = app.sign_in_page(&mut browser, &party).await;
    let signed_in = browser.submit_as(&form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD), None, OWN_FORM).await;
    see_other(&signed_in);
    let consent = ask(&mut browser, &signed_in.location().unwrap()).await;
    see_other(&browser.submit_as(&form_with(&consent, "decision"), Some("allow"), OWN_FORM).await);
    app.advance(TimeDelta::seconds(1));
    let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    let chooser = form_with(&chooser, "account");
    for button in [chooser.first_button(), "other"] {
        see_other(&browser.clone().submit_as(&chooser, Some(button), OWN_FORM).await);
    }
    let confirm =
        ask(&mut browser, &Url::parse(&own.endpoint("oidc/logout?client_id=own-page&post_logout_redirect_uri=https://own.example.test/signed-out")).unwrap())
            .await;
    for button in ["deny", "allow"] {
        see_other(&browser.clone().submit_as(&form_with(&confirm, "decision"), Some(button), OWN_FORM).await);
    }
    // A request that was posted is not posted on either.
    let query = own.authorize("openid", &[]).query().unwrap().to_owned();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    see_other(&app.network.send(Method::POST, &own.endpoint("authorize"), &headers, query).await);
    assert_eq!(state(&app).await.live_sessions, 0, "the last form was the logout");
    // And no other redirect is written anywhere.
    no_other_redirect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
}

fn no_other_redirect(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_other_redirect(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["TEMPORARY_REDIRECT", "PERMANENT_REDIRECT", "MOVED_PERMANENTLY", "StatusCode::FOUND", "web::Redirect"] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

/// Raw line ends reach no header in whatever spelling; what an operator sets is judged when it is written.
async fn er_09_no_header_is_added(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    for odd in [
        "x\r\nSet-Cookie: a=b",
        "x\nLocation: https://evil.test/",
        "x\rx",
        "\u{560a}\u{560d}Set-Cookie: a=b",
        "%0d%0aSet-Cookie:%20a=b",
        "x\u{85}y",
        "x\u{2028}y",
        "x\0y",
    ] {
        for (name, mode) in [
            ("state", "query"),
            ("state", "fragment"),
            ("state", "form_post"),
            ("login_hint", "query"),
            ("nonce", "query"),
            ("scope", "query"),
            ("prompt", "form_post"),
        ] {
            let answer = ask(&mut browser, &party.authorize("openid", &[("response_mode", mode), (name, odd)])).await;
            for (header, value) in &answer.headers {
                assert!(value.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte)), "{name}: {header}: {value:?}");
                assert!(header != "set-cookie" || !value.to_str().unwrap().starts_with("a="), "{value:?}");
            }
            if name == "state" {
                assert_eq!(told(&answer).1["state"], odd, "{mode}: as it was sent");
            }
        }
        let confirm = Url::parse_with_params(
            &party.endpoint("oidc/logout"),
            [("state", odd), ("client_id", OWN_PAGE), ("post_logout_redirect_uri", "https://own.example.test/signed-out")],
        )
        .unwrap();
        gives_nothing_away(&ask(&mut browser, &confirm).await, "logout");
    }
    // The id of a request is ours, whatever the request says.
    let answer = app.network.get(&app.issuer, &[("x-request-id", "forged"), ("x-forwarded-for", "forged")]).await;
    assert!(answer.header("x-request-id").is_some_and(|id| id != "forged" && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    for logo in ["https://x.test/\\r\\nx: y", "https://x.test/;script-src *", "https://x.test/ 'unsafe-inline'", "/a\\nb"] {
        assert!(Settings::from_toml(&format!("[branding]\nlogo_url = \"{logo}\"")).is_err(), "{logo}");
    }
    Settings::from_toml("[branding]\nlogo_url = \"https://x.test/logo.svg\"").unwrap();
    // The control.
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
}
