//! Who may read answers across origins: registered web origins at the token endpoint, nobody at the pages.

use poem::http::Method;

use crate::support::app::{App, OWN_PAGE};
use crate::support::database::{Database, each_database};

each_database!(the_token_endpoint_answers_registered_origins, pages_answer_no_origin, metadata_is_public);

const ALLOWED: &str = "access-control-allow-origin";

/// CR-02; the Fetch standard's CORS protocol.
async fn the_token_endpoint_answers_registered_origins(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    let registered = "https://own.example.test";
    let strangers = [
        "https://evil.test",
        "null",
        "https://own.example.test.evil.test",
        "http://own.example.test",
        "https://own.example.test:8443",
        "https://OWN.example.test",
        "",
    ];
    for path in ["oauth/token", "oauth/revoke", "userinfo"] {
        let url = party.endpoint(path);
        let preflight = async |origin: &str| {
            let headers = [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization,content-type")];
            app.network.send(Method::OPTIONS, &url, &headers, "").await
        };
        let answer = preflight(registered).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        assert_eq!(answer.header(ALLOWED), Some(registered), "{path}");
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
    let refresh = [("grant_type", "refresh_token"), ("client_id", OWN_PAGE), ("refresh_token", tokens.refresh())];
    let good = app.network.post_form(&url, &[("origin", registered)], &refresh).await;
    let bad = app.network.post_form(&url, &[("origin", registered)], &[("grant_type", "refresh_token"), ("client_id", OWN_PAGE), ("refresh_token", "x")]).await;
    for answer in [&good, &bad] {
        assert_eq!(answer.header(ALLOWED), Some(registered));
        assert_eq!(answer.header("vary"), Some("Origin"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    assert_eq!((good.status.as_u16(), bad.status.as_u16()), (200, 400));
    for stranger in strangers {
        let answer = app.network.post_form(&url, &[("origin", stranger)], &refresh).await;
        assert_eq!(answer.header(ALLOWED), None, "{stranger}");
    }
}

/// CR-01, FAPI 2.0 §5.2.3-3.
async fn pages_answer_no_origin(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let authorize = party.authorize("openid", &[]);
    let silent = party.authorize("openid", &[("prompt", "none")]);
    for url in [authorize.as_str(), silent.as_str(), &party.endpoint("login"), &party.endpoint("consent"), &party.endpoint("oidc/logout"), &app.issuer] {
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            let headers = [("origin", "https://own.example.test"), ("access-control-request-method", "GET")];
            let answer = app.network.send(method.clone(), url, &headers, "").await;
            let cors = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(cors, None, "{method} {url}");
        }
    }
}

/// OIDC Discovery §4, RFC 8414 §3: everybody may read what is public.
async fn metadata_is_public(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    for path in [".well-known/openid-configuration", ".well-known/oauth-authorization-server", ".well-known/jwks.json"] {
        let answer = app.network.get(&party.endpoint(path), &[("origin", "https://anybody.test")]).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert_eq!(answer.header(ALLOWED), Some("*"), "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("application/j"), "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
    }
    // RFC 7517 §5; JO-10: public keys only, and a cache may ask whether they have changed.
    let url = party.endpoint(".well-known/jwks.json");
    let jwks = app.network.get(&url, &[]).await;
    for key in jwks.json()["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key.get(private), None);
        }
        assert_eq!(key["use"], "sig");
    }
    let etag = jwks.header("etag").unwrap();
    assert!(jwks.header("cache-control").unwrap().contains("max-age="));
    assert_eq!(app.network.get(&url, &[("if-none-match", etag)]).await.status.as_u16(), 304);
}
