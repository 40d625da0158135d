//! Host, forwarding and other headers that a visitor writes himself (section R).

use gatekey::store::{Options, Store, sessions};
use serde_json::Value;

use crate::support::app::{App, OWN_PAGE, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;
use crate::support::served::Served;

each_database!(
    hp_01_no_link_is_made_from_the_host_header,
    hp_02_forwarded_headers_name_nothing,
    hp_03_a_visitor_does_not_choose_his_address,
    hp_05_a_header_twice_is_refused_and_an_alias_is_none,
);

/// Everything in an answer that could carry an address.
fn addresses(answer: &Answer) -> String {
    let headers: Vec<&str> = answer.headers.values().filter_map(|value| value.to_str().ok()).collect();
    format!("{} {}", headers.join(" "), answer.text())
}

/// Asks for what makes links: metadata, a sign-in, a session, an error. Nothing in it may speak of evil.test.
async fn unmoved(app: &App, headers: &[(&str, &str)], what: &str) {
    let party = app.relying_party(OWN_PAGE);
    for path in [".well-known/openid-configuration", ".well-known/oauth-authorization-server"] {
        let answer = app.network.get(&party.endpoint(path), headers).await;
        assert_eq!((answer.status.as_u16(), answer.json()["issuer"].as_str()), (200, Some(app.issuer.as_str())), "{what}");
        assert!(!addresses(&answer).contains("evil"), "{what}");
    }
    let mut headers = headers.to_vec();
    headers.push(("accept", "text/html"));
    for url in [
        party.authorize("openid", &[]).to_string(),
        party.authorize("openid", &[("prompt", "none")]).to_string(),
        party.authorize("openid", &[("client_id", "nobody")]).to_string(),
        party.endpoint("login"),
        party.endpoint("oidc/logout"),
        app.issuer.clone(),
        party.endpoint("nothing"),
    ] {
        let answer = app.network.get(&url, &headers).await;
        assert!(!answer.status.is_server_error(), "{what} {url}");
        assert!(!addresses(&answer).contains("evil") && !addresses(&answer).contains("javascript:"), "{what} {url}: {answer:?}");
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure") && !cookie.to_ascii_lowercase().contains("domain"), "{what}: {cookie}");
        }
        if let Some(location) = answer.location() {
            assert!(location.as_str().starts_with(&app.issuer) || location.as_str().starts_with(&party.redirect_uri), "{what}: {location}");
        }
    }
}

/// RFC 9112 §3.2. A host that is not ours is not turned away: nothing is made from it, and proxies and health checks use what they like.
async fn hp_01_no_link_is_made_from_the_host_header(database: Database) {
    let server = Served::start(database, "", "");
    let tokens = server.sign_in(&mut server.browser(), &server.relying_party(OWN_PAGE), "openid").await;
    for head in [
        "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: evil.test\r\n",
        "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: localhost@evil.test\r\n",
        "GET http://evil.test/.well-known/openid-configuration HTTP/1.1\r\nHost: localhost\r\n",
        "GET /.well-known/openid-configuration HTTP/1.0\r\n",
    ] {
        let reply = server.raw(&format!("{head}Connection: close\r\n\r\n"));
        assert_eq!(reply.status, 200, "{head}");
        let metadata: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(metadata["issuer"], server.issuer.as_str(), "{head}");
        assert!(!reply.text().contains("evil") && reply.headers.iter().all(|(_, value)| !value.contains("evil")), "{head}");
    }
    for head in [
        format!("GET /authorize?client_id={OWN_PAGE} HTTP/1.1\r\nHost: evil.test\r\n"),
        "GET http://evil.test/login HTTP/1.1\r\nHost: evil.test\r\n".to_owned(),
        "GET /nothing HTTP/1.1\r\nHost: evil.test\r\n".to_owned(),
        "GET //evil.test/login HTTP/1.1\r\nHost: evil.test\r\n".to_owned(),
    ] {
        let reply = server.raw(&format!("{head}Connection: close\r\n\r\n"));
        assert!(!reply.text().contains("evil") && reply.headers.iter().all(|(_, value)| !value.contains("evil")), "{head} {reply:?}");
    }
    for twice in ["Host: localhost\r\nHost: evil.test\r\n", "Host: evil.test\r\nHost: localhost\r\n", "Host: localhost\r\nhost: localhost\r\n"] {
        let reply = server.raw(&format!("GET /.well-known/openid-configuration HTTP/1.1\r\n{twice}Connection: close\r\n\r\n"));
        assert_eq!(reply.status, 400, "{twice}");
    }
    // The control: a token got before is still one of this issuer, whatever the request called it.
    let asked = format!("GET /userinfo HTTP/1.1\r\nHost: evil.test\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n", tokens.access);
    assert_eq!(server.raw(&asked).status, 200);
}

/// URLs come from the settings, whoever the peer is.
async fn hp_02_forwarded_headers_name_nothing(database: Database) {
    let app = App::start_with(database, |settings| settings.trust_proxy = gatekey::settings::TrustProxy::parse(["0.0.0.0/0", "::/0"]).unwrap()).await;
    for (name, value) in [
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-server", "evil.test"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-uri", "/evil"),
        ("forwarded", "for=192.0.2.1;host=evil.test;proto=javascript"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-original-host", "evil.test"),
        ("x-http-method-override", "DELETE"),
        ("origin", "https://evil.test"),
        ("referer", "https://evil.test/"),
    ] {
        unmoved(&app, &[(name, value)], name).await;
    }
    // What an override would have reached stays what it is.
    let party = app.relying_party(OWN_PAGE);
    let answer = app.network.get(&app.issuer, &[("x-original-url", "/.well-known/jwks.json"), ("x-rewrite-url", "/.well-known/jwks.json")]).await;
    assert!(answer.header("content-type").unwrap().starts_with("text/html"));
    // The control: the flow behind such a proxy works.
    app.sign_in(&mut app.browser(), &party, "openid").await;
}

