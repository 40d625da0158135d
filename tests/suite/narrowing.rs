//! A client's registration is narrowed: the next token carries what is left, whatever was granted before.

use chrono::TimeDelta;
use gatekey::domain::client::ClientMetadata;
use gatekey::domain::id::ClientId;
use gatekey::domain::scope::Scope;
use gatekey::store::clients;
use serde_json::{Value, json};
use url::Url;

use crate::support::app::{App, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(a_narrowed_client_is_felt_at_the_next_token, a_client_without_resources_is_for_no_api);

const NOTES: &str = "https://notes.example.test/";
const MAIL: &str = "https://mail.example.test/";

async fn app(database: Database) -> App {
    App::start_with(database, |settings| {
        let server = settings.clients.iter_mut().find(|client| client.id.as_str() == SERVER).unwrap();
        server.metadata.resources = vec![NOTES.to_owned(), MAIL.to_owned()];
    })
    .await
}

async fn update(app: &App, change: impl FnOnce(&mut ClientMetadata) + Send + 'static) {
    app.write(move |db| {
        let mut client = clients::find(db, &ClientId::parse(SERVER).unwrap())?.unwrap();
        change(&mut client.metadata);
        clients::upsert(db, &client)
    })
    .await;
}

fn request(party: &RelyingParty, prompt: &[(&str, &str)]) -> Url {
    let mut url = party.authorize("openid profile email", prompt);
    url.query_pairs_mut().append_pair("resource", NOTES).append_pair("resource", MAIL);
    url
}

/// What a token response allows: its scope, whom the access token is for, and what the ID token tells.
async fn allowed(party: &RelyingParty, tokens: &Tokens) -> (Value, Vec<String>, bool) {
    let claims = party.claims(&tokens.access).await;
    assert_eq!(claims["scope"], tokens.json["scope"]);
    let mut audience: Vec<String> = match &claims["aud"] {
        Value::String(one) => vec![one.clone()],
        many => serde_json::from_value(many.clone()).unwrap(),
    };
    audience.retain(|audience| *audience != party.issuer);
    audience.sort();
    let told = party.claims(tokens.id.as_ref().unwrap()).await.contains_key("email");
    let told_again = party.userinfo(&tokens.access).await.json().get("email").is_some();
    assert!(told_again || !told, "the ID token tells no more than userinfo");
    (tokens.json["scope"].clone(), audience, told_again)
}

async fn a_narrowed_client_is_felt_at_the_next_token(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(SERVER);
    let mut browser = app.browser();
    let response = app.authorize_as(&mut browser, &request(&party, &[]), "alice").await;
    let before = party.exchange(&party.code(&response)).await;
    let everything = (json!("email openid profile"), vec![MAIL.to_owned(), NOTES.to_owned()], true);
    assert_eq!(allowed(&party, &before).await, everything);
    let waiting = party.code(&browser.visit(request(&party, &[]).as_str()).await.left());
    let control = party.code(&browser.visit(request(&party, &[]).as_str()).await.left());
    assert_eq!(allowed(&party, &party.exchange(&control).await).await, everything);

    update(&app, |client| {
        client.scope = Scope::parse("openid profile").unwrap();
        client.resources = vec![MAIL.to_owned()];
    })
    .await;
    let left = (json!("openid profile"), vec![MAIL.to_owned()], false);
    // The wrong requests first: nothing is spent by them.
    for (name, value, error) in [("scope", "openid email", "invalid_scope"), ("resource", NOTES, "invalid_target")] {
        let answer = party.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", before.refresh()), (name, value)]).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, error));
    }
    let refreshed = party.refresh(before.refresh()).await;
    assert_eq!(allowed(&party, &refreshed).await, left);
    let redeemed = party.exchange(&waiting).await;
    assert_eq!(allowed(&party, &redeemed).await, left);
    // The access token from before says more than the client may ask now.
    assert_eq!(party.userinfo(&before.access).await.json().get("email"), None);

    // The grant itself was not cut down.
    update(&app, |client| {
        client.scope = Scope::parse("openid profile email").unwrap();
        client.resources = vec![NOTES.to_owned(), MAIL.to_owned()];
    })
    .await;
    app.advance(TimeDelta::seconds(1));
    assert_eq!(allowed(&party, &party.refresh(refreshed.refresh()).await).await, everything);
    assert_eq!(allowed(&party, &party.refresh(redeemed.refresh()).await).await, everything);
}

async fn a_client_without_resources_is_for_no_api(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(SERVER);
    let response = app.authorize_as(&mut app.browser(), &request(&party, &[]), "alice").await;
    let before = party.exchange(&party.code(&response)).await;
    update(&app, |client| client.resources.clear()).await;
    let (_, audience, _) = allowed(&party, &party.refresh(before.refresh()).await).await;
    assert!(audience.is_empty(), "{audience:?}");
}
