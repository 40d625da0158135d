//! How clients prove who they are (RFC 6749 §2.3), and what they may ask for themselves (§4.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::app::{App, MACHINE, OWN_PAGE, PAGE, SECRET, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(a_machine_acts_for_itself, only_the_registered_method_works, unknown_and_wrong_read_the_same, only_confidential_clients_introspect);

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

/// CA-01, CA-02, CA-03.
async fn only_the_registered_method_works(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let url = server.endpoint("oauth/token");
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let encoded: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let right = basic(SERVER, &encoded);
    let send = async |header: Option<&str>, fields: &[(&str, &str)]| {
        let headers: Vec<(&str, &str)> = header.map(|value| ("authorization", value)).into_iter().collect();
        let answer = app.network.post_form(&url, &headers, &[&grant[..], fields].concat()).await;
        (answer.status.as_u16(), answer.error())
    };
    let refused = (401, "invalid_client".to_owned());
    // The control: it gets as far as the token.
    assert_eq!(send(Some(&right), &[]).await, (400, "invalid_grant".to_owned()));
    // As clients send it that leave the form encoding of §2.3.1 out.
    assert_eq!(send(Some(&basic(SERVER, SECRET)), &[]).await, (400, "invalid_grant".to_owned()));
    assert_eq!(send(None, &[("client_id", SERVER), ("client_secret", SECRET)]).await, refused, "registered for Basic");
    assert_eq!(send(None, &[("client_id", SERVER)]).await, refused);
    assert_eq!(send(None, &[]).await, refused);
    for secret in ["", "x", "null", &SECRET[..SECRET.len() - 1]] {
        let secret: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        assert_eq!(send(Some(&basic(SERVER, &secret)), &[]).await, refused);
    }
    // RFC 6749 §2.3: one method in one request.
    assert_eq!(send(Some(&right), &[("client_secret", SECRET)]).await, (400, "invalid_request".to_owned()));
    assert_eq!(send(Some(&right), &[("client_id", OWN_PAGE)]).await, (400, "invalid_request".to_owned()));
    // A page has no secret, and none is taken for it.
    assert_eq!(send(None, &[("client_id", OWN_PAGE), ("client_secret", "x")]).await, refused);
    assert_eq!(send(Some(&basic(OWN_PAGE, "")), &[]).await, refused);
}

/// CA-17; RFC 6749 §5.2.
async fn unknown_and_wrong_read_the_same(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let unknown = RelyingParty { client_id: "nobody".to_owned(), ..server.clone() };
    let wrong = RelyingParty { secret: Some("x".repeat(48)), ..server };
    let mut seen = vec![];
    for party in [unknown, wrong] {
        let answer = party.try_refresh("x").await;
        assert_eq!(answer.status.as_u16(), 401);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
        seen.push(answer.text().to_owned());
    }
    assert_eq!(seen[0], seen[1]);
}

/// RFC 7662 §2.1, §4; TI-04.
async fn only_confidential_clients_introspect(database: Database) {
    let app = App::start(database).await;
    let (page, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let tokens = app.sign_in(&mut app.browser(), &page, "openid").await;
    let answer = page.post("oauth/introspect", &[("token", &tokens.access)]).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"));
    // Another client's token says nothing to one who is not meant by it.
    assert_eq!(server.introspect(&tokens.access).await, json!({"active": false}));
    assert_eq!(server.introspect("x").await, json!({"active": false}));
    let own = app.sign_in(&mut app.browser(), &server, "openid").await;
    assert_eq!(server.introspect(&own.access).await["active"], true);
    // TI-09: an access token travels in the header.
    let in_query = app.network.get(&format!("{}?access_token={}", page.endpoint("userinfo"), tokens.access), &[]).await;
    assert_eq!(in_query.status.as_u16() / 100, 4);
}
