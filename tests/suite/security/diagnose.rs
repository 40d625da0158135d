//! `/diagnose`: what it says of a request, who may hold it in a frame, and what it tells nobody. What browsers add: `tests/browser/diagnose.test.mjs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatekey::domain::client::ClientKind;
use gatekey::domain::redirect_uri::WebOrigin;
use gatekey::settings::TrustProxy;
use sha2::{Digest, Sha256};
use url::Url;

use crate::support::app::{App, OWN_PAGE, SERVER, client};
use crate::support::attack::{session_cookie, state};
use crate::support::database::{Database, each_database};
use crate::support::log::listen;
use crate::support::network::{Answer, Network};

each_database!(
    the_page_says_what_the_request_shows,
    only_the_page_itself_has_the_browser_judged,
    ui_01_only_a_registered_origin_holds_the_diagnosis,
    ui_14_what_a_request_says_stays_text,
    an_unknown_application_is_what_it_is_at_authorize,
    hp_01_host_names_behind_the_proxy_are_told_to_the_log_only,
);

const OWN: &str = "https://own.example.test";
const HIDDEN: &str = "https://hidden.example.test";

async fn start(database: Database) -> App {
    App::start_with(database, |settings| {
        settings.trust_proxy = TrustProxy::parse(["10.0.0.1"]).unwrap();
        settings.clients.push(client("still", ClientKind::Spa, "https://still.example.test", |metadata| metadata.may_be_framed = false));
        let own = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        own.metadata.fedcm = true;
        own.metadata.web_origins.push(WebOrigin::parse(HIDDEN).unwrap());
    })
    .await
}

async fn at(network: &Network, app: &App, path: &str, params: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    let url = Url::parse_with_params(&format!("{}{path}", app.issuer), params).unwrap();
    network.get(url.as_str(), headers).await
}

/// The codes on the page, in their order.
fn codes(page: &Answer) -> Vec<&str> {
    let codes = page.text().split("<code data-part=\"code\">").skip(1).map(|rest| rest.split('<').next().unwrap());
    codes.filter(|code| !code.is_empty()).collect()
}

async fn the_page_says_what_the_request_shows(database: Database) {
    let app = start(database).await;
    let proxy = app.network.seen_from("10.0.0.1");
    let asked = async |params: &[(&str, &str)], headers: &[(&str, &str)]| {
        let page = at(&proxy, &app, "diagnose", params, &[headers, &[("x-forwarded-for", "192.0.2.1")]].concat()).await;
        assert_eq!((page.status.as_u16(), page.header("set-cookie")), (200, None), "{}", page.text());
        codes(&page).join(" ")
    };
    // Where it was opened from: the address says it, or the browser does.
    let own = [("client_id", OWN_PAGE)];
    assert_eq!(asked(&own, &[]).await, "client-enabled origin-unknown arrives-unchanged");
    let well = "client-enabled origin-registered same-site frame-works arrives-unchanged";
    assert_eq!(asked(&[("client_id", OWN_PAGE), ("origin", OWN)], &[]).await, well);
    assert_eq!(asked(&own, &[("referer", "https://own.example.test/deep?secret=1")]).await, well);
    assert_eq!(asked(&own, &[("referer", "https://id.example.test/diagnose?client_id=own-page")]).await, "client-enabled origin-unknown arrives-unchanged");
    let strange = "client-enabled web-origin-missing cross-site arrives-unchanged";
    assert_eq!(asked(&[("client_id", OWN_PAGE), ("origin", "https://app.other.test")], &[]).await, strange);
    assert_eq!(
        asked(&[("client_id", "still"), ("origin", "https://still.example.test")], &[]).await,
        "client-enabled origin-registered same-site frames-refused arrives-unchanged"
    );
    // What proxies made of it.
    for (headers, expected) in [
        (&[("x-forwarded-proto", "https"), ("x-forwarded-host", "id.example.test")][..], "arrives-unchanged"),
        (&[("x-forwarded-proto", "http")], "scheme-differs"),
        (&[("x-forwarded-host", "evil.test")], "host-differs"),
    ] {
        assert_eq!(asked(&own, headers).await, format!("client-enabled origin-unknown {expected}"));
    }
    for (network, headers, expected) in [
        (&proxy, &[][..], "forwarded-for-missing"),
        (&app.network.seen_from("10.0.0.2"), &[("x-forwarded-for", "192.0.2.1")], "proxy-not-trusted"),
        (&app.network, &[], "arrives-unchanged"),
    ] {
        assert!(codes(&at(network, &app, "diagnose", &own, headers).await).contains(&expected), "{expected}");
    }
}

