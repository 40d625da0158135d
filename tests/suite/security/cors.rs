//! Who may read answers across origins, and what caches may keep (section Y). What a browser makes of it is
//! tests/browser/cross_origin.test.mjs.

use poem::http::Method;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(
    cr_01_pages_answer_no_origin,
    cr_02_only_registered_origins_read_tokens,
    cr_04_the_admin_api_answers_no_origin,
    cr_05_nothing_personal_is_kept_and_odd_paths_are_nowhere,
);

const ALLOWED: &str = "access-control-allow-origin";
const OWN_ORIGIN: &str = "https://own.example.test";

fn no_cors(answer: &Answer, what: &str) {
    let cors = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(cors, None, "{what}");
}

/// FAPI 2.0 §5.2.3-3; RFC 9700 §2.6.
async fn cr_01_pages_answer_no_origin(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let authorize = party.authorize("openid", &[]);
    let silent = party.authorize("openid", &[("prompt", "none")]);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let cookies: Vec<String> = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let cookies = cookies.join("; ");
    let paths = [
        "login",
        "consent",
        "select-account",
        "setup",
        "reset-password",
        "oidc/logout",
        "oidc/logout/confirm",
        "v2/logout",
        "oauth/introspect",
        "",
        "healthz",
        "readyz",
    ];
    let mut urls: Vec<String> = paths.iter().map(|path| party.endpoint(path)).collect();
    urls.extend([authorize.to_string(), silent.to_string()]);
    for url in &urls {
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            for origin in [OWN_ORIGIN, "https://evil.test", "null"] {
                let headers =
                    [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization"), ("cookie", &cookies)];
                no_cors(&app.network.send(method.clone(), url, &headers, "").await, &format!("{method} {url} {origin}"));
            }
        }
    }
    // The control: where one is answered.
    let headers = [("origin", OWN_ORIGIN), ("access-control-request-method", "POST")];
    let answer = app.network.send(Method::OPTIONS, &party.endpoint("oauth/token"), &headers, "").await;
    assert_eq!(answer.header(ALLOWED), Some(OWN_ORIGIN));
}

