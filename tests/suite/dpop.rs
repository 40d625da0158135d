//! DPoP (RFC 9449) as honest clients use it: which tokens are bound to which key, what is said of them, and who may read the answers.

use gatekey::domain::client::ClientMetadata;
use gatekey::domain::id::ClientId;
use gatekey::store::clients;
use poem::http::Method;
use serde_json::json;

use crate::refresh::stored;
use crate::support::app::{App, MACHINE, OWN_PAGE, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::dpop::{Holder, bound, no_proof};
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(
    tokens_are_bound_to_the_key_that_was_shown,
    a_client_with_a_secret_may_change_its_key,
    a_family_from_before_is_bound_when_a_key_is_shown,
    what_can_be_mended_spends_no_token,
    introspection_tells_of_the_key,
    pages_may_send_proofs_and_read_why_not,
    giving_back_needs_no_proof,
);

pub async fn change_client(app: &App, id: &str, change: impl FnOnce(&mut ClientMetadata) + Send + 'static) {
    let id = ClientId::parse(id).unwrap();
    app.write(move |db| {
        let mut client = clients::find(db, &id)?.unwrap();
        change(&mut client.metadata);
        clients::upsert(db, &client)
    })
    .await;
}

/// RFC 9449 §5, §6.1.
async fn tokens_are_bound_to_the_key_that_was_shown(database: Database) {
    let app = App::start(database).await;
    let holder = Holder::new();
    let cnf = json!({ "jkt": holder.thumbprint() });
    let page = app.relying_party(OWN_PAGE);
    let metadata = app.network.get(&page.endpoint(".well-known/openid-configuration"), &[]).await.json();
    assert_eq!(metadata["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA", "Ed25519"]));
    let first = holder.sign_in(&app, &page, "openid email offline_access").await;
    assert_eq!(page.claims(&first.access).await["cnf"], cnf);
    // Who signed in is nobody's key.
    assert!(!page.claims(first.id.as_deref().unwrap()).await.contains_key("cnf"));
    assert_eq!(stored(&app).await[0].bound_to.as_ref().map(|binding| binding.key.as_str().to_owned()), Some(holder.thumbprint()));
    let second = bound(&holder.try_refresh(&app, &page, first.refresh()).await);
    assert_eq!(page.claims(&second.access).await["cnf"], cnf);
    assert!(second.id.is_some() && second.refresh.is_some());
    let answer = holder.userinfo(&app, &second.access).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["email"]), (200, &json!("alice@example.test")));
    let machine = app.relying_party(MACHINE);
    let answer = bound(&holder.ask(&app, &machine, &[("grant_type", "client_credentials")]).await);
    assert_eq!(machine.claims(&answer.access).await["cnf"], cnf);
    // Without a proof all is as it was.
    let plain = app.sign_in(&mut app.browser(), &page, "openid").await;
    assert!(!page.claims(&plain.access).await.contains_key("cnf"));
    page.refresh(plain.refresh()).await;
}

/// RFC 9449 §5: its refresh tokens are bound to its secret already.
async fn a_client_with_a_secret_may_change_its_key(database: Database) {
    let app = App::start(database).await;
    let (old, new) = (Holder::new(), Holder::new());
    let server = app.relying_party(SERVER);
    let first = old.sign_in(&app, &server, "openid").await;
    assert_eq!(stored(&app).await[0].bound_to, None);
    let second = bound(&new.try_refresh(&app, &server, first.refresh()).await);
    assert_eq!(server.claims(&second.access).await["cnf"], json!({ "jkt": new.thumbprint() }));
    assert_eq!(new.userinfo(&app, &second.access).await.status.as_u16(), 200);
    assert_eq!(old.userinfo(&app, &second.access).await.error(), "invalid_token");
    // And do without one, unless it is registered to have one.
    server.refresh(second.refresh()).await;
}

