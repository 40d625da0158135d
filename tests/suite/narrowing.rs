//! A client's registration is narrowed: the next token carries what is left, whatever was granted before.

use chrono::TimeDelta;
use gatekey::domain::client::{Client, ClientMetadata};
use gatekey::domain::id::ClientId;
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::Secret;
use gatekey::store::clients;
use poem::{EndpointExt, Route, get, handler};
use serde_json::{Value, json};
use url::Url;

use crate::support::app::{App, MACHINE, SECRET, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::network::Network;
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

#[handler]
fn hello() -> &'static str {
    "hello"
}

/// Whether the host's own API at `path` takes the token.
async fn asked(host: &Network, path: &str, tokens: &Tokens) -> u16 {
    let bearer = format!("Bearer {}", tokens.access);
    host.get(&format!("https://id.example.test{path}"), &[("authorization", &bearer)]).await.status.as_u16()
}

/// An API that introspects the tokens it is sent.
async fn api(app: &App, id: &str, audience: &'static str) -> RelyingParty {
    let digest = Secret::new(SECRET.to_owned()).digest();
    let id = ClientId::parse(id).unwrap();
    let name = id.clone();
    app.write(move |db| {
        let machine = clients::find(db, &ClientId::parse(MACHINE).unwrap())?.unwrap();
        let metadata = ClientMetadata { resources: vec![audience.to_owned()], ..machine.metadata.clone() };
        clients::insert(db, &Client { id: name, metadata, secret_digest: Some(digest), ..machine })
    })
    .await;
    RelyingParty::new(&app.network, &app.issuer, id.as_str(), "https://api.example.test/").with_secret(SECRET)
}

async fn introspected(api: &RelyingParty, tokens: &Tokens) -> Value {
    api.introspect(&tokens.access).await["active"].clone()
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
    let (notes, mail) = (api(&app, "notes", NOTES).await, api(&app, "mail", MAIL).await);
    let host = Route::new().at("/notes", get(hello).with(app.running.require_token(NOTES))).at("/mail", get(hello).with(app.running.require_token(MAIL)));
    let host = Network::new(host.boxed());
    assert_eq!((introspected(&notes, &before).await, introspected(&mail, &before).await), (json!(true), json!(true)));
    assert_eq!((asked(&host, "/notes", &before).await, asked(&host, "/mail", &before).await), (200, 200));

    update(&app, |client| {
        client.scope = Scope::parse("openid profile").unwrap();
        client.resources = vec![MAIL.to_owned()];
    })
    .await;
    let left = (json!("openid profile"), vec![MAIL.to_owned()], false);
    // Whoever asks about the token of before learns what is left of it, and an API that it is not for any more learns nothing.
    let told = party.introspect(&before.access).await;
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("openid profile")));
    assert_eq!(told["aud"], json!([MAIL, app.issuer]));
    assert_eq!(party.introspect(before.refresh()).await["scope"], "openid profile");
    assert_eq!((introspected(&notes, &before).await, introspected(&mail, &before).await), (json!(false), json!(true)));
    assert_eq!((asked(&host, "/notes", &before).await, asked(&host, "/mail", &before).await), (401, 200));
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
