//! H. What every page must carry: who may frame it, what may run in it, what is told to others, what is kept.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use gatekey::domain::client::ClientMetadata;
use gatekey::domain::id::ClientId;
use gatekey::domain::user::{Profile, User};
use gatekey::store::{clients, consents, users};
use poem::http::Method;
use url::Url;

use super::errors::is_inert;
use crate::account::{add_user, form_to};
use crate::support::app::{App, MACHINE, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::attack::{ask, state};
use crate::support::browser::{Browser, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::tags;
use crate::support::network::Answer;

each_database!(
    ui_01_no_page_may_be_framed,
    ui_14_what_others_have_written_stays_text,
    ui_16_the_policy_of_every_page,
    ui_17_nothing_is_told_to_others,
    ui_18_nothing_is_kept,
    ui_20_no_page_needs_a_script,
    ui_21_fields_say_what_belongs_in_them,
);

/// Every kind of page a user can meet, with a form or without.
pub async fn every_page(app: &App) -> Vec<(&'static str, Answer)> {
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut browser = app.browser();
    let mut pages = vec![];
    let visit = async |browser: &mut Browser, url: &Url| browser.visit(url.as_str()).await.page();
    let at = |path: &str| Url::parse(&own.endpoint(path)).unwrap();
    if let Some(link) = app.running.first_admin_link().await.unwrap() {
        let setup = visit(&mut browser, &Url::parse(&link).unwrap()).await;
        let form = form_with(&setup, "password_again").fill("username", "root").fill("password", PASSWORD).fill("password_again", PASSWORD);
        pages.push(("setup", setup));
        pages.push(("setup again", browser.submit(&form.clone().fill("password_again", "another"), None).await.page()));
        pages.push(("setup done", browser.submit(&form, None).await.page()));
        pages.push(("setup, too late", visit(&mut browser, &Url::parse(&link).unwrap()).await));
    }
    if app.store.read(|db| users::find_by_username(db, "rosa")).await.unwrap().is_none() {
        add_user(app, "rosa").await;
    }
    let link = Url::parse(&app.reset_link("rosa").await).unwrap();
    let reset = visit(&mut browser, &link).await;
    let form = form_with(&reset, "new_password").fill("new_password", PASSWORD).fill("password_again", PASSWORD);
    pages.push(("reset", reset));
    pages.push(("reset again", browser.submit(&form.clone().fill("password_again", "another"), None).await.page()));
    pages.push(("reset done", browser.submit(&form, None).await.page()));
    pages.push(("reset, too late", visit(&mut browser, &link).await));
    pages.push(("home", visit(&mut browser, &at("")).await));
    pages.push(("sign-in without an application", visit(&mut browser, &at("login")).await));
    let sign_in = app.sign_in_page(&mut browser, &page).await;
    let form = form_with(&sign_in, "password").fill("username", "alice");
    pages.push(("sign-in", sign_in));
    pages.push(("sign-in again", browser.submit(&form.clone().fill("password", "wrong"), None).await.page()));
    let consent = browser.submit(&form.clone().fill("password", PASSWORD), None).await.page();
    form_with(&consent, "decision");
    app.advance(TimeDelta::seconds(1));
    pages.push(("consent", consent));
    pages.push(("account chooser", visit(&mut browser, &own.authorize("openid", &[("prompt", "select_account")])).await));
    pages.push(("confirm it is you", visit(&mut browser, &own.authorize("openid", &[("prompt", "login")])).await));
    pages.push(("form_post", visit(&mut browser, &own.authorize("openid", &[("response_mode", "form_post")])).await));
    pages.push(("form_post of an error", visit(&mut browser, &own.authorize("openid", &[("response_mode", "form_post"), ("prompt", "x")])).await));
    pages.push(("home, signed in", visit(&mut browser, &at("")).await));
    pages.push(("sign-in for the own page", visit(&mut app.browser(), &at("account")).await));
    let account = visit(&mut browser, &at("account")).await;
    let others = form_to(&account, "sessions/end-others");
    pages.push(("own page", account));
    pages.push(("new password", visit(&mut browser, &at("account/password")).await));
    app.advance(TimeDelta::minutes(20));
    let confirm = browser.submit(&others, None).await.page();
    let proof = form_with(&confirm, "ticket");
    pages.push(("own page, the password asked", confirm));
    pages.push(("own page, the password asked again", browser.submit(&proof, None).await.page()));
    pages.push(("own page, done", browser.submit(&proof.fill("password", PASSWORD), None).await.page()));
    pages.push(("error", visit(&mut browser, &own.authorize("openid", &[("redirect_uri", "https://evil.test/")])).await));
    pages.push(("error of a form", browser.submit_as(&form.without("csrf"), None, OWN_FORM).await));
    pages.push(("error of a ticket", visit(&mut browser, &at("consent?ticket=x")).await));
    pages.push(("not found", visit(&mut browser, &at("nothing/here")).await));
    let confirm = visit(&mut browser, &at("oidc/logout")).await;
    let form = form_with(&confirm, "decision");
    pages.push(("logout confirmation", confirm));
    pages.push(("signed out", browser.submit(&form, Some("allow")).await.page()));
    pages
}

/// The directives of a page's policy; each comes once.
fn policy(page: &Answer, name: &str) -> BTreeMap<String, Vec<String>> {
    let text = page.header("content-security-policy").unwrap_or_else(|| panic!("{name} has no policy"));
    let mut directives = BTreeMap::new();
    for directive in text.split(';') {
        let mut words = directive.split_whitespace().map(str::to_owned);
        let key = words.next().expect("a directive has a name");
        assert!(directives.insert(key, words.collect()).is_none(), "{name}: {text}");
    }
    directives
}

/// RFC 9700 §4.16; that the frame stays empty is shown in tests/browser.
async fn ui_01_no_page_may_be_framed(database: Database) {
    let app = App::start(database).await;
    let pages = every_page(&app).await;
    assert!(pages.len() >= 17, "{}", pages.len());
    for (name, page) in &pages {
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{name}");
        assert_eq!(policy(page, name)["frame-ancestors"], ["'none'"], "{name}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{name}");
    }
    // The control: they are pages, and what was done on them was done.
    assert!(pages.iter().any(|(_, page)| page.text().contains("Alice Example")));
    assert_eq!((state(&app).await.sessions, state(&app).await.live_sessions), (1, 0));
}

const WRITTEN: [&str; 40] = [
    "<script>alert(1)</script>",
    "\"><script>alert(1)</script>",
    "'><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=x>",
    "<embed src=x>",
    "<base href=https://evil.test/>",
    "<meta http-equiv=refresh content=0;url=https://evil.test/>",
    "<link rel=stylesheet href=https://evil.test/>",
    "<style>*{}</style>",
    "<a href=javascript:alert(1)>x</a>",
    "<form action=https://evil.test/><input name=password>",
    "<textarea>",
    "</title><script>alert(1)</script>",
    "</h1><script>alert(1)</script>",
    "<!--",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version=1?><script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert(1)",
    "{{ 7777*7 }}",
    "{% for i in 'x' %}{{ i }}{% endfor %}",
    "{$application}",
    "{ -brand }",
    "${alert(1)}",
    "`alert(1)`",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "\\u003cscript\\u003ealert(1)",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\u{202e}<script>alert(1)</script>",
    "\u{ff1c}script\u{ff1e}alert(1)",
    "<script\u{b}>alert(1)</script>",
    "<x onclick=alert(1)>x</x>",
];

/// The names of an application and of a user, as an administrator or the user may have written them.
async fn ui_14_what_others_have_written_stays_text(database: Database) {
    let app = App::start(database).await;
    for written in WRITTEN {
        // One wrong password is among the pages.
        app.advance(TimeDelta::minutes(2));
        app.write(move |db| {
            for mut client in clients::list(db, None, 100)? {
                client.metadata = ClientMetadata { name: written.to_owned(), ..client.metadata };
                clients::upsert(db, &client)?;
            }
            let alice = users::find_by_username(db, "alice")?.unwrap();
            let id = alice.id;
            let profile = Profile { name: Some(written.to_owned()), given_name: Some(written.to_owned()), ..alice.profile.clone() };
            users::update(db, &User { profile, ..alice })?;
            consents::withdraw(db, id, &ClientId::parse(PAGE).unwrap())
        })
        .await;
        let mut shown = 0;
        for (name, page) in every_page(&app).await {
            is_inert(&page, &format!("{name}: {written}"));
            let names: Vec<String> = tags(page.text()).into_iter().map(|(tag, _)| tag).collect();
            for tag in ["style", "base", "object", "embed", "x", "?xml", "textarea"] {
                assert!(!names.iter().any(|name| name == tag), "{name}: {written}: {tag}");
            }
            // Links lead nowhere but within.
            for (tag, attributes) in tags(page.text()) {
                for (key, value) in attributes {
                    assert!(tag != "a" || key != "href" || value.starts_with('/'), "{name}: {value}");
                }
            }
            shown += usize::from(page.text().contains("alert") || page.text().contains("7777"));
        }
        // The control: it is shown where it belongs.
        assert!(shown >= 2 || !written.contains("alert"), "{written}: {shown}");
    }
}

/// Whether the page's form ends at an application.
fn leads_on(name: &str) -> bool {
    ["sign-in", "sign-in again", "consent", "account chooser", "confirm it is you", "form_post", "form_post of an error"].contains(&name)
}

/// RFC 9700 §4.16.
async fn ui_16_the_policy_of_every_page(database: Database) {
    let app = App::start(database).await;
    let mut nonces = vec![];
    for (name, page) in every_page(&app).await {
        let directives = policy(&page, name);
        // What is not named falls back to none: objects, frames, connections, workers, fonts.
        assert_eq!(directives["default-src"], ["'none'"], "{name}");
        assert_eq!(directives["base-uri"], ["'none'"], "{name}");
        let known = ["default-src", "style-src", "img-src", "form-action", "frame-ancestors", "base-uri", "script-src"];
        assert!(directives.keys().all(|key| known.contains(&key.as_str())), "{name}: {directives:?}");
        for (key, sources) in &directives {
            for source in sources {
                let plain = matches!(source.as_str(), "'none'" | "'self'");
                // On to the application, and from there wherever it goes: browsers hold all of that to the form's page.
                let target = key == "form-action" && source == "https:" && leads_on(name);
                let nonce = key == "script-src" && source.starts_with("'nonce-");
                assert!(plain || target || nonce || (key == "img-src" && source == "data:"), "{name}: {key} {source}");
            }
        }
        assert_eq!(directives["form-action"].len(), if leads_on(name) { 2 } else { 1 }, "{name}");
        match directives.get("script-src") {
            Some(sources) => {
                assert!(name.starts_with("form_post") && sources.len() == 1, "{name}: {sources:?}");
                assert!(sources[0].len() >= "'nonce-'".len() + 22, "128 bits: {sources:?}");
                nonces.push(sources[0].clone());
            }
            None => assert!(!page.text().contains("<script"), "{name}"),
        }
    }
    let count = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!((count, nonces.len()), (2, 2), "fresh in each answer");
}

/// RFC 9700 §4.2.4. `same-origin` tells other sites nothing, as `no-referrer` does; `no-referrer` would take the origin out of our own forms.
async fn ui_17_nothing_is_told_to_others(database: Database) {
    let app = App::start(database).await;
    for (name, page) in every_page(&app).await {
        assert_eq!(page.header("referrer-policy"), Some("same-origin"), "{name}");
        assert_eq!(page.header("access-control-allow-origin"), None, "{name}");
        for (tag, attributes) in tags(page.text()) {
            for (key, value) in attributes {
                match (tag.as_str(), key.as_str()) {
                    ("link" | "img" | "script" | "a", "href" | "src") => assert!(value.starts_with('/') && !value.starts_with("//"), "{name}: {tag} {value}"),
                    ("form", "action") => assert!(value.starts_with('/') || name.starts_with("form_post"), "{name}: {value}"),
                    (_, "src" | "data" | "poster" | "srcset" | "ping" | "background") => panic!("{name}: {tag} {key}={value}"),
                    _ => {}
                }
            }
        }
        assert!(!page.text().contains("http-equiv"), "{name}");
    }
    // Where a browser is sent on, with a code in the address, nothing is told of the page before.
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let away = ask(&mut browser, &party.authorize("openid", &[])).await;
    assert_eq!(away.header("referrer-policy"), Some("no-referrer"));
    party.code(&away.location().unwrap());
}

/// RFC 6749 §5.1, RFC 7662 §4, RFC 9111 §5.2.2.5. That the browser does not show a page again after signing out is shown in tests/browser.
async fn ui_18_nothing_is_kept(database: Database) {
    let app = App::start(database).await;
    for (name, page) in every_page(&app).await {
        assert_eq!(page.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{name}");
    }
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &server, "openid").await;
    let bearer = |token: &str| format!("Bearer {token}");
    let machine = app.relying_party(MACHINE);
    let code = server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
    let mut answers = vec![
        ("token, good", server.try_exchange(&code).await),
        ("token, again", server.try_exchange(&code).await),
        ("token, wrong", server.try_exchange("x").await),
        ("token, nobody", app.network.post_form(&server.endpoint("oauth/token"), &[], &[("grant_type", "authorization_code")]).await),
        ("token, malformed", app.network.send(Method::POST, &server.endpoint("oauth/token"), &[("content-type", "text/plain")], "x").await),
        ("token of a machine", machine.post("oauth/token", &[("grant_type", "client_credentials")]).await),
        ("introspection", server.post("oauth/introspect", &[("token", &tokens.access)]).await),
        ("introspection, wrong", server.post("oauth/introspect", &[("token", "x")]).await),
        ("introspection, nobody", app.network.post_form(&server.endpoint("oauth/introspect"), &[], &[("token", "x")]).await),
        ("userinfo", server.userinfo(&tokens.access).await),
        ("userinfo, wrong", server.userinfo("x").await),
        ("userinfo, nothing", app.network.get(&server.endpoint("userinfo"), &[]).await),
        ("revocation", server.post("oauth/revoke", &[("token", "x")]).await),
        ("revocation, nobody", app.network.post_form(&server.endpoint("oauth/revoke"), &[], &[("token", "x")]).await),
        ("authorize", ask(&mut browser, &server.authorize("openid", &[])).await),
        ("to the sign-in page", ask(&mut app.browser(), &server.authorize("openid", &[])).await),
        ("readiness", app.network.get(&server.endpoint("readyz"), &[]).await),
    ];
    for path in ["server", "sessions", "nothing"] {
        for token in [tokens.access.as_str(), "x"] {
            let answer = app.network.get(&server.endpoint(&format!("admin/api/v1/{path}")), &[("authorization", &bearer(token))]).await;
            answers.push(("admin API", answer));
        }
        answers.push(("admin API, nobody", app.network.get(&server.endpoint(&format!("admin/api/v1/{path}")), &[]).await));
    }
    for (name, answer) in &answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}: {} {}", answer.status, answer.url);
    }
    // The control: what is public is kept.
    let keys = app.network.get(&server.endpoint(".well-known/jwks.json"), &[]).await;
    assert!(keys.header("cache-control").unwrap().contains("max-age"));
}

