//! The parameters of queries.

use super::*;
use crate::support::database::each_database;
use crate::support::queries::every_operation_takes_what_it_names_and_no_more;

each_database!(every_operation_takes_the_parameters_it_names_once, nothing_is_taken_for_a_text_that_is_none);

async fn every_operation_takes_the_parameters_it_names_once(database: Database) {
    let app = start(database).await;
    let token = signed_in(&app, "alice").await;
    // It would end the session that the token comes from, were anything done.
    let named = every_operation_takes_what_it_names_and_no_more(&API, &app, &token).await;
    assert!(named >= 6, "{named}");
    assert_eq!(kind_of(&app, &token).await, "accepted");
}

async fn nothing_is_taken_for_a_text_that_is_none(database: Database) {
    let app = start(database).await;
    let token = signed_in(&app, "alice").await;
    let body = serde_json::json!({"current_password": crate::support::app::PASSWORD, "new_password": 100_000_000_000_000_u64});
    let answer = send_json(&app, Method::PUT, "/password", &token, &body).await;
    assert_problem(&answer, 400, "request-malformed", "a number");
    assert_eq!(answer.json()["errors"], serde_json::json!([{"pointer": "/new_password", "detail": "The member `/new_password` must be a text."}]));
    assert_eq!(kind_of(&app, &token).await, "accepted", "nothing was done");
}
