//! The token that stands for a session (`online_access`): what is true of refresh tokens is true of it, and it signs out nobody that it should not
//! (sections D, J, K and L).

use chrono::TimeDelta;
use gatekey::domain::client::ClientMetadata;
use gatekey::domain::id::ClientId;
use gatekey::domain::scope::Scope;
use gatekey::domain::secret::Secret;
use gatekey::domain::session::EndReason;
use gatekey::store::tree::{self, Node};
use gatekey::store::{clients, consents};
use serde_json::json;

use super::refresh_tokens::admin;
use crate::online_access::{ASKING_ONLINE, ONLINE, ONLINE_SCOPE, app, only_session};
use crate::support::app::{App, OWN_PAGE, SERVER, password_hash};
use crate::support::browser::form_with;
use crate::support::database::{Database, each_database};
use crate::support::log;
use crate::support::relying_party::{RelyingParty, Tokens, tokens};

each_database!(
    co_10_a_code_is_worth_what_its_client_may_ask_for_when_it_comes,
    cs_03_standing_for_the_session_is_asked_for_by_itself,
    cs_05_withdrawn_it_is_dead_and_signs_nobody_out,
    rt_09_a_stranger_signs_nobody_out,
    rt_10_it_needs_its_clients_secret,
    rt_11_its_scope_shrinks_and_never_grows,
    rt_12_what_it_was_allowed_for_is_judged_again,
    rt_13_its_use_never_moves_the_absolute_end,
    rt_14_no_other_token_stands_for_the_session,
    rt_20_in_the_address_it_ends_nothing_and_is_not_logged,
    ti_02_what_a_public_client_gives_back_signs_nobody_out,
);

async fn lives(app: &App, party: &RelyingParty, held: &Tokens) {
    assert_eq!(party.refresh(held.refresh()).await.refresh(), held.refresh());
    assert_eq!(only_session(app).await.ended, None);
}

async fn change_client(app: &App, id: &'static str, change: impl FnOnce(&mut ClientMetadata) + Send + 'static) {
    app.write(move |db| {
        let mut client = clients::find(db, &ClientId::parse(id).unwrap())?.unwrap();
        change(&mut client.metadata);
        clients::upsert(db, &client)
    })
    .await;
}

/// Asked for by the scope of the code; given by what the client is registered with now.
async fn co_10_a_code_is_worth_what_its_client_may_ask_for_when_it_comes(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let mut browser = app.browser();
    let held = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let code = party.code(&app.silently(&mut browser, &party, ONLINE_SCOPE, &[]).await);
    change_client(&app, ONLINE, |client| client.scope = Scope::parse("openid").unwrap()).await;
    let narrowed = party.exchange(&code).await;
    assert_eq!(narrowed.json["scope"], "openid");
    party.revoke(narrowed.refresh()).await;
    party.refused(narrowed.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None);
    change_client(&app, ONLINE, |client| client.scope = Scope::parse(ONLINE_SCOPE).unwrap()).await;
    lives(&app, &party, &held).await;
    // A code that comes a second time ends what it gave, and signs nobody out.
    let code = party.code(&app.silently(&mut browser, &party, ONLINE_SCOPE, &[]).await);
    let twice = party.exchange(&code).await;
    assert_eq!(party.try_exchange(&code).await.error(), "invalid_grant");
    party.refused(twice.refresh()).await;
    lives(&app, &party, &held).await;
    // And one whose session was given back in between is none.
    let code = party.code(&app.silently(&mut browser, &party, ONLINE_SCOPE, &[]).await);
    party.revoke(held.refresh()).await;
    assert_eq!(party.try_exchange(&code).await.error(), "invalid_grant");
}