async fn only_the_page_itself_has_the_browser_judged(database: Database) {
    let app = start(database).await;
    let now = (app.now().timestamp_millis()).to_string();
    let policy = format!("default-src 'none'; frame-ancestors {OWN}; base-uri 'none'");
    let facts = [
        ("client_id", OWN_PAGE),
        ("origin", OWN),
        ("seen", app.issuer.as_str()),
        ("asked_at", &now),
        ("framed", "true"),
        ("access", "true"),
        ("fedcm", "available"),
        ("policy", &policy),
    ];
    let told = async |facts: &[(&str, &str)], headers: &[(&str, &str)]| {
        let answer = at(&app.network, &app, "diagnose/browser", facts, &[headers, &[("sec-fetch-site", "same-origin")]].concat()).await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin"), answer.header("cache-control")), (200, None, Some("no-store")));
        let codes: Vec<String> = answer.json()["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
        codes.join(" ")
    };
    assert_eq!(told(&facts, &[]).await, "address-agrees clock-agrees framing-headers-agree cookie-absent fedcm-available");
    let mut browser = app.browser();
    app.sign_in(&mut browser, &app.relying_party(OWN_PAGE), "openid").await;
    let (name, value) = session_cookie(&browser);
    let before = state(&app).await;
    let cookie = format!("{name}={value}");
    assert_eq!(told(&facts, &[("cookie", &cookie)]).await, "address-agrees clock-agrees framing-headers-agree cookie-arrives fedcm-available");
    // That a cookie came is all it says: whose it is, or whether it opens anything, is not looked at.
    assert!(told(&facts, &[("cookie", &format!("{name}=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))]).await.contains("cookie-arrives"));
    assert_eq!(state(&app).await, before);
    let changed = |name: &str, value: &str| {
        facts.iter().map(|(known, old)| (*known, if *known == name { value.to_owned() } else { (*old).to_owned() })).collect::<Vec<_>>()
    };
    for (name, value, expected) in [
        ("access", "false", "cookies-blocked"),
        ("seen", "https://10.0.0.7:8443/", "issuer-mismatch"),
        ("asked_at", "1799999999000", "clock-agrees"),
        ("asked_at", "1799996400000", "clock-wrong"),
        ("policy", "frame-ancestors 'none'", "framing-headers-changed"),
        ("fedcm", "not-allowed", "fedcm-not-allowed"),
    ] {
        let facts = changed(name, value);
        let facts: Vec<(&str, &str)> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert!(told(&facts, &[]).await.contains(expected), "{name} {value}");
    }
    assert!(told(&[&facts[..5], &[("access", "false")]].concat(), &[("sec-fetch-storage-access", "inactive")]).await.contains("storage-access-given"));
    // Nobody else asks: no page of another origin, and no address bar.
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(at(&app.network, &app, "diagnose/browser", &facts, &[("sec-fetch-site", site)]).await.status.as_u16(), 403, "{site}");
    }
    let foreign = [("sec-fetch-site", "same-origin"), ("origin", OWN)];
    assert_eq!(at(&app.network, &app, "diagnose/browser", &facts, &foreign).await.status.as_u16(), 403);
}

async fn ui_01_only_a_registered_origin_holds_the_diagnosis(database: Database) {
    let app = start(database).await;
    let page = at(&app.network, &app, "diagnose", &[("client_id", OWN_PAGE), ("origin", OWN)], &[]).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && policy.contains(&format!("; frame-ancestors {OWN}; ")) && !policy.contains("unsafe"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), (None, Some("no-store")));
    let script = page.text().split("<script").nth(1).unwrap().split_once('>').unwrap().1.split("</script>").next().unwrap();
    assert!(policy.contains(&format!("script-src 'sha256-{}';", STANDARD.encode(Sha256::digest(script)))), "{policy}");
    for (id, origin) in
        [(OWN_PAGE, "https://evil.test"), (OWN_PAGE, "https://app.example.test"), (SERVER, OWN), ("still", "https://still.example.test"), (OWN_PAGE, "")]
    {
        let page = at(&app.network, &app, "diagnose", &[("client_id", id), ("origin", origin)], &[]).await;
        assert_eq!((page.status.as_u16(), page.header("x-frame-options")), (200, Some("DENY")), "{id} {origin}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        // What is registered is told to nobody, neither in words nor in headers.
        let whole = format!("{:?} {}", page.headers, page.text());
        assert!(!whole.contains(HIDDEN) && !whole.contains("/callback") && (origin == OWN || !whole.contains(OWN)), "{whole}");
    }
}

async fn ui_14_what_a_request_says_stays_text(database: Database) {
    let app = start(database).await;
    const PAYLOAD: &str = "\"><script>alert(1)</script>";
    for (name, expected) in [("client_id", 400), ("origin", 400), ("ui_locales", 200), ("other", 200)] {
        let params = if name == "client_id" { vec![(name, PAYLOAD)] } else { vec![("client_id", OWN_PAGE), (name, PAYLOAD)] };
        let page = at(&app.network, &app, "diagnose", &params, &[("referer", PAYLOAD)]).await;
        assert_eq!(page.status.as_u16(), expected, "{name}");
        assert!(!page.text().contains("<script>alert"), "{name}: {}", page.text());
    }
    let facts = [("client_id", OWN_PAGE), ("seen", PAYLOAD), ("frame_options", PAYLOAD), ("policy", PAYLOAD)];
    let answer = at(&app.network, &app, "diagnose/browser", &facts, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!((answer.header("content-type"), answer.header("x-content-type-options")), (Some("application/json"), Some("nosniff")));
    assert!(answer.json()["findings"][0]["text"].as_str().unwrap().contains(PAYLOAD));
}

async fn an_unknown_application_is_what_it_is_at_authorize(database: Database) {
    let app = start(database).await;
    let told = async |path: &str, id: &str| {
        let answer = at(&app.network, &app, path, &[("client_id", id)], &[]).await;
        (answer.status.as_u16(), answer.text().replace(answer.header("x-request-id").unwrap(), ""))
    };
    for id in ["nobody", "no such/id", ""] {
        let expected = told("authorize", id).await;
        assert_eq!(expected.0, 400, "{id}");
        assert_eq!(told("diagnose", id).await, expected, "{id}");
        assert_eq!(told("diagnose/browser", id).await, expected, "{id}");
    }
    assert_eq!(told("diagnose", OWN_PAGE).await.0, 200);
    app.disable_client(OWN_PAGE).await;
    assert_eq!(told("diagnose", OWN_PAGE).await, told("authorize", "nobody").await);
}

async fn hp_01_host_names_behind_the_proxy_are_told_to_the_log_only(database: Database) {
    let app = start(database).await;
    for headers in [[("x-forwarded-host", "machine.internal:8080")], [("forwarded", "host=machine.internal")], [("x-forwarded-for", "10.1.2.3")]] {
        let page = at(&app.network.seen_from("10.0.0.1"), &app, "diagnose", &[("client_id", OWN_PAGE), ("origin", OWN)], &headers).await;
        let whole = format!("{:?} {}", page.headers, page.text());
        assert!(!whole.contains("internal") && !whole.contains("10.1.2.3") && !whole.contains("10.0.0.1"), "{whole}");
        assert_eq!(codes(&page).contains(&"host-differs"), headers[0].0 == "x-forwarded-host");
        // Nothing on it leads where they say.
        assert!(whole.contains(&app.issuer));
    }
    // The log has it, but no more of it than a name can have.
    let heard = listen();
    let long = format!("machine.internal{}", "x".repeat(100_000));
    at(&app.network.seen_from("10.0.0.1"), &app, "diagnose", &[("client_id", OWN_PAGE)], &[("x-forwarded-host", &long)]).await;
    let said = heard.text().lines().find(|line| line.contains("another host name")).map(str::to_owned).unwrap();
    assert!(said.contains("machine.internalxxx") && said.matches('x').count() < 300, "{} bytes", said.len());
}
