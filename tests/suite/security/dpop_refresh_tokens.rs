//! Refresh tokens that are bound to a key (RFC 9449 §5): RT-15 of section K.

use chrono::TimeDelta;
use gatekey::domain::client::{ClientAuthentication, ClientKind};
use gatekey::domain::id::ClientId;
use gatekey::domain::secret::Digest;
use gatekey::store::{clients, refresh_families};

use super::dpop::{all_at_once, renew};
use crate::refresh::stored;
use crate::support::app::{App, OWN_PAGE, SECRET, SERVER};
use crate::support::attack::state;
use crate::support::database::{Database, each_database, each_database_on_threads};
use crate::support::dpop::{Holder, bound, no_proof};

each_database!(rt_15_a_bound_refresh_token_is_nothing_without_its_key, rt_15_the_key_stays_whatever_the_client_becomes);

mod threads {
    use super::{each_database_on_threads, rt_15_a_lost_answer_is_given_again};
    each_database_on_threads!(rt_15_a_lost_answer_is_given_again);
}

/// Keycloak #36475: never a bearer token in its place; and a thief without the key does not so much as end it.
async fn rt_15_a_bound_refresh_token_is_nothing_without_its_key(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let (party, there) = (app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE));
    for scope in ["openid", "openid offline_access"] {
        let first = holder.sign_in(&app, &party, scope).await;
        let second = bound(&holder.try_refresh(&app, &party, first.refresh()).await);
        let third = bound(&holder.try_refresh(&app, &party, second.refresh()).await);
        let before = (state(&app).await, families(&app).await);
        // The newest, the one before, and one whose use would end the family were it the owner's.
        for token in [third.refresh(), second.refresh(), first.refresh()] {
            for (app, party) in [(&app, &party), (&replica, &there)] {
                no_proof(&party.try_refresh(token).await, 400, "without a proof");
                let answer = thief.try_refresh(app, party, token).await;
                assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{}", answer.text());
                assert_eq!(answer.json()["error_description"], "Unknown or invalid refresh token.");
                // The owner's proof of another request, too.
                let elsewhere = holder.proof(app, "POST", &party.endpoint("oauth/revoke"), None);
                no_proof(&party.post_with("oauth/token", &[("dpop", &elsewhere)], &renew(token)).await, 400, "for another request");
            }
        }
        assert_eq!((state(&app).await, families(&app).await), before);
        // Past the overlap as well.
        app.advance(TimeDelta::seconds(31));
        no_proof(&party.try_refresh(second.refresh()).await, 400, "past the overlap");
        assert_eq!(thief.try_refresh(&app, &party, second.refresh()).await.error(), "invalid_grant");
        assert_eq!((state(&app).await, families(&app).await), before);
        // What the client is registered with unbinds nothing.
        let fourth = bound(&holder.try_refresh(&app, &party, third.refresh()).await);
        crate::dpop::change_client(&app, OWN_PAGE, |metadata| metadata.dpop_bound_access_tokens = true).await;
        no_proof(&party.try_refresh(fourth.refresh()).await, 400, "required");
        crate::dpop::change_client(&app, OWN_PAGE, |metadata| metadata.dpop_bound_access_tokens = false).await;
        no_proof(&party.try_refresh(fourth.refresh()).await, 400, "required no more, and bound all the same");
        let fifth = bound(&holder.try_refresh(&replica, &there, fourth.refresh()).await);
        assert_eq!(holder.userinfo(&app, &fifth.access).await.status.as_u16(), 200);
        // The owner's own old one ends it, as ever.
        let reused = holder.try_refresh(&app, &party, first.refresh()).await;
        assert_eq!(reused.error(), "invalid_grant");
        assert_eq!(holder.try_refresh(&app, &party, fifth.refresh()).await.error(), "invalid_grant");
    }
    replica.stop().await;
}