/// ASVS 10.7.2: who allowed less has not allowed to be signed out; nor has who allowed `offline_access`.
async fn cs_03_standing_for_the_session_is_asked_for_by_itself(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ASKING_ONLINE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid profile offline_access").await;
    party.code(&app.silently(&mut browser, &party, "openid offline_access", &[]).await);
    assert_eq!(party.error(&app.silently(&mut browser, &party, ONLINE_SCOPE, &[]).await), "consent_required");
    let page = browser.visit(party.authorize(ONLINE_SCOPE, &[]).as_str()).await.page();
    assert!(page.text().contains("Share your sign-in"), "{}", page.text());
    let denied = browser.submit(&form_with(&page, "decision"), Some("deny")).await.left();
    assert_eq!(party.error(&denied), "access_denied");
    assert_eq!(party.error(&app.silently(&mut browser, &party, ONLINE_SCOPE, &[]).await), "consent_required");
    let page = browser.visit(party.authorize(ONLINE_SCOPE, &[]).as_str()).await.page();
    let allowed = browser.submit(&form_with(&page, "decision"), Some("allow")).await.left();
    let held = party.exchange(&party.code(&allowed)).await;
    lives(&app, &party, &held).await;
    party.code(&app.silently(&mut browser, &party, ONLINE_SCOPE, &[]).await);
}

/// ASVS 10.7.3: on the user's own page; felt by every replica.
async fn cs_05_withdrawn_it_is_dead_and_signs_nobody_out(database: Database) {
    let app = app(database).await;
    let replica = app.replica("second").await;
    let (party, there, other) = (app.relying_party(ASKING_ONLINE), replica.relying_party(ASKING_ONLINE), app.relying_party(ONLINE));
    let mut browser = app.browser();
    let withdrawn = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let control = app.sign_in(&mut browser, &other, ONLINE_SCOPE).await;
    there.refresh(withdrawn.refresh()).await;
    let page = browser.visit(&party.endpoint("account")).await.page();
    let form = crate::support::form::forms(&page.url, page.text())
        .into_iter()
        .find(|form| form.field("application").is_some_and(|field| field.value == ASKING_ONLINE))
        .unwrap();
    assert_eq!(browser.submit(&form, None).await.page().status.as_u16(), 200);
    for party in [&there, &party] {
        party.refused(withdrawn.refresh()).await;
        for token in [withdrawn.refresh(), withdrawn.access.as_str()] {
            assert_eq!(party.introspect(token).await, json!({"active": false}));
        }
        assert_eq!(party.revoke(withdrawn.refresh()).await.status.as_u16(), 200);
    }
    lives(&app, &other, &control).await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "consent_required");
    replica.stop().await;
}

/// RFC 7009 §2.1, RFC 9700 §2.2.2: another client, with a secret and without, refreshing and giving back.
async fn rt_09_a_stranger_signs_nobody_out(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let mut browser = app.browser();
    let held = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    for stranger in [SERVER, OWN_PAGE, ASKING_ONLINE] {
        let stranger = app.relying_party(stranger);
        stranger.refused(held.refresh()).await;
        for token in [held.refresh(), held.access.as_str()] {
            let answer = stranger.revoke(token).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, ""), "what it is to the stranger is not told");
        }
        if stranger.secret.is_some() {
            assert_eq!(stranger.introspect(held.refresh()).await, json!({"active": false}));
        }
    }
    // Nor does one who changes a letter of it, though the row is there to be found.
    for at in (6..held.refresh().len()).step_by(5) {
        let other = if held.refresh().as_bytes()[at] == b'A' { 'B' } else { 'A' };
        let forged = format!("{}{other}{}", &held.refresh()[..at], &held.refresh()[at + 1..]);
        party.refused(&forged).await;
        assert_eq!(party.revoke(&forged).await.status.as_u16(), 200);
    }
    lives(&app, &party, &held).await;
    // The control: its own client does.
    party.revoke(held.refresh()).await;
    assert_eq!(only_session(&app).await.ended.unwrap().reason, EndReason::RevokedByClient);
}

async fn rt_10_it_needs_its_clients_secret(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let held = app.sign_in(&mut app.browser(), &party, ONLINE_SCOPE).await;
    for secret in [None, Some(String::new()), Some("x".repeat(40))] {
        let unproven = RelyingParty { secret, ..party.clone() };
        for answer in [unproven.try_refresh(held.refresh()).await, unproven.revoke(held.refresh()).await] {
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"));
        }
    }
    lives(&app, &party, &held).await;
}

