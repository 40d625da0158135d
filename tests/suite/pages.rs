//! What every page must carry, and what every form must prove.

use chrono::TimeDelta;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD};
use crate::support::browser::{Browser, FORGED, Landing, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{Form, tags};
use crate::support::network::Answer;
use crate::support::relying_party::RelyingParty;

each_database!(every_page_has_its_headers, every_form_proves_where_it_comes_from, a_page_works_only_in_the_browser_it_was_made_for, hostile_text_stays_text);

/// Every kind of page a user can meet, with a form or without.
async fn all_pages(app: &App) -> Vec<(&'static str, Answer)> {
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut browser = app.browser();
    let mut pages = vec![];
    let sign_in = app.sign_in_page(&mut browser, &page).await;
    let form = form_with(&sign_in, "password").fill("username", "alice");
    pages.push(("sign-in", sign_in));
    pages.push(("sign-in again", browser.submit(&form.clone().fill("password", "wrong"), None).await.page()));
    let consent = browser.submit(&form.fill("password", PASSWORD), None).await.page();
    form_with(&consent, "decision");
    app.advance(TimeDelta::seconds(1));
    pages.push(("consent", consent));
    pages.push(("account chooser", browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page()));
    pages.push(("logout confirmation", browser.visit(&own.endpoint("oidc/logout")).await.page()));
    pages.push(("form_post", browser.visit(own.authorize("openid", &[("response_mode", "form_post")]).as_str()).await.page()));
    pages.push(("error", browser.visit(own.authorize("openid", &[("redirect_uri", "https://evil.test/")]).as_str()).await.page()));
    pages.push(("not found", browser.visit(&own.endpoint("nothing/here")).await.page()));
    pages.push(("home", browser.visit(&app.issuer).await.page()));
    pages
}

/// UI-01, UI-16, UI-17, UI-18, RM-01, CR-01.
async fn every_page_has_its_headers(database: Database) {
    let app = App::start(database).await;
    for (name, page) in all_pages(&app).await {
        let header = |header: &str| page.header(header).unwrap_or_else(|| panic!("{name} has no {header}")).to_owned();
        assert_eq!(header("content-type"), "text/html; charset=utf-8", "{name}");
        assert_eq!(header("x-frame-options"), "DENY", "{name}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{name}");
        assert_eq!(header("cache-control"), "no-store", "{name}");
        // `same-origin` says nothing to others, and lets the browser name the origin with our own forms.
        assert!(matches!(header("referrer-policy").as_str(), "no-referrer" | "same-origin"), "{name}");
        assert!(page.header("x-request-id").is_some(), "{name}");
        assert_eq!(page.header("access-control-allow-origin"), None, "{name}");
        let csp = header("content-security-policy");
        for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "] {
            assert!(csp.contains(directive), "{name}: {directive}: {csp}");
        }
        assert!(!csp.contains("unsafe") && !csp.contains('*'), "{name}: {csp}");
        let scripts: Vec<_> = tags(page.text()).into_iter().filter(|(tag, _)| tag == "script").collect();
        if name == "form_post" {
            let nonce = &scripts[0].1.iter().find(|(key, _)| key == "nonce").unwrap().1;
            assert!(csp.contains(&format!("script-src 'nonce-{nonce}'")), "{csp}");
        } else {
            assert!(scripts.is_empty() && !csp.contains("script-src"), "{name} needs no script: {csp}");
        }
        // Everything it loads is its own; it is told in a language; fields say what belongs in them (UI-21).
        for (tag, attributes) in tags(page.text()) {
            let get = |key: &str| attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            assert!(!attributes.iter().any(|(key, _)| key.starts_with("on") || key == "style"), "{name}: {tag} {attributes:?}");
            if matches!(tag.as_str(), "link" | "img" | "script") {
                let url = get("href").or(get("src")).unwrap_or("/");
                assert!(url.starts_with('/') && !url.starts_with("//"), "{name}: {url}");
            }
            match (tag.as_str(), get("type")) {
                ("html", _) => assert!(get("lang").is_some_and(|lang| !lang.is_empty()), "{name}"),
                ("input", Some("password")) => assert_eq!(get("autocomplete"), Some("current-password"), "{name}"),
                ("input", Some("text")) => assert_eq!(get("autocomplete"), Some("username"), "{name}"),
                _ => {}
            }
        }
        for set_cookie in page.headers.get_all("set-cookie") {
            let text = set_cookie.to_str().unwrap();
            assert!(text.starts_with("__Host-") && text.contains("; Secure") && text.contains("; HttpOnly") && text.contains("SameSite="), "{name}: {text}");
        }
    }
    // What pages load is there, and is what it says it is.
    let (_, page) = all_pages(&app).await.remove(0);
    let links = tags(page.text()).into_iter().filter(|(tag, _)| tag == "link").filter_map(|(_, a)| a.into_iter().find(|(key, _)| key == "href"));
    for (_, href) in links {
        let asset = app.network.get(page.url.join(&href).unwrap().as_str(), &[]).await;
        assert_eq!(asset.status.as_u16(), 200, "{href}");
        assert_eq!(asset.header("x-content-type-options"), Some("nosniff"), "{href}");
        let kind = asset.header("content-type").unwrap();
        assert!(kind.starts_with("text/css") || kind.starts_with("image/svg+xml"), "{href}: {kind}");
    }
}

/// A form that a page asks the user to send: how to come to it again, and which button says yes.
struct Asked {
    name: &'static str,
    form: Form,
    browser: Browser,
    button: Option<&'static str>,
}

