//! D. Authorization codes, continued: many at once, in one process and in two (RFC 6749 §4.1.2, §10.5; P3). Real processes that are raced and
//! killed are in `tests/endurance`.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::codes::refused;
use crate::support::app::{App, OWN_PAGE, SERVER};
use crate::support::attack::{State, state};
use crate::support::database::{Database, each_database_on_threads};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, tokens};

each_database_on_threads!(co_02_one_of_many_redeems_a_code, co_03_one_of_many_on_two_replicas_redeems_a_code);

const CALLERS: usize = 64;
const ROUNDS: usize = 15;

/// The same code from 64 callers at the same moment, in turn by each of the parties.
async fn all_at_once(parties: &[RelyingParty], code: &str) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut callers = vec![];
    for i in 0..CALLERS {
        let (party, barrier, code) = (parties[i % parties.len()].clone(), barrier.clone(), code.to_owned());
        callers.push(tokio::spawn(async move {
            barrier.wait().await;
            party.try_exchange(&code).await
        }));
    }
    let mut answers = vec![];
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    answers
}

/// Exactly one gets tokens; the others were a second use, which ends what it got (CO-01). Another code of the same session is untouched.
async fn one_wins(app: &App, parties: &[RelyingParty]) {
    let party = &parties[0];
    let mut browser = app.browser();
    let bystander = app.sign_in(&mut browser, party, "openid").await;
    for round in 0..ROUNDS {
        let before = state(app).await;
        let code = party.code(&app.silently(&mut browser, party, "openid", &[]).await);
        let (won, lost): (Vec<_>, Vec<_>) = all_at_once(parties, &code).await.into_iter().partition(|answer| answer.status.is_success());
        assert_eq!(won.len(), 1, "round {round}");
        lost.iter().for_each(|answer| refused(answer, "lost"));
        let won = tokens(&won[0]);
        for party in parties {
            party.refused(won.refresh()).await;
            assert_eq!(party.userinfo(&won.access).await.status.as_u16(), 401);
        }
        let expected = State { codes: before.codes + 1, families: before.families + 1, generations: before.generations + 1, ..before };
        assert_eq!(state(app).await, expected, "round {round}");
    }
    // The controls.
    parties[parties.len() - 1].refresh(bystander.refresh()).await;
    party.exchange(&party.code(&app.silently(&mut browser, party, "openid", &[]).await)).await;
}

async fn co_02_one_of_many_redeems_a_code(database: Database) {
    let app = App::start(database).await;
    for client in [OWN_PAGE, SERVER] {
        one_wins(&app, &[app.relying_party(client)]).await;
    }
}

async fn co_03_one_of_many_on_two_replicas_redeems_a_code(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    one_wins(&app, &[app.relying_party(OWN_PAGE), replica.relying_party(OWN_PAGE)]).await;
    replica.stop().await;
}
