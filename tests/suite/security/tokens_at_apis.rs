//! Tokens where they are spent: revocation, introspection, userinfo (section L).

use serde_json::json;

use crate::refresh::stored;
use crate::support::app::{App, MACHINE, OTHER_PAGE, OWN_PAGE, PAGE, SECRET, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::log;
use crate::support::relying_party::{RelyingParty, tokens};
use crate::support::statements;

each_database!(
    ti_02_what_a_public_client_revokes_is_dead,
    ti_04_introspection_is_for_proven_clients_alone,
    ti_08_userinfo_takes_access_tokens_of_a_user_alone,
    ti_09_a_token_in_the_address_is_not_taken_and_not_logged,
);

/// RFC 7009 §2.1: by the refresh token, by an old one, by the access token; never by another client.
async fn ti_02_what_a_public_client_revokes_is_dead(database: Database) {
    let app = App::start(database).await;
    let (party, stranger) = (app.relying_party(OWN_PAGE), app.relying_party(OTHER_PAGE));
    let control = app.sign_in(&mut app.browser(), &party, "openid").await;
    for which in 0..3 {
        let first = app.sign_in(&mut app.browser(), &party, "openid offline_access").await;
        let second = party.refresh(first.refresh()).await;
        let token = [second.refresh(), first.refresh(), second.access.as_str()][which].to_owned();
        assert_eq!(stranger.revoke(&token).await.status.as_u16(), 200);
        assert_eq!(party.userinfo(&second.access).await.status.as_u16(), 200, "a stranger's word ends nothing");
        // With a secret, a public client is none.
        let lying = RelyingParty { secret: Some("x".to_owned()), ..party.clone() };
        assert_eq!(lying.revoke(&token).await.error(), "invalid_client");

        let answer = party.revoke(&token).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
        party.refused(second.refresh()).await;
        party.refused(first.refresh()).await;
        for access in [&first.access, &second.access] {
            assert_eq!(party.userinfo(access).await.status.as_u16(), 401);
        }
        assert_eq!(stored(&app).await.iter().filter(|family| family.ended.is_some()).count(), which + 1);
    }
    party.refresh(control.refresh()).await;
}

/// RFC 7662 §2.1. The same answer whoever is turned away, after the same work.
async fn ti_04_introspection_is_for_proven_clients_alone(database: Database) {
    statements::count();
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let own = app.sign_in(&mut app.browser(), &server, "openid").await;
    let callers = [
        ("a page", app.relying_party(OWN_PAGE)),
        ("a wrong secret", RelyingParty { secret: Some("x".repeat(SECRET.len())), ..server.clone() }),
        ("no secret", RelyingParty { secret: None, ..server.clone() }),
        ("an empty secret", RelyingParty { secret: Some(String::new()), ..server.clone() }),
        ("a client that is none", RelyingParty { client_id: "nobody".to_owned(), ..server.clone() }),
    ];
    let mut seen = vec![];
    for (what, caller) in &callers {
        for token in [own.access.as_str(), own.refresh(), "x"] {
            let mut text = String::new();
            let cost = statements::least(&app.database, async || {
                let answer = caller.post("oauth/introspect", &[("token", token)]).await;
                assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"), "{what}");
                assert!(answer.header("www-authenticate").is_some(), "{what}");
                text = answer.text().to_owned();
            });
            let cost = cost.await;
            seen.push((text, cost));
        }
    }
    let bare = app.network.post_form(&server.endpoint("oauth/introspect"), &[], &[("token", &own.access)]).await;
    assert_eq!((bare.status.as_u16(), bare.text()), (401, seen[0].0.as_str()));
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:?}");
    // A proven client learns only of what is its own, or meant for it.
    let pages = app.sign_in(&mut app.browser(), &app.relying_party(OWN_PAGE), "openid").await;
    for token in [pages.access.as_str(), pages.refresh()] {
        assert_eq!(server.introspect(token).await, json!({"active": false}));
    }
    for token in [own.access.as_str(), own.refresh()] {
        assert_eq!(server.introspect(token).await["active"], true);
    }
}

/// OIDC Core §5.3.1, RFC 6750 §3.1.
async fn ti_08_userinfo_takes_access_tokens_of_a_user_alone(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(SERVER);
    let mut browser = app.browser();
    let got = app.sign_in(&mut browser, &party, "openid").await;
    let code = party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    let machines = tokens(&app.relying_party(MACHINE).post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:read")]).await);
    let refused = async |token: &str, status: u16, error: &str| {
        let answer = party.userinfo(token).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (status, error), "{}", answer.text());
        assert!(answer.header("www-authenticate").unwrap().contains(&format!("error=\"{error}\"")));
        assert!(!answer.text().contains("alice") && !answer.text().contains("sub"));
    };
    for token in [got.id.as_deref().unwrap(), got.refresh(), &code, "x", "", &"x".repeat(20_000)] {
        if token.is_empty() {
            continue; // No token at all: RFC 6750 §3.1 asks for a challenge without an error.
        }
        refused(token, 401, "invalid_token").await;
    }
    // A user's token that is not for signing in, and a machine's, which has no user.
    let plain = app.relying_party(PAGE);
    let without = app.sign_in(&mut app.browser(), &plain, "profile email").await;
    refused(&without.access, 403, "insufficient_scope").await;
    refused(&machines.access, 403, "insufficient_scope").await;
    // For another audience: narrowed at refreshing to what leaves `openid` out.
    let fields = [("grant_type", "refresh_token"), ("refresh_token", got.refresh()), ("resource", "https://api.example.test/")];
    let narrowed = tokens(&party.post("oauth/token", &fields).await);
    assert_eq!(party.userinfo(&narrowed.access).await.status.as_u16(), 200, "with openid the issuer is in the audience");
    // The control.
    assert_eq!(party.userinfo(&got.access).await.json()["sub"], app.user("alice").await.id.to_string());
}

/// RFC 6750 §2.3, RFC 9700 §4.3.2.
async fn ti_09_a_token_in_the_address_is_not_taken_and_not_logged(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let got = app.sign_in(&mut app.browser(), &party, "openid").await;
    let heard = log::listen();
    let url = format!("{}?access_token={}", party.endpoint("userinfo"), got.access);
    let bearer = format!("Bearer {}", got.access);
    for answer in [
        app.network.get(&url, &[]).await,
        app.network.post_form(&url, &[], &[]).await,
        app.network.get(&format!("{}admin/api/v1/server?access_token={}", app.issuer, got.access), &[]).await,
        app.network.get(&party.endpoint("userinfo"), &[("authorization", &format!("Basic {}", got.access))]).await,
        app.network.get(&party.endpoint("userinfo"), &[("authorization", got.access.as_str())]).await,
        app.network.get(&party.endpoint("userinfo"), &[("authorization", &bearer), ("authorization", &bearer)]).await,
        app.network.get(&party.endpoint("userinfo"), &[("cookie", &format!("access_token={}", got.access))]).await,
    ] {
        assert!(matches!(answer.status.as_u16(), 400 | 401), "{} {}", answer.status, answer.url.path());
        assert!(!answer.text().contains("alice") && !answer.text().contains(&got.access));
    }
    assert!(heard.text().contains("answered") && !heard.text().contains(&got.access), "{}", heard.text());
    // The control: in the header, and the token is not worse for it.
    assert_eq!(party.userinfo(&got.access).await.status.as_u16(), 200);
}
