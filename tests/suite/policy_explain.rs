//! What `policy explain` says of a session is what the server does with it, for each client and on the issuer's own page.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::acr::Acr;
use gatekey::domain::client::Client;
use gatekey::domain::duration::Lifetime;
use gatekey::domain::group::{GroupName, Groups};
use gatekey::domain::id::ClientId;
use gatekey::domain::lifetime::{Limit, LimitOverrides};
use gatekey::domain::lifetime_rule::Selector;
use gatekey::domain::secret::Secret;
use gatekey::domain::session::EndReason;
use gatekey::domain::user::User;
use gatekey::protocol::session::Unusable;
use gatekey::service::admin::{Admin, AdminError, Installation};
use gatekey::store::tree::{self, Node};
use gatekey::store::{clients, users};

use crate::support::app::{App, OWN_PAGE, SERVER, password_hash};
use crate::support::database::{Database, each_database};
use crate::support::dice::Dice;
use crate::support::entropy::SeededEntropy;

each_database!(what_is_explained_of_a_session_is_what_the_server_does, a_session_that_is_gone_is_not_found);

const PARTIES: [&str; 2] = [OWN_PAGE, SERVER];

impl Dice {
    async fn change_a_rule(&self, admin: &Admin) {
        let selector = Selector {
            client: (self.below(2) == 0).then(|| ClientId::parse(PARTIES[self.below(2) as usize]).unwrap()),
            group: (self.below(3) == 0).then(|| GroupName::parse("staff").unwrap()),
            acr: (self.below(4) == 0).then_some(Acr::Password),
        };
        let mut limits = LimitOverrides::default();
        for limit in [Limit::SessionAbsolute, Limit::SessionIdle, Limit::ClientSessionAbsolute, Limit::ClientSessionIdle] {
            if self.below(2) == 0 {
                limits.set(limit, Some(Lifetime::seconds((4 + self.below(50)) * 3600)));
            }
        }
        admin.change_lifetime_rule(selector, move |rule| *rule = limits).await.unwrap();
    }
}

async fn what_is_explained_of_a_session_is_what_the_server_does(database: Database) {
    let app = App::start(database).await;
    let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SeededEntropy::new("admin who explains")));
    let dice = Dice::new("what happens to a session");
    let alice = app.user("alice").await.id;
    let parties = PARTIES.map(|id| app.relying_party(id));
    let mut known: Vec<Client> = Vec::new();
    for id in PARTIES {
        known.push(app.store.read(move |db| clients::find(db, &ClientId::parse(id).unwrap())).await.unwrap().unwrap());
    }
    // Consent, where it is asked for.
    for party in &parties {
        app.sign_in(&mut app.browser(), party, "openid").await;
    }
    app.advance(TimeDelta::minutes(1));
    let (mut good, mut bad) = (0, BTreeSet::new());
    for _ in 0..40 {
        if dice.below(2) == 0 {
            dice.change_a_rule(&admin).await;
        }
        let groups = Groups::of((dice.below(2) == 0).then(|| GroupName::parse("staff").unwrap()));
        let join = move |user: &mut User| {
            user.groups = groups;
            Ok(())
        };
        admin.update_user(alice, Box::new(join)).await.unwrap();
        let mut browser = app.browser();
        app.sign_in(&mut browser, &parties[dice.below(2) as usize], "openid").await;
        let session = admin.sessions(Some(alice), None, 1000).await.unwrap().last().unwrap().id;
        for _ in 0..3 {
            app.advance(TimeDelta::hours(dice.below(30)));
            let now = app.now();
            match dice.below(14) {
                0 => dice.change_a_rule(&admin).await,
                1 => drop(admin.end_session(session).await.unwrap()),
                2 | 3 => {
                    let node = Node::ClientSession(session, known[dice.below(2) as usize].id.clone());
                    app.write(move |db| tree::end(db, &node, EndReason::RevokedByUser, now)).await;
                }
                // As a sign-in would leave it that was under way meanwhile: nothing has ended what hangs on the user.
                4 => assert!(app.write(move |db| users::set_disabled(db, alice, Some(now), now)).await),
                5 => assert!(app.write(move |db| users::set_password(db, alice, &Secret::new(password_hash().to_owned()), now)).await),
                _ => {}
            }
            for (party, client) in parties.iter().zip(&known) {
                let told = admin.explain_session(&app.settings.lifetimes, session, Some(client)).await.unwrap();
                let response = app.silently(&mut browser.clone(), party, "openid", &[]).await;
                match told.verdict {
                    Ok(_) => good += usize::from(!party.code(&response).is_empty()),
                    Err(why) => {
                        assert_eq!(party.error(&response), "login_required", "{why:?}");
                        bad.insert(why.as_str());
                    }
                }
            }
            let told = admin.explain_session(&app.settings.lifetimes, session, None).await.unwrap();
            let page = browser.clone().visit(&parties[0].endpoint("account")).await.page();
            assert_eq!(told.verdict.is_err(), page.text().contains("type=\"password\""), "{:?}", told.verdict);
        }
        let now = app.now();
        app.write(move |db| users::set_disabled(db, alice, None, now)).await;
        app.advance(TimeDelta::minutes(1));
    }
    // Everything was seen that can be.
    assert!(good > 50, "{good}");
    for why in
        [Unusable::UserDisabled, Unusable::PasswordChanged, Unusable::ClientSessionExpiredAbsolute, Unusable::ClientSessionExpiredIdle, Unusable::ExpiredIdle]
    {
        assert!(bad.contains(why.as_str()), "{why:?} was not seen among {bad:?}");
    }
    assert!(bad.contains(EndReason::RevokedByAdmin.as_str()), "{bad:?}");
    admin.store.close().await;
}

async fn a_session_that_is_gone_is_not_found(database: Database) {
    let app = App::start(database).await;
    let admin = Installation::open_existing(&app.settings).await.unwrap().admin(app.clock.clone(), Arc::new(SeededEntropy::new("admin who explains")));
    let gone = "01900000-0000-7000-8000-000000000000".parse().unwrap();
    let refused = admin.explain_session(&app.settings.lifetimes, gone, None).await.unwrap_err();
    assert!(matches!(refused, AdminError::NotFound { what: "session", .. }), "{refused}");
    admin.store.close().await;
}