/// RFC 6749 §6. What this access token is narrowed to says nothing of what the refresh token is.
async fn rt_11_its_scope_shrinks_and_never_grows(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let held = app.sign_in(&mut app.browser(), &party, "openid profile online_access").await;
    let with = async |scope: &str| party.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", held.refresh()), ("scope", scope)]).await;
    for more in ["openid email", "openid profile online_access offline_access", "offline_access", "admin"] {
        assert_eq!(with(more).await.error(), "invalid_scope", "{more}");
    }
    let narrow = tokens(&with("openid").await);
    assert_eq!((&narrow.json["scope"], narrow.refresh()), (&json!("openid"), held.refresh()));
    assert_eq!(party.claims(&narrow.access).await["scope"], "openid");
    let back = tokens(&with("").await);
    assert_eq!((&back.json["scope"], back.refresh()), (&json!("online_access openid profile"), held.refresh()));
    party.revoke(narrow.refresh()).await;
    assert_eq!(only_session(&app).await.ended.unwrap().reason, EndReason::RevokedByClient);
}

/// ASVS 7.4.2. What is dead is also no right to sign anybody out.
async fn rt_12_what_it_was_allowed_for_is_judged_again(database: Database) {
    let app = app(database).await;
    let admin = admin(&app).await;
    let (alice, id) = (app.user("alice").await.id, ClientId::parse(ASKING_ONLINE).unwrap());
    for reason in ["consent", "password", "user", "client", "grant type"] {
        let party = app.relying_party(ASKING_ONLINE);
        let mut browser = app.browser();
        let held = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
        party.refresh(held.refresh()).await;
        app.advance(TimeDelta::seconds(1));
        let (client, now) = (id.clone(), app.now());
        match reason {
            "consent" => assert!(app.write(move |db| consents::withdraw(db, alice, &client)).await),
            "password" => admin.set_password(alice, Secret::new(password_hash().to_owned())).await.unwrap(),
            "user" => admin.disable_user(alice).await.unwrap(),
            "client" => drop(admin.update_client(&id, Box::new(move |client| client.disabled_at = Some(now))).await.unwrap()),
            _ => change_client(&app, ASKING_ONLINE, |client| client.grant_types.truncate(1)).await,
        }
        let refused = party.try_refresh(held.refresh()).await.error();
        let expected = match reason {
            "client" => "invalid_client",
            "grant type" => "unauthorized_client",
            _ => "invalid_grant",
        };
        assert_eq!(refused, expected, "{reason}");
        party.revoke(held.refresh()).await;
        // Made good again, what was out stays dead, and has signed nobody out of what is there now.
        admin.enable_user(alice).await.unwrap();
        admin.update_client(&id, Box::new(|client| client.disabled_at = None)).await.unwrap();
        let control = app.relying_party(ONLINE);
        let now_held = app.sign_in(&mut browser, &control, ONLINE_SCOPE).await;
        party.revoke(held.refresh()).await;
        control.refresh(now_held.refresh()).await;
        control.revoke(now_held.refresh()).await;
        app.advance(TimeDelta::milliseconds(1));
    }
}

/// ASVS 10.4.8: used every hour, it dies when the session's day is over, and when its own is.
async fn rt_13_its_use_never_moves_the_absolute_end(database: Database) {
    let app = crate::online_access::app_with(database, |settings| {
        settings.lifetimes.session_absolute = "P2D".parse().unwrap();
        let of = |id: &str| settings.clients.iter().position(|client| client.id.as_str() == id).unwrap();
        let own = of(ASKING_ONLINE);
        settings.clients[own].metadata.lifetimes.refresh_absolute = Some("P1D".parse().unwrap());
    })
    .await;
    let (party, own) = (app.relying_party(ONLINE), app.relying_party(ASKING_ONLINE));
    let mut browser = app.browser();
    let (held, short) = (app.sign_in(&mut browser, &party, ONLINE_SCOPE).await, app.sign_in(&mut browser, &own, ONLINE_SCOPE).await);
    for hour in 1..48 {
        app.advance(TimeDelta::hours(1));
        party.refresh(held.refresh()).await;
        if hour < 24 {
            own.refresh(short.refresh()).await;
        } else {
            own.refused(short.refresh()).await;
        }
    }
    app.advance(TimeDelta::hours(1));
    party.refused(held.refresh()).await;
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[]).await), "login_required");
}