async fn all_forms(app: &App) -> Vec<Asked> {
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut asked = vec![];
    let mut browser = app.browser();
    let sign_in = form_with(&app.sign_in_page(&mut browser, &page).await, "password").fill("username", "alice").fill("password", PASSWORD);
    asked.push(Asked { name: "sign-in", form: sign_in.clone(), browser: browser.clone(), button: None });
    let consent = browser.submit(&sign_in, None).await.page();
    asked.push(Asked { name: "consent", form: form_with(&consent, "decision"), browser: browser.clone(), button: Some("allow") });
    app.advance(TimeDelta::seconds(1));
    let chooser = browser.visit(own.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    asked.push(Asked { name: "account chooser", form: form_with(&chooser, "account"), browser: browser.clone(), button: Some("current") });
    let logout = browser.visit(&own.endpoint("oidc/logout")).await.page();
    asked.push(Asked { name: "logout confirmation", form: form_with(&logout, "decision"), browser: browser.clone(), button: Some("allow") });
    asked
}

/// UI-02, UI-03, UI-04: without the token, with another browser's, from another site, without the cookie: refused, and nothing happened.
async fn every_form_proves_where_it_comes_from(database: Database) {
    let app = App::start(database).await;
    let (page, own) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE));
    let mut strangers = app.browser();
    let foreign = form_with(&app.sign_in_page(&mut strangers, &page).await, "csrf").field("csrf").unwrap().value.clone();

    for Asked { name, form, mut browser, button } in all_forms(&app).await {
        let mut attempts: Vec<(&str, Answer)> = vec![];
        let mut without_cookies = browser.clone();
        without_cookies.jar.clear();
        attempts.push(("no token", browser.clone().submit_as(&form.clone().without("csrf"), button, OWN_FORM).await));
        attempts.push(("an empty token", browser.clone().submit_as(&form.clone().fill("csrf", ""), button, OWN_FORM).await));
        attempts.push(("another browser's token", browser.clone().submit_as(&form.clone().fill("csrf", &foreign), button, OWN_FORM).await));
        attempts.push(("another site", browser.clone().submit_as(&form, button, FORGED).await));
        attempts.push(("no cookies", without_cookies.submit_as(&form, button, OWN_FORM).await));
        for (attempt, answer) in attempts {
            assert!(matches!(answer.status.as_u16(), 400 | 403), "{name}, {attempt}: {}", answer.status);
            assert_eq!(answer.location(), None, "{name}, {attempt}");
            let session = answer.headers.get_all("set-cookie").iter().any(|cookie| !cookie.to_str().unwrap().split('=').next().unwrap().ends_with("-browser"));
            assert!(!session, "{name}, {attempt}: a session cookie was touched");
        }
        // Nothing happened: nobody was signed in, nothing allowed, nobody signed out.
        match name {
            "sign-in" => assert_eq!(own.error(&app.silently(&mut browser.clone(), &own, "openid", &[]).await), "login_required"),
            "consent" => assert_eq!(page.error(&app.silently(&mut browser.clone(), &page, "openid", &[]).await), "consent_required"),
            _ => drop(own.code(&app.silently(&mut browser.clone(), &own, "openid", &[]).await)),
        }
        // The control: the same form as the page gave it.
        let answer = browser.submit_as(&form, button, OWN_FORM).await;
        assert!(answer.status.is_success() || answer.status.as_u16() == 303, "{name}: {} {}", answer.status, answer.text());
    }
    // The last one was the logout.
}

/// CO-13: the link of a half-done sign-in is worth nothing in another browser.
async fn a_page_works_only_in_the_browser_it_was_made_for(database: Database) {
    let app = App::start(database).await;
    let page: RelyingParty = app.relying_party(PAGE);
    let mut attacker = app.browser();
    let attackers_page = app.sign_in_page(&mut attacker, &page).await;
    let mut victim = app.browser();
    app.sign_in(&mut victim, &page, "openid").await;
    // Opened by the victim: no code comes of it.
    let opened = victim.visit(attackers_page.url.as_str()).await;
    if let Landing::Page(shown) = &opened
        && attackers_page.url.query().is_some_and(|query| query.contains("ticket"))
    {
        assert_eq!(shown.status.as_u16(), 400);
    }
    // The form with the attacker's ticket, sent by the victim's browser with its own valid token.
    let own_form = form_with(&app.sign_in_page(&mut app.browser(), &page).await, "password");
    let stolen = form_with(&attackers_page, "ticket").field("ticket").unwrap().value.clone();
    let mut other = app.browser();
    let others_form = form_with(&app.sign_in_page(&mut other, &page).await, "password").fill("username", "alice").fill("password", PASSWORD);
    let answer = other.submit_as(&others_form.clone().fill("ticket", &stolen), None, OWN_FORM).await;
    assert_eq!(answer.location().filter(|url| url.as_str().starts_with(&page.redirect_uri)), None);
    assert_ne!(own_form.field("ticket").unwrap().value, stolen);
}

/// ER-07, ER-09, UI-14.
async fn hostile_text_stays_text(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    for payload in
        ["\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>", "{{ 7777*7 }}", "\u{202e}x\r\nSet-Cookie: a=b", "</title><svg onload=alert(1)>"]
    {
        for name in ["login_hint", "state", "ui_locales", "redirect_uri", "client_id", "nonce", "display"] {
            let mut browser = app.browser();
            let landing = browser.visit(party.authorize("openid", &[(name, payload)]).as_str()).await;
            if let Landing::Page(page) = landing {
                assert!(!page.text().contains("<script>alert") && !page.text().contains("<img src=x") && !page.text().contains("<svg onload"), "{name}");
                assert!(!page.text().contains("54439"), "{name}");
                assert!(!page.headers.get_all("set-cookie").iter().any(|cookie| cookie.to_str().unwrap().starts_with("a=")), "{name}");
            }
        }
    }
}
