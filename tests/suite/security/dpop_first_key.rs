//! The first key that a public client shows, after its family began without one (RFC 9449 §5): RT-15 of section K. What a thief of an unbound
//! token gains by having a key, and what two keys at once make of it.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::session::EndReason;
use tokio::sync::Barrier;

use super::dpop::renew;
use super::dpop_refresh_tokens::families;
use crate::refresh::stored;
use crate::support::app::{App, OWN_PAGE, SERVER};
use crate::support::attack::state;
use crate::support::database::{Database, each_database, each_database_on_threads};
use crate::support::dpop::{Holder, bound, no_proof};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, Tokens, tokens_by};

each_database!(
    rt_15_a_lost_answer_of_the_first_proof_is_given_again,
    rt_15_a_token_of_before_its_key_ends_nothing_within_the_overlap,
    rt_15_a_thiefs_key_takes_no_reuse_away,
    rt_15_only_a_step_binds,
);

mod threads {
    use super::{each_database_on_threads, rt_15_of_two_keys_one_is_bound};
    each_database_on_threads!(rt_15_of_two_keys_one_is_bound);
}

/// Alice's tokens from before her application showed keys. Her families are listed in the order of their milliseconds.
async fn plain(app: &App, party: &RelyingParty) -> Tokens {
    app.advance(TimeDelta::seconds(1));
    app.sign_in(&mut app.browser(), party, "openid offline_access").await
}

fn other_key(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{}", answer.text());
    assert_eq!(answer.json()["error_description"], "Unknown or invalid refresh token.");
}

async fn end_of(app: &App) -> Option<EndReason> {
    stored(app).await[0].ended.map(|ended| ended.reason)
}

/// The whole request again, and the same token with a new proof of the same key: the same successor, on whichever replica.
async fn rt_15_a_lost_answer_of_the_first_proof_is_given_again(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let (holder, party, there) = (Holder::new(), app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE));
    let held = plain(&app, &party).await;
    let proof = holder.for_token(&app);
    let first = bound(&party.post_with("oauth/token", &[("dpop", &proof)], &renew(held.refresh())).await);
    for at in [&party, &there] {
        app.advance(TimeDelta::seconds(10));
        assert_eq!(bound(&at.post_with("oauth/token", &[("dpop", &proof)], &renew(held.refresh())).await).refresh, first.refresh);
        assert_eq!(bound(&holder.try_refresh(&app, at, held.refresh()).await).refresh, first.refresh);
    }
    // Once the overlap is over, the whole request ends nothing.
    app.advance(TimeDelta::seconds(11));
    no_proof(&party.post_with("oauth/token", &[("dpop", &proof)], &renew(held.refresh())).await, 400, "past the overlap");
    bound(&holder.try_refresh(&app, &there, first.refresh()).await);
    replica.stop().await;
}

/// A tab of the version before, or one with a key of its own, is a moment too late: it is refused, and the one that was quicker goes on.
async fn rt_15_a_token_of_before_its_key_ends_nothing_within_the_overlap(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let (holder, other, party, there) = (Holder::new(), Holder::new(), app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE));
    let held = plain(&app, &party).await;
    let next = bound(&holder.try_refresh(&app, &party, held.refresh()).await);
    let before = (state(&app).await, families(&app).await);
    for _ in 0..3 {
        for (app, party) in [(&app, &party), (&replica, &there)] {
            for token in [held.refresh(), next.refresh()] {
                no_proof(&party.try_refresh(token).await, 400, "without a proof");
                other_key(&other.try_refresh(app, party, token).await);
            }
        }
        app.advance(TimeDelta::seconds(9));
    }
    assert_eq!((state(&app).await, families(&app).await), before);
    // What is given out bound harms nobody, however old it is.
    let last = bound(&holder.try_refresh(&app, &there, next.refresh()).await);
    app.advance(TimeDelta::seconds(31));
    no_proof(&party.try_refresh(next.refresh()).await, 400, "an old one");
    other_key(&other.try_refresh(&app, &party, next.refresh()).await);
    bound(&holder.try_refresh(&app, &party, last.refresh()).await);
    assert_eq!(end_of(&app).await, None);
    replica.stop().await;
}