/// The Fetch standard's CORS protocol: byte for byte, never reflected, never with credentials, never on the word of a token that
/// was not verified.
async fn cr_02_only_registered_origins_read_tokens(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    let strangers = [
        "https://evil.test",
        "null",
        "https://own.example.test.evil.test",
        "https://evil.test#https://own.example.test",
        "http://own.example.test",
        "https://own.example.test:8443",
        "https://own.example.test/",
        "https://OWN.example.test",
        "https://xown.example.test",
        "https://own.example.test, https://evil.test",
        "*",
        "",
    ];
    for path in ["oauth/token", "oauth/revoke", "userinfo"] {
        let url = party.endpoint(path);
        let preflight = async |origin: &str| {
            let headers = [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization,content-type")];
            app.network.send(Method::OPTIONS, &url, &headers, "").await
        };
        let answer = preflight(OWN_ORIGIN).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        assert_eq!(answer.header(ALLOWED), Some(OWN_ORIGIN), "{path}");
        assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"), "{path}");
        let headers = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
        assert!(headers.contains("authorization") && headers.contains("content-type"), "{path}: {headers}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        for stranger in strangers {
            let answer = preflight(stranger).await;
            assert_eq!(answer.header(ALLOWED), None, "{path}: {stranger}");
            assert_eq!(answer.header("vary"), Some("Origin"), "{path}: {stranger}");
        }
    }
    // The answer itself, good or bad: a page must be able to read why.
    let url = party.endpoint("oauth/token");
    let wrong = [("grant_type", "refresh_token"), ("client_id", OWN_PAGE), ("refresh_token", "x")];
    let refresh = [("grant_type", "refresh_token"), ("client_id", OWN_PAGE), ("refresh_token", tokens.refresh())];
    let good = app.network.post_form(&url, &[("origin", OWN_ORIGIN)], &refresh).await;
    let bad = app.network.post_form(&url, &[("origin", OWN_ORIGIN)], &wrong).await;
    for answer in [&good, &bad] {
        assert_eq!(answer.header(ALLOWED), Some(OWN_ORIGIN));
        assert_eq!(answer.header("vary"), Some("Origin"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    assert_eq!((good.status.as_u16(), bad.status.as_u16()), (200, 400));
    // An unsigned token that names a client whose origin is registered opens nothing to a stranger.
    let unsigned = "eyJhbGciOiJub25lIn0.eyJhenAiOiJvd24tcGFnZSIsImNsaWVudF9pZCI6Im93bi1wYWdlIn0.";
    for stranger in strangers {
        assert_eq!(app.network.post_form(&url, &[("origin", stranger)], &refresh).await.header(ALLOWED), None, "{stranger}");
        for token in [unsigned, &tokens.access] {
            let headers = [("origin", stranger), ("authorization", &format!("Bearer {token}"))];
            let answer = app.network.get(&party.endpoint("userinfo"), &headers).await;
            assert_eq!((answer.header(ALLOWED), answer.header("access-control-allow-credentials")), (None, None), "{stranger}");
        }
    }
    let read = app.network.get(&party.endpoint("userinfo"), &[("origin", OWN_ORIGIN), ("authorization", &format!("Bearer {}", tokens.access))]).await;
    assert_eq!((read.status.as_u16(), read.header(ALLOWED)), (200, Some(OWN_ORIGIN)));
    assert_eq!(app.relying_party(OTHER_PAGE).try_refresh(tokens.refresh()).await.error(), "invalid_grant");
}

/// Its caller sends `Authorization`, which no simple cross-origin request can (Fetch §3.2.2); cookies are not looked at.
async fn cr_04_the_admin_api_answers_no_origin(database: Database) {
    let app = App::start_with(database, |settings| {
        let server = settings.clients.iter_mut().find(|client| client.id.as_str() == crate::support::app::MACHINE).unwrap();
        server.metadata.scope = gatekey::domain::scope::Scope::parse("server:read sessions:read sessions:end").unwrap();
        server.metadata.resources = vec!["urn:gatekey:admin".to_owned()];
    })
    .await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &app.relying_party(SERVER), "openid").await;
    let cookies: Vec<String> = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let machine = app.relying_party(crate::support::app::MACHINE);
    let token = crate::support::relying_party::tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials")]).await).access;
    let bearer = format!("Bearer {token}");
    for path in ["server", "sessions", "nothing"] {
        let url = format!("{}admin/api/v1/{path}", app.issuer);
        for origin in [OWN_ORIGIN, "https://id.example.test", "https://evil.test", "null"] {
            for method in [Method::OPTIONS, Method::GET, Method::POST] {
                let headers = [
                    ("origin", origin),
                    ("access-control-request-method", "GET"),
                    ("access-control-request-headers", "authorization"),
                    ("cookie", &cookies.join("; ")),
                ];
                let answer = app.network.send(method.clone(), &url, &headers, "").await;
                no_cors(&answer, &format!("{method} {path} {origin}"));
                assert!(answer.status.is_client_error(), "{method} {path}: a cookie is no proof here");
            }
            let answer = app.network.get(&url, &[("origin", origin), ("authorization", &bearer)]).await;
            no_cors(&answer, path);
            assert_eq!(answer.status.is_success(), path != "nothing", "the control");
        }
    }
}

/// RFC 9111 §5.2.2.5, RFC 6749 §5.1.
async fn cr_05_nothing_personal_is_kept_and_odd_paths_are_nowhere(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let bearer = format!("Bearer {}", tokens.access);
    let cookies: Vec<String> = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let personal = [("authorization", bearer.as_str()), ("cookie", &cookies.join("; "))];
    let mut answers = vec![
        party.userinfo(&tokens.access).await,
        party.userinfo("x").await,
        app.network.get(&party.endpoint("userinfo"), &[]).await,
        party.try_refresh("x").await,
        party.revoke("x").await,
        app.relying_party(SERVER).post("oauth/introspect", &[("token", "x")]).await,
        app.network.get(&party.endpoint("admin/api/v1/server"), &personal).await,
    ];
    for url in [
        app.issuer.clone(),
        party.endpoint("login"),
        party.endpoint("oidc/logout"),
        party.endpoint("nothing"),
        party.endpoint("healthz"),
        party.authorize("openid", &[("prompt", "none")]).into(),
        party.authorize("openid", &[("prompt", "login")]).into(),
        party.authorize("openid", &[("response_mode", "form_post")]).into(),
        party.authorize("openid", &[("client_id", "nobody")]).into(),
    ] {
        answers.push(app.network.get(&url, &personal).await);
    }
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{} {}", answer.status, answer.url);
    }
    // Where an origin decides, caches are told.
    for path in ["userinfo", "oauth/token", "oauth/revoke"] {
        let answer = if path == "userinfo" { party.userinfo(&tokens.access).await } else { app.network.post_form(&party.endpoint(path), &[], &[]).await };
        assert_eq!(answer.header("vary"), Some("Origin"), "{path}");
    }
    // What looks like a file to a cache is not here (web cache deception).
    for path in [
        "userinfo;.css",
        "userinfo/.css",
        "userinfo/x.css",
        "userinfo.css",
        "userinfo%2f.css",
        "userinfo%3b.css",
        "userinfo%00.css",
        "userinfo%0a.css",
        "userinfo%3f.css",
        "userinfo/",
        "%75serinfo",
        "USERINFO",
        "/userinfo",
        ".//userinfo",
        "assets/..%2fuserinfo",
        "assets/%2e%2e/userinfo",
        "oauth/token/",
        "oauth/token;x",
        "login/x.css",
        "oidc/logout/x.js",
    ] {
        // As bytes: a URL parser would tidy it up.
        let answer = raw_get(&app, &format!("/{path}"), &personal).await;
        assert_eq!(answer.0, 404, "{path}");
        assert!(!answer.1.contains("alice"), "{path}");
    }
    assert_eq!(raw_get(&app, "/userinfo", &personal).await.0, 200, "the control");
    // Public documents may be kept, are the same for everybody, and no header changes them.
    for path in [".well-known/openid-configuration", ".well-known/jwks.json"] {
        let mut plain = app.network.get(&party.endpoint(path), &[]).await;
        plain.headers.remove("x-request-id");
        assert!(plain.header("cache-control").unwrap().starts_with("public, max-age="));
        for (name, value) in [
            ("x-forwarded-host", "evil.test"),
            ("accept-language", "de"),
            ("origin", "https://evil.test"),
            ("cookie", "a=b"),
            ("user-agent", "<x>"),
            ("authorization", &bearer),
        ] {
            let mut answer = app.network.get(&party.endpoint(path), &[(name, value)]).await;
            answer.headers.remove("x-request-id");
            assert_eq!((&answer.body, &answer.headers), (&plain.body, &plain.headers), "{name}");
        }
    }
}

/// Status and body of a path that no URL parser has tidied up.
async fn raw_get(app: &App, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = poem::Request::builder().uri_str(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = poem::Endpoint::get_response(&app.routes(), request.finish()).await;
    (response.status().as_u16(), response.take_body().into_string().await.unwrap())
}
