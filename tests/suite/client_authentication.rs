//! What a client may ask for itself (RFC 6749 §4.4); how it proves who it is, is `security/client_authentication.rs`.

use serde_json::json;

use crate::support::app::{App, MACHINE, PAGE, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::dpop::NO_TOKEN;
use crate::support::relying_party::tokens;

each_database!(a_machine_acts_for_itself, credentials_that_are_no_text_were_sent);

/// RFC 6749 §4.4, RFC 9068 §2.2. CS-04, TI-08.
async fn a_machine_acts_for_itself(database: Database) {
    let app = App::start(database).await;
    let machine = app.relying_party(MACHINE);
    let answer = tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:read")]).await);
    assert_eq!(answer.json["scope"], "jobs:read");
    let claims = machine.claims(&answer.access).await;
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(MACHINE), &json!(MACHINE)));
    assert_eq!(machine.introspect(&answer.access).await["active"], true);
    assert_eq!(machine.userinfo(&answer.access).await.status.as_u16() / 100, 4, "there is no user behind it");
    let wider = machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:read admin")]).await;
    assert_eq!(wider.error(), "invalid_scope");
    for other in [PAGE, SERVER] {
        let answer = app.relying_party(other).post("oauth/token", &[("grant_type", "client_credentials")]).await;
        assert_eq!(answer.error(), "unauthorized_client", "{other}");
    }
}

/// RFC 6749 §5.2, RFC 6750 §3.1: a header with bytes that are no text is a wrong one, not none, and the challenge names what was tried.
async fn credentials_that_are_no_text_were_sent(database: Database) {
    let app = App::start(database).await;
    let (page, server) = (app.relying_party(PAGE), app.relying_party(SERVER));
    let tokens = app.sign_in(&mut app.browser(), &page, "openid").await;
    // A public client's own request, which is good without the header.
    let refresh = [("grant_type", "refresh_token"), ("client_id", PAGE), ("refresh_token", tokens.refresh())];
    let token = [("client_id", PAGE), ("token", "x")];
    for odd in ["Basic YXBwOnPDqQ==\u{e9}", "Basic \u{e9}", "\u{e9}", "Bearer \u{e9}"] {
        for (path, fields) in [("oauth/token", &refresh[..]), ("oauth/revoke", &token), ("oauth/introspect", &token)] {
            let answer = app.network.post_form(&page.endpoint(path), &[("authorization", odd)], fields).await;
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"), "{path} {odd:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "), "{path}");
        }
    }
    // The control: the token is as good as before, and so is what is proved in the header.
    page.refresh(tokens.refresh()).await;
    assert_eq!(server.introspect("x").await["active"], false);

    for odd in ["Bearer \u{e9}".to_owned(), format!("bearer {}\u{e9}", tokens.access), format!("Bearer {}\u{a0}", tokens.access)] {
        for path in ["userinfo", "admin/api/v1/server"] {
            let answer = app.network.get(&page.endpoint(path), &[("authorization", &odd)]).await;
            assert_eq!(answer.status.as_u16(), 401, "{path}");
            assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{path}: {:?}", answer.headers);
        }
    }
    // RFC 6750 §3.1: of another scheme no error is told.
    for other in ["\u{e9}", "Basic \u{e9}"] {
        for path in ["userinfo", "admin/api/v1/server"] {
            let answer = app.network.get(&page.endpoint(path), &[("authorization", other)]).await;
            assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, Some(NO_TOKEN)), "{path}");
        }
    }
}
