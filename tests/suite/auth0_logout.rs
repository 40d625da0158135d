//! `GET /v2/logout`, as Auth0's libraries ask for it: no hint, so the proof is the page that the browser comes from (ASVS 10.6.2).

use poem::http::Method;
use url::Url;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE};
use crate::support::browser::{Browser, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(the_applications_own_page_is_enough, anybody_elses_link_is_asked_about, it_returns_to_registered_addresses_only);

const RETURN_TO: &str = "https://own.example.test/signed-out";

/// What a browser says of a request that a page makes it send.
struct From {
    referer: Option<&'static str>,
    mode: &'static str,
    dest: &'static str,
}

const OWN: From = From { referer: Some("https://own.example.test/"), mode: "navigate", dest: "document" };

/// A request with the browser's cookies.
async fn ask(app: &App, browser: &Browser, parameters: &[(&str, &str)], from: &From) -> Answer {
    let url = Url::parse_with_params(&format!("{}v2/logout", app.issuer), parameters).unwrap();
    let cookies: Vec<String> = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let cookies = cookies.join("; ");
    let mut headers = vec![("sec-fetch-mode", from.mode), ("sec-fetch-dest", from.dest), ("sec-fetch-site", "cross-site")];
    headers.extend(from.referer.map(|referer| ("referer", referer)));
    headers.extend((!cookies.is_empty()).then_some(("cookie", cookies.as_str())));
    app.network.send(Method::GET, url.as_str(), &headers, "").await
}

async fn signed_in(app: &App, browser: &mut Browser) -> bool {
    let response = app.silently(browser, &app.relying_party(OWN_PAGE), "openid", &[]).await;
    response.query_pairs().any(|(name, _)| name == "code")
}

/// The unmodified library: `client_id`, `returnTo`, its own name; `federated` says nothing here.
async fn the_applications_own_page_is_enough(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let whole = [("client_id", OWN_PAGE), ("returnTo", RETURN_TO), ("auth0Client", "eyJuYW1lIjoiYXV0aDAtc3BhLWpzIn0="), ("federated", "")];
    for parameters in [&whole[..], &whole[..2]] {
        let mut browser = app.browser();
        let tokens = app.sign_in(&mut browser, &party, "openid").await;
        let answer = ask(&app, &browser, parameters, &OWN).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(RETURN_TO)));
        let cleared: Vec<&str> = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
        assert!(cleared.len() == 2 && cleared.iter().all(|cookie| cookie.contains("Max-Age=0")), "the session and its state: {cleared:?}");
        assert_eq!(answer.header("set-login"), Some("logged-out"));
        assert!(!signed_in(&app, &mut browser).await);
        party.refused(tokens.refresh()).await;
        // Again: nobody is signed in, and whoever asks goes back.
        let answer = ask(&app, &app.browser(), parameters, &From { referer: None, mode: "navigate", dest: "document" }).await;
        assert_eq!((answer.header("location"), answer.header("set-cookie")), (Some(RETURN_TO), None));
    }
    // Without `returnTo` it is the first registered address, as at Auth0.
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let answer = ask(&app, &browser, &[("client_id", OWN_PAGE)], &OWN).await;
    assert_eq!(answer.header("location"), Some(RETURN_TO));
    assert!(!signed_in(&app, &mut browser).await);
}

/// LO-01: a page of somebody else, a hidden frame, an image, a browser that does not say: the user is asked.
async fn anybody_elses_link_is_asked_about(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let good = [("client_id", OWN_PAGE), ("returnTo", RETURN_TO)];
    for from in [
        From { referer: Some("https://evil.test/"), ..OWN },
        From { referer: Some("https://own.example.test.evil.test/"), ..OWN },
        From { referer: Some("http://own.example.test/"), ..OWN },
        From { referer: Some("https://own.example.test:8443/"), ..OWN },
        From { referer: Some("https://own.example.test@evil.test/"), ..OWN },
        From { referer: Some("https://app.example.test/"), ..OWN },
        From { referer: Some("https://id.example.test/"), ..OWN },
        From { referer: Some("own.example.test"), ..OWN },
        From { referer: None, ..OWN },
        From { dest: "iframe", ..OWN },
        From { dest: "image", mode: "no-cors", ..OWN },
        From { dest: "empty", mode: "cors", ..OWN },
        From { mode: "", dest: "", ..OWN },
    ] {
        let answer = ask(&app, &browser, &good, &from).await;
        assert_eq!(answer.status.as_u16(), 200, "{:?} {} {}", from.referer, from.mode, from.dest);
        assert_eq!(answer.header("set-login"), None);
        form_with(&answer, "decision");
        assert!(signed_in(&app, &mut browser).await, "{:?} {} {}", from.referer, from.mode, from.dest);
    }
    // An application that this session never signed in to signs nobody out, not even from its own page.
    for (client, referer) in [(OTHER_PAGE, "https://other.example.test/"), (PAGE, "https://app.example.test/")] {
        let answer = ask(&app, &browser, &[("client_id", client)], &From { referer: Some(referer), ..OWN }).await;
        form_with(&answer, "decision");
        assert!(signed_in(&app, &mut browser).await, "{client}");
    }
    // No client at all.
    form_with(&ask(&app, &browser, &[], &OWN).await, "decision");
    assert!(signed_in(&app, &mut browser).await);
    // And the answer to the question is obeyed.
    let url = Url::parse_with_params(&party.endpoint("v2/logout"), good).unwrap();
    let page = browser.visit(url.as_str()).await.page();
    let left = browser.submit(&form_with(&page, "decision"), Some("allow")).await.left();
    assert_eq!(left.as_str(), RETURN_TO);
    assert!(!signed_in(&app, &mut browser).await);
}

/// ER-06, RU-01: byte for byte, of that client; else a page that says so, and nobody is signed out.
async fn it_returns_to_registered_addresses_only(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    for (client, uri) in [
        (Some(OWN_PAGE), "https://evil.test/"),
        (Some(OWN_PAGE), "https://own.example.test/signed-out/"),
        (Some(OWN_PAGE), "https://own.example.test/signed-out?x=1"),
        (Some(OWN_PAGE), "https://own.example.test/signed-out#x"),
        (Some(OWN_PAGE), "https://own.example.test/callback"),
        (Some(OWN_PAGE), "https://app.example.test/signed-out"),
        (Some(OWN_PAGE), "//evil.test"),
        (Some(OWN_PAGE), "javascript:alert(1)"),
        (Some(PAGE), RETURN_TO),
        (Some("nobody"), RETURN_TO),
        (None, RETURN_TO),
    ] {
        let parameters: Vec<_> = client.map(|client| ("client_id", client)).into_iter().chain([("returnTo", uri)]).collect();
        for browser in [&browser, &app.browser()] {
            let answer = ask(&app, browser, &parameters, &OWN).await;
            assert_eq!(answer.status.as_u16(), 400, "{client:?} {uri}");
            assert!(answer.header("content-type").unwrap().starts_with("text/html"));
            assert_eq!((answer.header("location"), answer.header("set-login")), (None, None));
            assert!(!answer.text().contains("evil.test"));
        }
        assert!(signed_in(&app, &mut browser).await, "{client:?} {uri}");
    }
    // Only GET: there is no form that posts here.
    let answer = app.network.post_form(&party.endpoint("v2/logout"), &[], &[("client_id", OWN_PAGE)]).await;
    assert_eq!(answer.status.as_u16(), 405);
}