pub async fn families(app: &App) -> Vec<String> {
    let ids: Vec<_> = stored(app).await.into_iter().map(|family| family.id).collect();
    let mut told = Vec::new();
    for id in ids {
        told.push(format!("{:?}", app.store.read(move |db| refresh_families::find(db, id)).await.unwrap()));
    }
    told
}

/// auth0-spa-js sends the very same request up to three times when no answer comes: the same refresh token with the same proof gives the same
/// successor, however often and on whichever replica, also at the same moment.
async fn rt_15_a_lost_answer_is_given_again(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let (holder, parties) = (Holder::new(), [app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE)]);
    let mut held = holder.sign_in(&app, &parties[0], "openid offline_access").await;
    for round in 0..5 {
        let answers = all_at_once(&parties, &holder.for_token(&app), &renew(held.refresh())).await;
        let next = bound(&answers[0]);
        assert!(answers.iter().all(|answer| bound(answer).refresh == next.refresh), "round {round}");
        held = next;
    }
    let live = stored(&app).await;
    assert_eq!((live.len(), live[0].generation, live[0].ended), (1, 6, None));
    // One after the other, ten seconds apart.
    let proof = holder.for_token(&app);
    let mut given = vec![];
    for _ in 0..3 {
        given.push(bound(&parties[0].post_with("oauth/token", &[("dpop", &proof)], &renew(held.refresh())).await).refresh);
        app.advance(TimeDelta::seconds(10));
    }
    assert!(given.iter().all(|refresh| *refresh == given[0]), "{given:?}");
    // With the next one the old proof does not go on.
    no_proof(&parties[1].post_with("oauth/token", &[("dpop", &proof)], &renew(given[0].as_deref().unwrap())).await, 400, "used with its predecessor");
    let next = bound(&holder.try_refresh(&app, &parties[1], given[0].as_deref().unwrap()).await);
    // Nor does the whole request, once the overlap is over: whoever has seen it cannot end the family with it.
    for party in &parties {
        no_proof(&party.post_with("oauth/token", &[("dpop", &proof)], &renew(held.refresh())).await, 400, "past the overlap");
    }
    bound(&holder.try_refresh(&app, &parties[0], next.refresh()).await);
    replica.stop().await;
}

/// A page that becomes a server's client, and the other way round: what was bound stays so, and what was not is not.
async fn rt_15_the_key_stays_whatever_the_client_becomes(database: Database) {
    let app = App::start(database).await;
    let holder = Holder::new();
    let (page, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let (of_page, of_server) = (holder.sign_in(&app, &page, "openid").await, holder.sign_in(&app, &server, "openid").await);
    for (id, kind) in [(OWN_PAGE, ClientKind::Web), (SERVER, ClientKind::Spa)] {
        app.write(move |db| {
            let mut client = clients::find(db, &ClientId::parse(id).unwrap())?.unwrap();
            let secret = kind == ClientKind::Web;
            client.metadata.kind = kind;
            client.metadata.authentication = if secret { ClientAuthentication::ClientSecretBasic } else { ClientAuthentication::None };
            client.secret_digest = secret.then(|| Digest::of(SECRET.as_bytes()));
            clients::upsert(db, &client)
        })
        .await;
    }
    let (page, server) = (page.with_secret(SECRET), crate::support::relying_party::RelyingParty { secret: None, ..server });
    no_proof(&page.try_refresh(of_page.refresh()).await, 400, "bound while it was a page's");
    assert_eq!(Holder::new().try_refresh(&app, &page, of_page.refresh()).await.error(), "invalid_grant");
    assert_eq!(page.introspect(of_page.refresh()).await["cnf"]["jkt"], holder.thumbprint());
    bound(&holder.try_refresh(&app, &page, of_page.refresh()).await);
    // It proved itself by its secret then, and by nothing now: as any public client's token that no key was shown for.
    let next = server.refresh(of_server.refresh()).await;
    let last = bound(&holder.try_refresh(&app, &server, next.refresh()).await);
    no_proof(&server.try_refresh(last.refresh()).await, 400, "bound by its first proof as a public client");
}
