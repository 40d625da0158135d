//! What happened is told, and no secret with it (section AA).

use gatekey::domain::event::{Actor, Event, EventKind};
use gatekey::store::events::{self, Filter};

use super::secrets::{spellings, tables};
use crate::support::app::{App, MASTER_KEY, OWN_PAGE, PAGE, PASSWORD, SECRET, SERVER, password_hash};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};

each_database!(se_09_what_happens_is_told_and_no_secret_with_it);

async fn everything(app: &App) -> Vec<Event> {
    app.store.scan(|db| events::list(db, &Filter::default(), None, 1000)).await.unwrap()
}

/// ASVS 16.2.5, 16.3.1. The change and its event are one unit of work: `events::what_is_rolled_back_is_not_told`. The store has no
/// function that changes an event.
async fn se_09_what_happens_is_told_and_no_secret_with_it(database: Database) {
    let app = App::start(database).await;
    let mut secrets: Vec<String> = [MASTER_KEY, PASSWORD, SECRET, password_hash()].map(str::to_owned).to_vec();
    let (page, own, server) = (app.relying_party(PAGE), app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    for party in [&page, &own, &server] {
        secrets.push(party.verifier.clone());
        let mut browser = app.browser_at("192.0.2.7");
        let sign_in = app.sign_in_page(&mut browser, party).await;
        let form = form_with(&sign_in, "password");
        secrets.extend(["ticket", "csrf"].map(|field| form.field(field).unwrap().value.clone()));
        secrets.push("a password that is wrong".to_owned());
        browser.submit(&form.fill("username", "alice").fill("password", "a password that is wrong"), None).await;
        let response = app.authorize_as(&mut browser, &party.authorize("openid offline_access", &[]), "alice").await;
        let code = party.code(&response);
        let first = party.exchange(&code).await;
        let second = party.refresh(first.refresh()).await;
        let third = party.refresh(second.refresh()).await;
        // Reuse, a code that comes twice, giving back, signing out.
        party.refused(first.refresh()).await;
        assert_eq!(party.try_exchange(&code).await.status.as_u16(), 400);
        let again = party.code(&app.silently(&mut browser, party, "openid offline_access", &[]).await);
        let given_back = party.exchange(&again).await;
        party.revoke(given_back.refresh()).await;
        for tokens in [&first, &second, &third, &given_back] {
            secrets.extend([tokens.access.clone(), tokens.refresh().to_owned(), tokens.id.clone().unwrap()]);
        }
        secrets.extend([code, again]);
        secrets.extend(browser.jar.all().iter().map(|cookie| cookie.value.clone()));
        browser.visit(&party.endpoint(&format!("oidc/logout?id_token_hint={}", first.id.unwrap()))).await;
    }
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    secrets.push(link.split("link=").nth(1).unwrap().to_owned());
    let mut browser = app.browser();
    let form = form_with(&browser.visit(&link).await.page(), "password_again");
    browser.submit(&form.fill("username", "root").fill("password", PASSWORD).fill("password_again", PASSWORD), None).await;
    let admin = super::refresh_tokens::admin(&app).await;
    let id = gatekey::domain::id::ClientId::parse(SERVER).unwrap();
    secrets.push(admin.rotate_client_secret(&id).await.unwrap().expose().clone());
    let new_hash = password_hash().replace("$argon2id$", "$argon2id$$");
    admin.set_password(app.user("alice").await.id, gatekey::domain::secret::Secret::new(new_hash)).await.unwrap();

    // Told it was, each thing by who did it.
    let told = everything(&app).await;
    let count = |kind: EventKind, actor: &str| told.iter().filter(|event| event.kind == kind && event.actor.kind() == actor).count();
    assert_eq!(count(EventKind::LoginSucceeded, "user"), 3);
    assert_eq!(count(EventKind::RefreshReuseDetected, "client"), 3);
    assert_eq!(count(EventKind::GrantRevoked, "client"), 3);
    assert_eq!(count(EventKind::SessionEnded, "user"), 3);
    assert_eq!(count(EventKind::SetupCompleted, "anybody"), 1);
    assert_eq!((count(EventKind::ClientSecretRotated, "command_line"), count(EventKind::UserPasswordSet, "command_line")), (1, 1));
    assert!(told.iter().all(|event| event.actor != Actor::Anybody || event.request_id.is_some()));

    // As it lies in the table, and as it is read: no secret, however it may be written.
    let table = tables(&app.database).into_iter().find(|table| table.name == "events").unwrap();
    assert_eq!(table.rows.len(), told.len());
    let digests = secrets.iter().map(|secret| gatekey::domain::secret::Digest::of(secret.as_bytes()).0);
    let digests = digests.map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let spelt: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).chain(digests).collect();
    assert!(secrets.len() > 50);
    for text in table.rows.iter().cloned().chain(told.iter().map(|event| format!("{event:?} {}", event.detail.text()))) {
        let text = text.to_lowercase();
        for secret in &spelt {
            assert!(!text.contains(&secret.to_lowercase()), "a secret is told: {text}");
        }
    }
}
