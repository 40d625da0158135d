//! What is public is for every origin; who else may read what is `security/cors.rs`.

use crate::support::app::{App, OWN_PAGE};
use crate::support::database::{Database, each_database};

each_database!(metadata_is_public);

const ALLOWED: &str = "access-control-allow-origin";

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
