//! What is public is for every origin; who else may read what is `security/cors.rs`.

use crate::support::app::{App, OWN_PAGE};
use crate::support::database::{Database, each_database};

each_database!(an_answer_is_for_the_callers_own_pages, metadata_is_public, the_module_is_public);

const ALLOWED: &str = "access-control-allow-origin";

/// CR-02: a preflight names no client; the answer is read only by pages of the client that it is for.
async fn an_answer_is_for_the_callers_own_pages(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    let bearer = format!("Bearer {}", tokens.access);
    let (own, other) = ("https://own.example.test", "https://app.example.test");
    let revoke = [("client_id", OWN_PAGE), ("token", "x")];
    let refresh = [("grant_type", "refresh_token"), ("client_id", OWN_PAGE), ("refresh_token", "x")];
    let unknown = [("grant_type", "refresh_token"), ("client_id", "nobody"), ("refresh_token", "x")];
    for (origin, expected) in [(own, Some(own)), (other, None)] {
        let answer = app.network.post_form(&party.endpoint("oauth/token"), &[("origin", origin)], &refresh).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED), answer.header("vary")), (400, expected, Some("Origin")), "{origin}");
        let answer = app.network.post_form(&party.endpoint("oauth/revoke"), &[("origin", origin)], &revoke).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (200, expected), "{origin}");
        let answer = app.network.get(&party.endpoint("userinfo"), &[("origin", origin), ("authorization", &bearer)]).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (200, expected), "{origin}");
        // Whose answer it is cannot be told: a developer may still read what is wrong.
        let answer = app.network.post_form(&party.endpoint("oauth/token"), &[("origin", origin)], &unknown).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (401, Some(origin)));
        let answer = app.network.get(&party.endpoint("userinfo"), &[("origin", origin), ("authorization", "Bearer x")]).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (401, Some(origin)));
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

/// Any page may load `gatekey.js`, one with `Cross-Origin-Embedder-Policy` too, and nobody sends it twice.
async fn the_module_is_public(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    for (path, media_type, begins) in [("gatekey.js", "text/javascript; charset=utf-8", "// "), ("gatekey.d.ts", "text/plain; charset=utf-8", "/**")] {
        let url = party.endpoint(path);
        let answer = app.network.get(&url, &[("origin", "https://anybody.test")]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(media_type)));
        assert!(answer.text().starts_with(begins), "{path}");
        assert_eq!((answer.header(ALLOWED), answer.header("cross-origin-resource-policy")), (Some("*"), Some("cross-origin")), "{path}");
        assert_eq!((answer.header("x-content-type-options"), answer.header("set-cookie")), (Some("nosniff"), None), "{path}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"), "{path}");
        let again = app.network.get(&url, &[("if-none-match", answer.header("etag").unwrap())]).await;
        assert_eq!((again.status.as_u16(), again.header(ALLOWED), again.header("content-type")), (304, Some("*"), None), "{path}");
    }
}
