//! `/storage-access`: who may hold the page in a frame, who is told, and what it is for nobody. What browsers do with it: `tests/browser/storage_access.test.mjs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatekey::domain::client::ClientKind;
use sha2::{Digest, Sha256};
use url::Url;

use crate::support::app::{App, MACHINE, OWN_PAGE, PAGE, client};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(ui_01_only_a_registered_origin_holds_it_and_is_told, an_unknown_application_is_told_apart_from_none_of_its_origins, hostile_words_stay_text);

const OWN: &str = "https://own.example.test";
const FRAMED: [(&str, &str); 1] = [("sec-fetch-dest", "iframe")];

async fn ask(app: &App, params: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    let url = Url::parse_with_params(&format!("{}storage-access", app.issuer), params).unwrap();
    app.network.get(url.as_str(), headers).await
}

/// The script of the page, and the policy that allows it and nothing else.
fn is_allowed_by_its_hash(answer: &Answer) {
    let script = answer.text().split("<script").nth(1).unwrap().split_once('>').unwrap().1.split("</script>").next().unwrap();
    let hash = format!("script-src 'sha256-{}';", STANDARD.encode(Sha256::digest(script)));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains(&hash) && !policy.contains("unsafe"), "{policy}");
}

async fn ui_01_only_a_registered_origin_holds_it_and_is_told(database: Database) {
    let app = App::start_with(database, |settings| {
        settings.clients.push(client("still", ClientKind::Spa, "https://still.example.test", |metadata| metadata.may_be_framed = false));
    })
    .await;
    let answer = ask(&app, &[("client_id", OWN_PAGE), ("origin", OWN)], &FRAMED).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && policy.contains(&format!("; frame-ancestors {OWN};")), "{policy}");
    assert_eq!((answer.header("x-frame-options"), answer.header("set-cookie")), (None, None));
    assert_eq!((answer.header("cache-control"), answer.header("cross-origin-opener-policy")), (Some("no-store"), None));
    assert!(answer.text().contains(&format!("data-origin=\"{OWN}\" data-next=\"\"")), "{}", answer.text());
    is_allowed_by_its_hash(&answer);
    // Where the frame comes from is known without saying it; what is said counts more.
    let referred = [("sec-fetch-dest", "iframe"), ("referer", "https://own.example.test/deep?x=1")];
    assert!(ask(&app, &[("client_id", OWN_PAGE)], &referred).await.text().contains(&format!("data-origin=\"{OWN}\"")));
    assert_eq!(ask(&app, &[("client_id", OWN_PAGE), ("origin", "https://evil.test")], &referred).await.status.as_u16(), 400);
    // What it goes on to is this server's, whatever is asked for.
    let next = ask(&app, &[("client_id", OWN_PAGE), ("origin", OWN), ("request", "prompt=none&state=\"//evil.test")], &FRAMED).await;
    assert!(next.text().contains("data-next=\"/authorize?prompt=none&amp;state=&quot;//evil.test\""), "{}", next.text());
    is_allowed_by_its_hash(&next);

    // In a window of its own it is an ordinary page that leads back; no frame of anybody's shows that one.
    let top = ask(&app, &[("client_id", OWN_PAGE), ("origin", OWN)], &[("sec-fetch-dest", "document")]).await;
    assert!(top.text().contains(&format!("href=\"{OWN}\"")) && !top.text().contains("<script"), "{}", top.text());
    assert_eq!(top.header("x-frame-options"), Some("DENY"));

    for (id, origin) in [
        (OWN_PAGE, "https://app.example.test"),
        (OWN_PAGE, "https://evil.test"),
        (OWN_PAGE, "https://own.example.test:8443"),
        (OWN_PAGE, "http://own.example.test"),
        (OWN_PAGE, "https://own.example.test/"),
        (OWN_PAGE, "null"),
        (OWN_PAGE, "*"),
        (OWN_PAGE, ""),
        (PAGE, OWN),
        (MACHINE, "https://evil.test"),
        ("still", "https://still.example.test"),
    ] {
        let refused = ask(&app, &[("client_id", id), ("origin", origin)], &FRAMED).await;
        assert_eq!(refused.status.as_u16(), 400, "{id} {origin}");
        assert!(refused.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{id} {origin}");
        assert_eq!(refused.header("x-frame-options"), Some("DENY"), "{id} {origin}");
        assert!(!refused.text().contains("<script"), "{id} {origin}");
    }
}

async fn an_unknown_application_is_told_apart_from_none_of_its_origins(database: Database) {
    let app = App::start(database).await;
    let without = |answer: &Answer| {
        let request = answer.header("x-request-id").unwrap();
        (answer.status.as_u16(), answer.text().replace(request, ""))
    };
    let at_authorize = async |id: &str| {
        let url = Url::parse_with_params(&format!("{}authorize", app.issuer), [("client_id", id)]).unwrap();
        without(&app.network.get(url.as_str(), &FRAMED).await)
    };
    let expected = at_authorize("nobody").await;
    assert_eq!(without(&ask(&app, &[("client_id", "nobody"), ("origin", OWN)], &FRAMED).await), expected);
    assert_eq!(without(&ask(&app, &[("client_id", "no such/id"), ("origin", OWN)], &FRAMED).await), expected);
    assert_eq!(without(&ask(&app, &[("origin", OWN)], &FRAMED).await), at_authorize("").await);
    // The control, and then the same client when it is disabled.
    assert_eq!(ask(&app, &[("client_id", OWN_PAGE), ("origin", OWN)], &FRAMED).await.status.as_u16(), 200);
    app.disable_client(OWN_PAGE).await;
    assert_eq!(without(&ask(&app, &[("client_id", OWN_PAGE), ("origin", OWN)], &FRAMED).await), expected);
}

async fn hostile_words_stay_text(database: Database) {
    const NAME: &str = "\"><script>alert(1)</script>";
    let app = App::start_with(database, |settings| {
        settings.clients.push(client("loud", ClientKind::Spa, "https://loud.example.test", |metadata| metadata.name = NAME.to_owned()));
    })
    .await;
    for dest in ["iframe", "document"] {
        let known = [("client_id", "loud"), ("origin", "https://loud.example.test"), ("request", "\"><script>alert(2)</script>")];
        let answer = ask(&app, &known, &[("sec-fetch-dest", dest)]).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert!(answer.text().contains("&lt;script&gt;alert(1)") && !answer.text().contains("<script>alert"), "{}", answer.text());
    }
    let answer = ask(&app, &[("client_id", "loud"), ("origin", "https://evil.test/<script>alert(1)</script>")], &FRAMED).await;
    assert!(answer.status.as_u16() == 400 && !answer.text().contains("<script>"), "{}", answer.text());
}
