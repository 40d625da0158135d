//! Short idle limits: whoever uses a session, by a refresh too, is seen doing so, and whoever pauses is not.

use chrono::TimeDelta;
use gatekey::domain::client::ClientMetadata;

use crate::support::app::{App, OWN_PAGE, SERVER};
use crate::support::database::{Database, each_database};

each_database!(
    refreshing_alone_keeps_a_client_session,
    refreshing_counts_while_another_client_uses_the_session,
    another_client_uses_the_session_by_a_shorter_limit
);

/// An issuer with limits of its own for [`OWN_PAGE`].
async fn app(database: Database, change: impl FnOnce(&mut ClientMetadata)) -> App {
    App::start_with(database, |settings| {
        change(&mut settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap().metadata);
    })
    .await
}

async fn refreshing_alone_keeps_a_client_session(database: Database) {
    let app = app(database, |client| client.lifetimes.client_session_idle = Some("PT8M".parse().unwrap())).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let mut tokens = app.sign_in(&mut browser, &party, "openid").await;
    for _ in 0..30 {
        app.advance(TimeDelta::minutes(2));
        tokens = party.refresh(tokens.refresh()).await;
        assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
    }
    // One second less than the limit is in time; the limit itself is not.
    app.advance(TimeDelta::minutes(8) - TimeDelta::seconds(1));
    tokens = party.refresh(tokens.refresh()).await;
    app.advance(TimeDelta::minutes(8));
    party.refused(tokens.refresh()).await;
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 401);
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
}

/// The use of the session is written down by one client already; that of the other's client session is due all the same.
async fn refreshing_counts_while_another_client_uses_the_session(database: Database) {
    let app = app(database, |client| client.lifetimes.client_session_idle = Some("PT8M".parse().unwrap())).await;
    let (party, busy) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let mut tokens = app.sign_in(&mut browser, &party, "openid").await;
    app.sign_in(&mut browser, &busy, "openid").await;
    for _ in 0..30 {
        for _ in 0..4 {
            app.advance(TimeDelta::seconds(30));
            busy.code(&app.silently(&mut browser, &busy, "openid", &[]).await);
        }
        tokens = party.refresh(tokens.refresh()).await;
    }
    for _ in 0..16 {
        app.advance(TimeDelta::seconds(30));
        busy.code(&app.silently(&mut browser, &busy, "openid", &[]).await);
    }
    party.refused(tokens.refresh()).await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
}

/// A client judges the session by an idle limit of its own: the uses by a client with a long one must be there to be judged.
async fn another_client_uses_the_session_by_a_shorter_limit(database: Database) {
    let app = app(database, |client| client.lifetimes.session_idle = Some("PT8M".parse().unwrap())).await;
    let (party, busy) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let mut busy_tokens = app.sign_in(&mut browser, &busy, "openid").await;
    for _ in 0..15 {
        app.advance(TimeDelta::minutes(2));
        busy.code(&app.silently(&mut browser, &busy, "openid", &[]).await);
        app.advance(TimeDelta::minutes(2));
        busy_tokens = busy.refresh(busy_tokens.refresh()).await;
    }
    app.advance(TimeDelta::minutes(3));
    let mut tokens = party.refresh(tokens.refresh()).await;
    for _ in 0..30 {
        app.advance(TimeDelta::minutes(2));
        tokens = party.refresh(tokens.refresh()).await;
    }
    party.code(&app.silently(&mut browser, &party, "openid", &[]).await);
    // Nobody uses it for eight minutes: over for the one, not for the other.
    app.advance(TimeDelta::minutes(8));
    party.refused(tokens.refresh()).await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
    busy.code(&app.silently(&mut browser, &busy, "openid", &[]).await);
}