/// RFC 9449 §5: the first proof comes after the sign-in, as when an application is given a version that makes them.
async fn a_family_from_before_is_bound_when_a_key_is_shown(database: Database) {
    let app = App::start(database).await;
    let (holder, party) = (Holder::new(), app.relying_party(OWN_PAGE));
    let plain = app.sign_in(&mut app.browser(), &party, "openid").await;
    let plain = party.refresh(plain.refresh()).await;
    assert_eq!(stored(&app).await[0].bound_to, None);
    let next = bound(&holder.try_refresh(&app, &party, plain.refresh()).await);
    assert_eq!(holder.userinfo(&app, &next.access).await.status.as_u16(), 200);
    let binding = stored(&app).await[0].bound_to.clone().unwrap();
    assert_eq!((binding.key.as_str(), binding.since), (holder.thumbprint().as_str(), 3));
    no_proof(&party.try_refresh(next.refresh()).await, 400, "bound");
    let next = bound(&holder.try_refresh(&app, &party, next.refresh()).await);
    bound(&holder.try_refresh(&app, &party, next.refresh()).await);
    assert_eq!(stored(&app).await[0].bound_to.as_ref(), Some(&binding), "it is bound once");
}

/// A wrong scope is said, and the same refresh token works after it; a refusal is not a use of the proof either.
async fn what_can_be_mended_spends_no_token(database: Database) {
    let app = App::start(database).await;
    let (holder, party) = (Holder::new(), app.relying_party(OWN_PAGE));
    let held = holder.sign_in(&app, &party, "openid").await;
    let proof = holder.for_token(&app);
    let with = async |scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", held.refresh()), ("scope", scope)];
        party.post_with("oauth/token", &[("dpop", &proof)], &fields).await
    };
    assert_eq!(with("openid email").await.error(), "invalid_scope");
    bound(&with("openid").await);
}

/// RFC 9449 §6.2.
async fn introspection_tells_of_the_key(database: Database) {
    let app = App::start(database).await;
    let (holder, server) = (Holder::new(), app.relying_party(SERVER));
    let held = holder.sign_in(&app, &server, "openid").await;
    let told = server.introspect(&held.access).await;
    assert_eq!((&told["active"], &told["token_type"], &told["cnf"]), (&json!(true), &json!("DPoP"), &json!({ "jkt": holder.thumbprint() })));
    let plain = server.refresh(held.refresh()).await;
    let told = server.introspect(&plain.access).await;
    assert_eq!((&told["active"], &told["token_type"], told.get("cnf")), (&json!(true), &json!("Bearer"), None));
    // Of a refresh token it is the secret that binds it.
    let told = server.introspect(plain.refresh()).await;
    assert_eq!((&told["token_type"], told.get("cnf")), (&json!("refresh_token"), None));
}

/// Fetch: a page of a registered origin.
async fn pages_may_send_proofs_and_read_why_not(database: Database) {
    let app = App::start(database).await;
    let (holder, party) = (Holder::new(), app.relying_party(OWN_PAGE));
    let origin = "https://own.example.test";
    for path in ["oauth/token", "userinfo"] {
        let asked = [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization,dpop")];
        let answer = app.network.send(Method::OPTIONS, &party.endpoint(path), &asked, "").await;
        assert!(answer.header("access-control-allow-headers").unwrap().contains("dpop"), "{path}");
    }
    let held = holder.sign_in(&app, &party, "openid").await;
    let headers = [("origin", origin), ("authorization", &format!("DPoP {}", held.access))];
    let answer = app.network.get(&party.endpoint("userinfo"), &headers).await;
    no_proof(&answer, 401, "no proof");
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("www-authenticate"));
    // No nonce: some libraries take any answer with one for a challenge, and drop what they hold.
    for answer in [answer, party.try_refresh(held.refresh()).await, holder.try_refresh(&app, &party, held.refresh()).await] {
        assert_eq!(answer.header("dpop-nonce"), None);
    }
}

/// RFC 7009 asks who the client is; who can show no key may still want to be rid of a token.
async fn giving_back_needs_no_proof(database: Database) {
    let app = App::start(database).await;
    let (holder, party) = (Holder::new(), app.relying_party(OWN_PAGE));
    let held = holder.sign_in(&app, &party, "openid").await;
    let stranger = RelyingParty { client_id: "other-page".to_owned(), ..party.clone() };
    assert_eq!(stranger.revoke(held.refresh()).await.status.as_u16(), 200);
    let next = bound(&holder.try_refresh(&app, &party, held.refresh()).await);
    assert_eq!(party.revoke(next.refresh()).await.status.as_u16(), 200);
    assert_eq!(holder.try_refresh(&app, &party, next.refresh()).await.error(), "invalid_grant");
    assert_eq!(holder.userinfo(&app, &next.access).await.error(), "invalid_token");
    tokens(&app.relying_party(MACHINE).post("oauth/token", &[("grant_type", "client_credentials")]).await);
}