/// Beside it in the same session: a token that rotates, one with `offline_access`, an access token, an ID token.
async fn rt_14_no_other_token_stands_for_the_session(database: Database) {
    let app = app(database).await;
    let party = app.relying_party(ONLINE);
    let mut browser = app.browser();
    let held = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    let (rotating, offline) = (app.sign_in(&mut browser, &party, "openid").await, app.sign_in(&mut browser, &party, "openid offline_access").await);
    let other = app.sign_in(&mut browser, &party, ONLINE_SCOPE).await;
    for token in [rotating.refresh(), offline.refresh(), other.access.as_str(), held.id.as_deref().unwrap()] {
        assert_eq!(party.revoke(token).await.status.as_u16(), 200);
        lives(&app, &party, &held).await;
    }
    for dead in [rotating.refresh(), offline.refresh(), other.refresh()] {
        party.refused(dead).await;
    }
    party.refused(held.id.as_deref().unwrap()).await;
    party.refused(&held.access).await;
}

async fn rt_20_in_the_address_it_ends_nothing_and_is_not_logged(database: Database) {
    let app = app(database).await;
    let heard = log::listen();
    let party = app.relying_party(ONLINE);
    let held = app.sign_in(&mut app.browser(), &party, ONLINE_SCOPE).await;
    for (path, name) in [("oauth/token", "refresh_token"), ("oauth/revoke", "token")] {
        let answer = party.post(&format!("{path}?{name}={}", held.refresh()), &[("grant_type", "refresh_token")]).await;
        assert_eq!(answer.error(), "invalid_request", "{path}");
    }
    lives(&app, &party, &held).await;
    party.revoke(held.refresh()).await;
    let said = heard.text();
    assert!(said.contains("a client gave the session back") && !said.contains(held.refresh()) && !said.contains(&held.refresh()[6..]), "{said}");
}

/// Doorkeeper CVE-2018-1000211 the other way round: the token is really dead, and nothing beside it.
async fn ti_02_what_a_public_client_gives_back_signs_nobody_out(database: Database) {
    let app = app(database).await;
    // As no settings file and no command would register it.
    change_client(&app, OWN_PAGE, |client| client.scope = Scope::parse("openid online_access").unwrap()).await;
    let (public, control) = (app.relying_party(OWN_PAGE), app.relying_party(ONLINE));
    let mut browser = app.browser();
    let held = app.sign_in(&mut browser, &control, ONLINE_SCOPE).await;
    let first = app.sign_in(&mut browser, &public, ONLINE_SCOPE).await;
    assert_eq!(first.json["scope"], "openid");
    let second = public.refresh(first.refresh()).await;
    assert_ne!(second.refresh(), first.refresh());
    public.revoke(second.refresh()).await;
    public.refused(second.refresh()).await;
    assert_eq!(public.userinfo(&second.access).await.status.as_u16(), 401);
    lives(&app, &control, &held).await;
    // Nor does a grant of the time when it had a secret: it is judged by what the client is now.
    let (session, now) = (only_session(&app).await, app.now());
    change_client(&app, ONLINE, |client| client.authentication = gatekey::domain::client::ClientAuthentication::None).await;
    let without = RelyingParty { secret: None, ..control.clone() };
    let rotated = without.refresh(held.refresh()).await;
    assert_ne!(rotated.refresh(), held.refresh());
    without.revoke(rotated.refresh()).await;
    without.refused(rotated.refresh()).await;
    assert_eq!(only_session(&app).await.ended, None);
    app.write(move |db| tree::end(db, &Node::Session(session.id), EndReason::Logout, now)).await;
}