/// A thief of an unbound token has the family bound to a key of his own. Its owner's token, which was a bearer token, shows it as ever: with no
/// proof, and with one of the owner's own key.
async fn rt_15_a_thiefs_key_takes_no_reuse_away(database: Database) {
    let app = App::start(database).await;
    let (owner, thief, party) = (Holder::new(), Holder::new(), app.relying_party(OWN_PAGE));
    for with_proof in [false, true] {
        let renewed = async |token: &str| if with_proof { owner.try_refresh(&app, &party, token).await } else { party.try_refresh(token).await };
        for steps in [1, 2] {
            let held = plain(&app, &party).await;
            let mut stolen = bound(&thief.try_refresh(&app, &party, held.refresh()).await);
            let grant = stored(&app).await.len() - 1;
            for _ in 1..steps {
                stolen = bound(&thief.try_refresh(&app, &party, stolen.refresh()).await);
            }
            // One step back it is an overlap until that is over, two steps back it never is.
            if steps == 1 {
                assert_eq!(renewed(held.refresh()).await.status.as_u16(), 400);
                assert_eq!(stored(&app).await[grant].ended, None);
                app.advance(TimeDelta::seconds(31));
            }
            assert_eq!(thief.userinfo(&app, &stolen.access).await.status.as_u16(), 200);
            other_key(&renewed(held.refresh()).await);
            assert_eq!(stored(&app).await[grant].ended.map(|ended| ended.reason), Some(EndReason::ReuseDetected), "{with_proof} {steps}");
            other_key(&thief.try_refresh(&app, &party, stolen.refresh()).await);
            assert_eq!(thief.userinfo(&app, &stolen.access).await.error(), "invalid_token");
        }
    }
}

/// Neither what comes again, nor what is refused, nor a client with a secret.
async fn rt_15_only_a_step_binds(database: Database) {
    let app = App::start(database).await;
    let (holder, party, server) = (Holder::new(), app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let key = async || stored(&app).await.last().unwrap().bound_to.clone();
    // The successor was given to somebody without a key: who brings the predecessor does not take it from him.
    let held = plain(&app, &party).await;
    let next = party.refresh(held.refresh()).await;
    let again = tokens_by("DPoP", &holder.try_refresh(&app, &party, held.refresh()).await);
    assert_eq!((again.refresh(), key().await), (next.refresh(), None));
    let next = party.refresh(next.refresh()).await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", next.refresh()), ("scope", "openid jobs:read")];
    assert_eq!(holder.ask(&app, &party, &fields).await.error(), "invalid_scope");
    let elsewhere = holder.proof(&app, "POST", &party.endpoint("oauth/revoke"), None);
    no_proof(&party.post_with("oauth/token", &[("dpop", &elsewhere)], &renew(next.refresh())).await, 400, "for another request");
    assert_eq!(key().await, None);
    bound(&holder.try_refresh(&app, &party, next.refresh()).await);
    assert_eq!(key().await.map(|binding| binding.key.to_string()), Some(holder.thumbprint()));
    let of_server = plain(&app, &server).await;
    let of_server = bound(&holder.try_refresh(&app, &server, of_server.refresh()).await);
    assert_eq!(key().await, None);
    server.refresh(of_server.refresh()).await;
}

/// 64 tabs, half of them with another key, on two replicas at the same moment.
async fn rt_15_of_two_keys_one_is_bound(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let (holders, parties) = ([Holder::new(), Holder::new()], [app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE)]);
    for round in 0..5 {
        let held = plain(&app, &parties[0]).await;
        let barrier = Arc::new(Barrier::new(64));
        let mut callers = vec![];
        for i in 0..64 {
            let (who, proof) = (i % 2, holders[i % 2].for_token(&app));
            let (party, barrier, token) = (parties[i / 2 % 2].clone(), barrier.clone(), held.refresh().to_owned());
            callers.push(tokio::spawn(async move {
                barrier.wait().await;
                (who, party.post_with("oauth/token", &[("dpop", &proof)], &renew(&token)).await)
            }));
        }
        let mut answers = [vec![], vec![]];
        for caller in callers {
            let (who, answer) = caller.await.unwrap();
            answers[who].push(answer);
        }
        let family = stored(&app).await.pop().unwrap();
        let binding = family.bound_to.unwrap();
        assert_eq!((family.generation, family.ended, binding.since), (2, None, 2), "round {round}");
        let won = usize::from(binding.key.to_string() != holders[0].thumbprint());
        assert_eq!(binding.key.to_string(), holders[won].thumbprint());
        let next = bound(&answers[won][0]);
        assert!(answers[won].iter().all(|answer| bound(answer).refresh == next.refresh), "round {round}");
        answers[1 - won].iter().for_each(other_key);
        // The loser comes again, and the winner goes on.
        other_key(&holders[1 - won].try_refresh(&app, &parties[1], held.refresh()).await);
        bound(&holders[won].try_refresh(&app, &parties[1], next.refresh()).await);
    }
    replica.stop().await;
}