/// No script, so nothing of the address, of a message or of the page can reach one: but the one of `form_post`, which reads nothing.
async fn ui_20_no_page_needs_a_script(database: Database) {
    let app = App::start(database).await;
    for (name, page) in every_page(&app).await {
        let scripts = tags(page.text()).iter().filter(|(tag, _)| tag == "script").count();
        assert_eq!(scripts, usize::from(name.starts_with("form_post")), "{name}");
        for (tag, attributes) in tags(page.text()) {
            assert!(
                attributes.iter().all(|(key, value)| !key.starts_with("on") && key != "style" && !value.to_lowercase().contains("javascript:")),
                "{name}: {tag}"
            );
        }
        for source in ["location", "postMessage", "innerHTML", "eval(", "document.write", "window.name", "referrer\""] {
            assert!(!page.text().contains(source), "{name}: {source}");
        }
        if name.starts_with("form_post") {
            let script = page.text().split_once("<script").unwrap().1.split_once('>').unwrap().1.split_once("</script>").unwrap().0;
            assert_eq!(script, "HTMLFormElement.prototype.submit.call(document.getElementById(\"response\"))");
            assert!(page.text().contains("<button"), "it works without one too");
        }
    }
    // The styles that pages load are no scripts.
    let page = app.sign_in_page(&mut app.browser(), &app.relying_party(PAGE)).await;
    let links: Vec<String> = tags(page.text())
        .into_iter()
        .filter(|(tag, _)| tag == "link")
        .filter_map(|(_, a)| a.into_iter().find(|(key, _)| key == "href"))
        .map(|(_, v)| v)
        .collect();
    assert!(!links.is_empty());
    for href in links {
        let asset = app.network.get(page.url.join(&href).unwrap().as_str(), &[]).await;
        assert_eq!((asset.status.as_u16(), asset.header("x-content-type-options")), (200, Some("nosniff")), "{href}");
        let kind = asset.header("content-type").unwrap();
        assert!(kind.starts_with("text/css") || kind.starts_with("image/svg+xml"), "{href}: {kind}");
    }
}

