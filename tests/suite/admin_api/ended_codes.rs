//! A code that was given before an administrator ended what it belongs to, and comes afterwards.

use chrono::TimeDelta;
use gatekey::domain::authorization_code::RedeemedCode;
use gatekey::domain::id::{ClientId, GrantId};
use gatekey::domain::refresh_family::RefreshFamily;
use gatekey::domain::session::EndReason;
use gatekey::store::redeemed_codes::{self, Redemption};
use gatekey::store::refresh_families;
use gatekey::store::tree::{self, Node};
use serde_json::json;

use super::client_tokens::{URI, act, register};
use super::*;
use crate::support::attack::state;
use crate::support::browser::Browser;
use crate::support::database::each_database;
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(
    co_10_a_code_does_not_outlive_what_an_administrator_ended,
    co_10_the_first_code_of_a_client_does_not_outlive_its_end_either,
    ad_11_a_token_without_a_family_stays_ended_when_its_share_begins_anew,
    co_10_what_a_redemption_writes_after_an_end_is_of_before_it,
);

const SCOPE: &str = "openid offline_access";

fn metadata(grant_types: &[&str]) -> Value {
    json!({"name": "Short", "kind": "spa", "redirect_uris": [URI], "grant_types": grant_types, "first_party": true})
}

fn with_refresh_tokens() -> Value {
    metadata(&["authorization_code", "refresh_token"])
}

async fn code_of(app: &App, browser: &mut Browser, party: &RelyingParty) -> String {
    party.code(&app.silently(browser, party, SCOPE, &[]).await)
}

async fn refused(party: &RelyingParty, code: &str, what: &str) {
    let answer = party.try_exchange(code).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{what}: {}", answer.text());
}

/// Ends its share in the one session that there is.
async fn end_share(app: &App) {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    let session = get(app, "/sessions?client=short", &token).await["items"][0]["id"].as_str().unwrap().to_owned();
    act(app, Method::POST, &format!("/sessions/{session}/clients/short/end")).await;
}

const ENDS: [&str; 6] =
    ["its share in the session", "its share, ended twice", "all it has of the user, ended twice", "all it has", "disabled and enabled", "registered anew"];

/// All that it has of the user.
async fn end_for_user(app: &App) {
    let (node, now) = (Node::UserClient(app.user("alice").await.id, ClientId::parse("short").unwrap()), app.now());
    app.write(move |db| tree::end(db, &node, EndReason::ConsentWithdrawn, now)).await;
}

async fn end(app: &App, what: &str) {
    match what {
        "its share in the session" | "its share, ended twice" => end_share(app).await,
        "all it has of the user, ended twice" => end_for_user(app).await,
        "all it has" => act(app, Method::POST, "/clients/short/sessions/end").await,
        "disabled and enabled" => {
            act(app, Method::POST, "/clients/short/disable").await;
            act(app, Method::POST, "/clients/short/enable").await;
        }
        _ => {
            act(app, Method::DELETE, "/clients/short").await;
            register(app, "short", &with_refresh_tokens()).await;
        }
    }
}

async fn co_10_a_code_does_not_outlive_what_an_administrator_ended(database: Database) {
    let app = start(database).await;
    let short = register(&app, "short", &with_refresh_tokens()).await;
    let mut browser = app.browser();
    for what in ENDS {
        app.sign_in(&mut browser, &short, SCOPE).await;
        app.advance(TimeDelta::seconds(1));
        if what.ends_with("twice") {
            end(&app, what).await;
            app.advance(TimeDelta::seconds(1));
        }
        let (first, second) = (code_of(&app, &mut browser, &short).await, code_of(&app, &mut browser, &short).await);
        // The control: a code that came in time.
        let in_time = code_of(&app, &mut browser, &short).await;
        if !what.ends_with("twice") {
            short.exchange(&in_time).await;
        }
        app.advance(TimeDelta::milliseconds(1));
        end(&app, what).await;
        let before = state(&app).await;
        refused(&short, &first, what).await;
        assert_eq!(state(&app).await, before, "{what}: nothing is left of it");
        // The session goes on, and the client may ask again; what was ended stays ended, though the share is there again.
        app.advance(TimeDelta::milliseconds(1));
        let anew = short.exchange(&code_of(&app, &mut browser, &short).await).await;
        let before = state(&app).await;
        refused(&short, &second, what).await;
        refused(&short, &first, what).await;
        assert_eq!(state(&app).await, before, "{what}: nothing is left of it");
        let next = short.refresh(anew.refresh()).await;
        assert_eq!(short.userinfo(&next.access).await.status.as_u16(), 200, "{what}: the control");
    }
    app.stop().await;
}

