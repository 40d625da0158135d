//! Settings that change while the server runs.

use chrono::TimeDelta;
use gatekey::domain::duration::Lifetime;
use gatekey::settings::Settings;
use serde_json::json;

use super::*;
use crate::support::database::each_database;

each_database!(
    a_setting_is_changed_for_every_replica_and_given_back,
    what_the_file_names_is_the_files,
    a_setting_that_breaks_a_rule_is_refused,
    the_work_in_the_background_goes_by_it,
);

async fn put(app: &App, body: &Value, if_match: Option<&str>) -> Answer {
    let token = robot_token(app, AUDIENCE, &all_scopes()).await;
    let headers: Vec<(&str, &str)> = if_match.map(|tag| ("if-match", tag)).into_iter().collect();
    request(app, Method::PUT, "/settings", Some(&token), &headers, &body.to_string()).await
}

async fn read(app: &App) -> Value {
    let token = robot_token(app, AUDIENCE, &["settings:read".to_owned()]).await;
    get(app, "/settings", &token).await
}

async fn a_setting_is_changed_for_every_replica_and_given_back(database: Database) {
    let app = start(database).await;
    let replica = app.replica("replica").await;
    let default = json!({
        "events_retention": {"value": "P400D", "source": "default"},
        "sessions_keep_ended": {"value": "P90D", "source": "default"},
        "keys_rotate_every": {"value": "P90D", "source": "default"},
    });
    assert_eq!(read(&app).await, default);
    let changed = put(&app, &json!({"events_retention": "P730D", "keys_rotate_every": "unlimited"}), None).await;
    assert_eq!(changed.status.as_u16(), 200, "{}", changed.text());
    let mut expected = default.clone();
    expected["events_retention"] = json!({"value": "P730D", "source": "api"});
    expected["keys_rotate_every"] = json!({"value": "unlimited", "source": "api"});
    assert_eq!((changed.json(), read(&replica).await), (expected.clone(), expected));
    // Whoever read it before is told.
    let tag = changed.header("etag").unwrap().to_owned();
    let next = put(&replica, &json!({"events_retention": "P731D"}), Some(&tag)).await;
    assert_eq!((next.status.as_u16(), next.json()["keys_rotate_every"].clone()), (200, default["keys_rotate_every"].clone()));
    assert_problem(&put(&app, &json!({}), Some(&tag)).await, 412, "precondition-failed", "read before the change");
    // Null is as good as nothing.
    assert_eq!(put(&app, &json!({"events_retention": null}), None).await.json(), default);
    assert_eq!(put(&app, &json!({}), None).await.json(), default);
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let events = get(&app, "/events?kind=setting.changed", &token).await;
    // All at one instant of the clock: in no order.
    let mut told: Vec<String> = events["items"].as_array().unwrap().iter().map(|event| event["detail"].to_string()).collect();
    told.sort();
    let detail = |name: &str, before: &str, after: &str| json!({"setting": name, "before": before, "after": after}).to_string();
    let mut expected = [
        detail("events.retention", "P400D", "P730D"),
        detail("keys.rotate_every", "P90D", "unlimited"),
        detail("events.retention", "P730D", "P731D"),
        detail("keys.rotate_every", "unlimited", "P90D"),
        detail("events.retention", "P731D", "P400D"),
    ];
    expected.sort();
    assert_eq!(told, expected);
}

async fn what_the_file_names_is_the_files(database: Database) {
    let app = start(database).await;
    assert_eq!(put(&app, &json!({"sessions_keep_ended": "P10D"}), None).await.status.as_u16(), 200);
    let mut settings = app.settings.clone();
    // With the default's own value too.
    settings.named = Settings::from_toml("[sessions]\nkeep_ended = \"P90D\"").unwrap().named;
    settings.events.retention = Lifetime::seconds(10 * 86_400);
    let restarted = App::on(app.database.clone(), settings, app.clock.clone(), "restarted").await;
    let shown = read(&restarted).await;
    assert_eq!(shown["sessions_keep_ended"], json!({"value": "P90D", "source": "file"}), "what was set counts no more");
    assert_eq!(shown["events_retention"], json!({"value": "P10D", "source": "file"}));
    for name in ["sessions_keep_ended", "events_retention"] {
        assert_problem(&put(&restarted, &json!({name: "P20D"}), None).await, 409, "conflict", name);
    }
    assert_eq!(read(&restarted).await, shown);
    // The control: what the file does not name.
    assert_eq!(put(&restarted, &json!({"keys_rotate_every": "P30D"}), None).await.json()["keys_rotate_every"]["source"], "api");
}

async fn a_setting_that_breaks_a_rule_is_refused(database: Database) {
    let app = start(database).await;
    let before = read(&app).await;
    for (body, pointer) in [
        (json!({"events_retention": "PT1H"}), "/events_retention"),
        (json!({"keys_rotate_every": "P1D"}), "/keys_rotate_every"),
        (json!({"sessions_keep_ended": "90 days"}), "/sessions_keep_ended"),
        (json!({"keys_rotate_every": "never mind"}), "/keys_rotate_every"),
        (json!({"events_retention": ""}), "/events_retention"),
        // One that is good does not make up for one that is not.
        (json!({"sessions_keep_ended": "P1D", "events_retention": "PT1H"}), "/events_retention"),
        (json!({"events_retention": "P400D", "keys_rotate_every": "PT0S"}), "/keys_rotate_every"),
    ] {
        let refused = put(&app, &body, None).await;
        assert_problem(&refused, 422, "invalid", &body.to_string());
        let told = refused.json();
        assert_eq!((&told["errors"][0]["pointer"], told["errors"].as_array().unwrap().len()), (&json!(pointer), 1), "{told}");
        assert_eq!(told["errors"][0]["detail"], told["detail"]);
    }
    for body in [json!({"issuer": "https://evil.example.test/"}), json!({"events_retention": ["P400D"]}), json!([])] {
        assert_problem(&put(&app, &body, None).await, 400, "request-malformed", &body.to_string());
    }
    assert_eq!(read(&app).await, before);
}

async fn the_work_in_the_background_goes_by_it(database: Database) {
    let app = start(database).await;
    let count = async || {
        let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
        get(&app, "/events?kind=user.created&limit=200", &token).await["items"].as_array().unwrap().len()
    };
    assert!(count().await >= 2, "the users of the settings file");
    app.advance(TimeDelta::days(20));
    app.running.sweep().await.unwrap();
    assert!(count().await >= 2, "the control");
    assert_eq!(put(&app, &json!({"events_retention": "P10D", "keys_rotate_every": "P10D"}), None).await.status.as_u16(), 200);
    app.running.sweep().await.unwrap();
    assert_eq!(count().await, 0);
    // The key that signs has signed for longer than ten days: the next one is made at the next look.
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let announced = async |token: &str| get(&app, "/keys", token).await["items"].as_array().unwrap().iter().filter(|key| key["state"] == "announced").count();
    assert_eq!(announced(&token).await, 0, "not looked yet");
    app.advance(TimeDelta::minutes(2));
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    assert!(announced(&token).await >= 1);
}