/// ASVS 6.2.6, 6.2.7; HTML's autocomplete tokens. That pasting works is shown in tests/browser.
async fn ui_21_fields_say_what_belongs_in_them(database: Database) {
    let app = App::start(database).await;
    let mut passwords = 0;
    for (name, page) in every_page(&app).await {
        for (tag, attributes) in tags(page.text()) {
            let get = |key: &str| attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            if tag == "html" {
                assert!(get("lang").is_some_and(|lang| !lang.is_empty()), "{name}");
            }
            if tag != "input" {
                continue;
            }
            assert!(!attributes.iter().any(|(key, _)| key == "onpaste" || key == "readonly" || key == "maxlength"), "{name}: {attributes:?}");
            match (get("name").unwrap(), get("type").unwrap()) {
                ("password", kind) if name.starts_with("setup") => assert_eq!((kind, get("autocomplete")), ("password", Some("new-password")), "{name}"),
                ("password", kind) => assert_eq!((kind, get("autocomplete")), ("password", Some("current-password")), "{name}"),
                ("new_password" | "password_again", kind) => assert_eq!((kind, get("autocomplete")), ("password", Some("new-password")), "{name}"),
                ("username", kind) => assert_eq!((kind, get("autocomplete")), ("text", Some("username")), "{name}"),
                ("name" | "email", _) => assert!(get("autocomplete").is_some(), "{name}"),
                (_, kind) => assert_eq!(kind, "hidden", "{name}"),
            }
            if get("type") == Some("password") {
                passwords += 1;
                assert_eq!(get("value"), None, "{name}: a password is never sent back");
            }
        }
    }
    assert!(passwords >= 6, "{passwords}");
}