/// Nothing of a code is written until it is redeemed: there is no share yet that could be ended.
async fn co_10_the_first_code_of_a_client_does_not_outlive_its_end_either(database: Database) {
    let app = start(database).await;
    let (short, own) = (register(&app, "short", &with_refresh_tokens()).await, app.relying_party(OWN_PAGE));
    for what in ["all it has", "disabled and enabled", "registered anew"] {
        let mut browser = app.browser();
        app.sign_in(&mut browser, &own, SCOPE).await;
        let code = code_of(&app, &mut browser, &short).await;
        app.advance(TimeDelta::milliseconds(1));
        end(&app, what).await;
        refused(&short, &code, what).await;
        app.advance(TimeDelta::milliseconds(1));
        short.exchange(&code_of(&app, &mut browser, &short).await).await;
    }
    app.stop().await;
}

async fn ad_11_a_token_without_a_family_stays_ended_when_its_share_begins_anew(database: Database) {
    let app = start(database).await;
    let short = register(&app, "short", &metadata(&["authorization_code"])).await;
    let mut browser = app.browser();
    let lives = async |token: &str| short.userinfo(token).await.status.as_u16() == 200;
    let mut old = app.sign_in(&mut browser, &short, "openid").await.access;
    for what in ["its share in the session", "all it has", "disabled and enabled"] {
        assert!(lives(&old).await, "{what}: the control");
        app.advance(TimeDelta::milliseconds(1));
        end(&app, what).await;
        assert!(!lives(&old).await, "{what}");
        app.advance(TimeDelta::milliseconds(1));
        let new = short.exchange(&short.code(&app.silently(&mut browser, &short, "openid", &[]).await)).await.access;
        assert_eq!((lives(&new).await, lives(&old).await), (true, false), "{what}: begun anew");
        old = new;
    }
    app.stop().await;
}

/// What a redemption gives and writes; and the rows are taken away again.
async fn redemption(app: &App, browser: &mut Browser, party: &RelyingParty) -> (Tokens, Redemption) {
    let given = party.exchange(&code_of(app, browser, party).await).await;
    let id: GrantId = party.claims(&given.access).await["gid"].as_str().unwrap().parse().unwrap();
    let rows = app.write(move |db| {
        let (code, family) = (redeemed_codes::find(db, id)?.unwrap(), refresh_families::find(db, id)?);
        for table in ["refresh_families", "redeemed_codes"] {
            diesel::RunQueryDsl::execute(diesel::sql_query(format!("DELETE FROM {table}")), db)?;
        }
        Ok(Redemption { code, family })
    });
    (given, rows.await)
}

/// A redemption looks at what there is before it writes, and an end may come in between.
async fn co_10_what_a_redemption_writes_after_an_end_is_of_before_it(database: Database) {
    let app = start(database).await;
    let body = json!({"name": "Short", "kind": "web", "redirect_uris": [URI], "scope": SCOPE, "first_party": true});
    let short = register(&app, "short", &body).await;
    let mut browser = app.browser();
    for what in ["nothing", "its share in the session", "all it has", "disabled and enabled"] {
        app.sign_in(&mut browser, &short, SCOPE).await;
        app.advance(TimeDelta::seconds(1));
        let (given, written) = redemption(&app, &mut browser, &short).await;
        app.advance(TimeDelta::milliseconds(2));
        if what != "nothing" {
            end(&app, what).await;
        }
        app.advance(TimeDelta::milliseconds(2));
        let now = app.now();
        let family = written.family.map(|family| RefreshFamily { created_at: now, rotated_at: now, last_used_at: now, ..family });
        let late = Redemption { code: RedeemedCode { redeemed_at: now, ..written.code }, family };
        assert!(app.store.redeem(late).await.unwrap(), "{what}");
        app.advance(TimeDelta::milliseconds(2));
        let lives = what == "nothing";
        assert_eq!(short.introspect(given.refresh()).await["active"], lives, "{what}");
        assert_eq!(short.introspect(&given.access).await["active"], lives, "{what}");
        assert_eq!(short.userinfo(&given.access).await.status.as_u16() == 200, lives, "{what}");
        if !lives {
            short.refused(given.refresh()).await;
        }
        // The control: what comes of a code of after it.
        let anew = short.exchange(&code_of(&app, &mut browser, &short).await).await;
        assert_eq!(short.introspect(anew.refresh()).await["active"], true, "{what}");
        let next = short.refresh(anew.refresh()).await;
        assert_eq!(short.userinfo(&next.access).await.status.as_u16(), 200, "{what}");
    }
    app.stop().await;
}
