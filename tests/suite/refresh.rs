//! Refresh tokens: rotation is idempotent, and reuse ends the family (RFC 6749 §6, RFC 9700 §4.14.2).

use gatekey::domain::duration::Lifetime;
use gatekey::domain::refresh_family::RefreshFamily;
use gatekey::store::refresh_families;

use crate::support::app::{App, OWN_PAGE, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(it_rotates, a_strict_client_has_no_second_try, a_restored_backup_logs_nobody_out, a_stranger_harms_nothing, offline_access_survives_a_logout,);

/// A family of alice at an application of the operator's own.
async fn family(app: &App, party: &RelyingParty) -> Tokens {
    app.sign_in(&mut app.browser(), party, "openid").await
}

pub async fn stored(app: &App) -> Vec<RefreshFamily> {
    let alice = app.user("alice").await.id;
    app.store.scan(move |db| refresh_families::list_by_user(db, alice, None, 100)).await.unwrap()
}

async fn it_rotates(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut tokens = family(&app, &party).await;
    let mut seen = vec![tokens.refresh().to_owned()];
    for _ in 0..10 {
        tokens = party.refresh(tokens.refresh()).await;
        assert!(tokens.refresh().starts_with("gk_rt_"));
        assert!(!seen.contains(&tokens.refresh().to_owned()));
        assert!(tokens.id.is_some(), "an OpenID refresh brings an ID token");
        assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
        seen.push(tokens.refresh().to_owned());
    }
    let families = stored(&app).await;
    assert_eq!((families.len(), families[0].generation), (1, 11));
}

/// `refresh_overlap` of 0: single use, without a second chance.
async fn a_strict_client_has_no_second_try(database: Database) {
    let app = App::start_with(database, |settings| {
        let strict = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        strict.metadata.refresh_overlap = Lifetime::seconds(0);
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    party.refused(first.refresh()).await;
    party.refused(second.refresh()).await;
}

/// P12: the database is older than the tokens it gave out. The newest token proves its own generation; nobody is logged out,
/// and what was used before the restore is still reuse.
async fn a_restored_backup_logs_nobody_out(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    let copy = app.database.copy();
    let third = party.refresh(second.refresh()).await;
    let fourth = party.refresh(third.refresh()).await;
    let (clock, settings) = (app.clock.clone(), app.settings.clone());
    let database = app.stop().await;
    database.put_back(&copy);

    let app = App::on(database, settings, clock, "after the loss").await;
    let party = app.relying_party(OWN_PAGE);
    assert_eq!(stored(&app).await[0].generation, 2, "the copy is what is there");
    let fifth = party.refresh(fourth.refresh()).await;
    assert_eq!(stored(&app).await[0].generation, 5);
    assert_eq!(party.refresh(fourth.refresh()).await.refresh(), fifth.refresh());
    let sixth = party.refresh(fifth.refresh()).await;
    party.refused(third.refresh()).await;
    party.refused(sixth.refresh()).await;
}

/// A token whose MAC does not verify is unknown, and ends nothing.
async fn a_stranger_harms_nothing(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = family(&app, &party).await;
    let second = party.refresh(first.refresh()).await;
    let token = second.refresh();
    for at in (6..token.len()).step_by(5) {
        let other = if token.as_bytes()[at] == b'A' { 'B' } else { 'A' };
        party.refused(&format!("{}{other}{}", &token[..at], &token[at + 1..])).await;
    }
    // CO-11: not quite the token is not the token.
    for changed in [format!("{token}="), format!("{token}A"), token[..token.len() - 1].to_owned(), format!("{token}\0"), token.replace("gk_rt_", "GK_RT_")] {
        party.refused(&changed).await;
    }
    party.refresh(token).await;
}

/// OIDC Core §11, Back-Channel Logout §2.7: what was granted for when the user is away goes on; the rest ends.
async fn offline_access_survives_a_logout(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let offline = app.sign_in(&mut browser, &server, "openid offline_access").await;
    let online = app.sign_in(&mut browser, &server, "openid").await;
    let hint = online.id.clone().unwrap();
    browser.visit(&format!("{}?id_token_hint={hint}", server.endpoint("oidc/logout"))).await.page();
    server.refused(online.refresh()).await;
    let next = server.refresh(offline.refresh()).await;
    assert_eq!(server.introspect(&next.access).await["active"], true);
    // Revoked is revoked, offline or not.
    server.revoke(next.refresh()).await;
    server.refused(next.refresh()).await;
}