/// Where the newest session was begun, by the database.
async fn newest_network(server: &Served) -> Option<String> {
    let store = Store::open(&Options::new(server.database.url())).await.unwrap();
    let newest = store.scan(|db| sessions::list(db, None, None, 200)).await.unwrap().pop().unwrap().network;
    store.close().await;
    newest
}

/// Signs in with these lines in the head of the request.
async fn seen_with(server: &Served, lines: &str) -> Option<String> {
    let party = server.relying_party(OWN_PAGE);
    let mut browser = server.browser();
    let page = browser.visit(party.authorize("openid", &[]).as_str()).await.page();
    let form = crate::support::browser::form_with(&page, "password").fill("username", "alice").fill("password", crate::support::app::PASSWORD);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form.pairs(None)).finish();
    let cookies: Vec<String> = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let reply = server.raw(&format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\nCookie: {}\r\n{lines}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        &form.action[url::Position::BeforePath..],
        server.issuer.trim_end_matches('/'),
        cookies.join("; "),
        body.len()
    ));
    assert_eq!(reply.status, 303, "{lines}: {reply:?}");
    newest_network(server).await
}

/// The rule and its table are `http/forwarded.rs`; here is the wire.
async fn hp_03_a_visitor_does_not_choose_his_address(database: Database) {
    let mut server = Served::start(database, "", "");
    let victim = "X-Forwarded-For: 203.0.113.9\r\n";
    assert_eq!(seen_with(&server, victim).await.as_deref(), Some("127.0.0.1"), "the peer is no trusted proxy");

    let text = std::fs::read_to_string(server.path("gatekey.toml")).unwrap();
    std::fs::write(server.path("gatekey.toml"), format!("trust_proxy = [\"127.0.0.1\", \"10.0.0.0/8\"]\n{text}")).unwrap();
    server = server.crash_and_restart();
    for (lines, expected) in [
        (victim.to_owned(), "203.0.113.9"),
        ("X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n".to_owned(), "192.0.2.1"),
        ("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.1, 10.1.1.1\r\n".to_owned(), "192.0.2.1"),
        ("X-Forwarded-For: 203.0.113.9, a\r\n".to_owned(), "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9, a, 10.1.1.1\r\n".to_owned(), "10.1.1.1"),
        ("X-Forwarded-For: 203.0.113.9, fe80::1%eth0\r\n".to_owned(), "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9, \u{e9}\r\n".to_owned(), "127.0.0.1"),
        (format!("X-Forwarded-For: 203.0.113.9{}\r\n", ",10.1.1.1".repeat(1000)), "10.1.1.1"),
        ("X-Forwarded-For: \r\n".to_owned(), "127.0.0.1"),
        (String::new(), "127.0.0.1"),
    ] {
        assert_eq!(seen_with(&server, &lines).await.as_deref(), Some(expected), "{:?}", &lines[..lines.len().min(80)]);
    }
}

async fn hp_05_a_header_twice_is_refused_and_an_alias_is_none(database: Database) {
    let server = Served::start(database, "trust_proxy = [\"127.0.0.1\"]", "");
    for alias in ["X_Forwarded_For", "X-Forwarded_For", "X.Forwarded.For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"] {
        assert_eq!(seen_with(&server, &format!("{alias}: 203.0.113.9\r\n")).await.as_deref(), Some("127.0.0.1"), "{alias}");
    }
    // The control: a name has no case.
    assert_eq!(seen_with(&server, "x-FORWARDED-for: 203.0.113.9\r\n").await.as_deref(), Some("203.0.113.9"));

    let party = server.relying_party(SERVER);
    let tokens = server.sign_in(&mut server.browser(), &party, "openid").await;
    let bearer = format!("Authorization: Bearer {}\r\n", tokens.access);
    let ask = |path: &str, lines: &str| server.raw(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n"));
    for other in ["Authorization: Bearer x\r\n", "authorization: Basic eDp4\r\n", &bearer] {
        for lines in [format!("{bearer}{other}"), format!("{other}{bearer}")] {
            for path in ["/userinfo", "/admin/api/v1/server"] {
                let reply = ask(path, &lines);
                assert_eq!(reply.status, 400, "{path} {lines}");
                assert!(!reply.text().contains("alice"));
            }
        }
    }
    for twice in ["DPoP: x\r\nDPoP: y\r\n", "Cookie: a=b\r\nCookie: c=d\r\n", "Origin: https://a.test\r\nOrigin: https://b.test\r\n"] {
        assert_eq!(ask("/userinfo", &format!("{bearer}{twice}")).status, 400, "{twice}");
    }
    let alias = bearer.replace("Authorization", "Authorization_");
    assert_eq!(ask("/userinfo", &alias).status, 401);
    assert_eq!(ask("/userinfo", &format!("{alias}{bearer}")).status, 200);
    assert_eq!(ask("/userinfo", &bearer).status, 200);
}
