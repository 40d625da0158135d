//! Consents: what a user has allowed, page by page, and taking it back.

use gatekey::domain::consent::Consent;
use gatekey::domain::id::{ClientId, UserId};

use super::*;
use crate::support::app::PAGE;
use crate::support::database::each_database;

each_database!(consents_are_listed_and_withdrawn);

/// The user has allowed the client something.
pub async fn consent(app: &App, user: UserId, client: &str) {
    let consent = Consent { user_id: user, client_id: ClientId::parse(client).unwrap(), scope: Scope::parse("openid").unwrap(), granted_at: app.now() };
    app.write(move |db| gatekey::store::consents::grant(db, &consent)).await;
}

async fn consents_are_listed_and_withdrawn(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &["consents:read".to_owned(), "consents:withdraw".to_owned()]).await;
    let (party, mut browser) = (app.relying_party(PAGE), app.browser());
    let tokens = app.sign_in(&mut browser, &party, "openid offline_access").await;
    let alice = app.user("alice").await.id;
    consent(&app, alice, OWN_PAGE).await;
    let path = format!("/users/{alice}/consents");
    let all = get(&app, &path, &token).await["items"].as_array().unwrap().clone();
    let mut listed = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(&app, &format!("{path}?limit=1{after}"), &token).await;
        listed.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!((all.len(), &listed), (2, &all));
    let given = all.iter().find(|consent| consent["client_id"] == PAGE).unwrap();
    assert!(given["scope"].as_str().unwrap().contains("openid"), "{given}");

    // Withdrawn for the user: the application has to ask again, and what it had is of no use.
    let withdraw = async |client: &str| send(&app, Method::DELETE, &format!("{path}/{client}"), Some(&token)).await;
    assert_eq!(withdraw(PAGE).await.status.as_u16(), 204);
    party.refused(tokens.refresh()).await;
    let response = app.silently(&mut browser, &party, "openid", &[]).await;
    assert_eq!(party.error(&response), "consent_required");
    assert_eq!(get(&app, &path, &token).await["items"].as_array().unwrap().len(), 1);
    for client in [PAGE, "nobody", "a%20b"] {
        assert_problem(&withdraw(client).await, 404, "not-found", client);
    }
    let nobody = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";
    assert_problem(&send(&app, Method::GET, &format!("/users/{nobody}/consents"), Some(&token)).await, 404, "not-found", "nobody");
    assert_problem(&send(&app, Method::GET, &format!("{path}?after=a%20b"), Some(&token)).await, 400, "request-malformed", "no id");
}
