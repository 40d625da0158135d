//! The last one who administers: not disabled, deleted or given another role over HTTP, also not by two at once. The command line may.

use gatekey::domain::secret::Secret;
use gatekey::store::users as table;
use serde_json::json;

use super::*;
use crate::support::app::password_hash;
use crate::support::database::each_database;

each_database!(the_last_administrator_stays, of_two_who_go_at_once_one_stays, the_command_line_is_the_way_back_in);

/// What would leave nobody, of a user of this id.
fn acts(id: &str) -> [(Method, String, Value); 5] {
    [
        (Method::POST, format!("/users/{id}/disable"), Value::Null),
        (Method::PUT, format!("/users/{id}/role"), json!({"role": null})),
        (Method::PUT, format!("/users/{id}/role"), json!({"role": "support"})),
        (Method::PUT, format!("/users/{id}/role"), json!({"role": "auditor"})),
        (Method::DELETE, format!("/users/{id}"), Value::Null),
    ]
}

async fn act(app: &App, token: &str, (method, path, body): &(Method, String, Value)) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    request(app, method.clone(), path, Some(token), &[], &body).await
}

/// One who can sign in.
async fn another(app: &App, username: &str) -> String {
    let id = users::register(app, username, Some(AdminRole::Administrator)).await;
    app.admin().await.set_password(id, Secret::new(password_hash().to_owned())).await.unwrap();
    id.to_string()
}

async fn the_last_administrator_stays(database: Database) {
    let app = start(database).await;
    let (bobby, _) = user_tokens(&app, "bobby").await;
    let robot = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let id = app.user("bobby").await.id.to_string();
    // Those who are no way back: another role, and an administrator who may not sign in.
    users::register(&app, "helper", Some(AdminRole::Support)).await;
    users::register(&app, "without-password", Some(AdminRole::Administrator)).await;
    let locked_out = another(&app, "locked-out").await;
    assert_eq!(send(&app, Method::POST, &format!("/users/{locked_out}/disable"), Some(&robot)).await.status.as_u16(), 200, "there are two");
    let before = get(&app, &format!("/users/{id}"), &robot).await;
    for (token, who) in [(&bobby, "by himself"), (&robot, "by a machine")] {
        for one in acts(&id) {
            let refused = act(&app, token, &one).await;
            assert_problem(&refused, 409, "conflict", &format!("{} {} {who}", one.0, one.1));
            assert!(refused.json()["detail"].as_str().unwrap().contains("give somebody else the role `administrator` first"), "{}", refused.text());
        }
    }
    assert_eq!(get(&app, &format!("/users/{id}"), &bobby).await, before, "and is signed in");
    // What takes nothing away is done: the same role, another name; and whoever is disabled already may go.
    let same = send_json(&app, Method::PUT, &format!("/users/{id}/role"), &bobby, &json!({"role": "administrator"})).await;
    assert_eq!(same.status.as_u16(), 200, "{}", same.text());
    let renamed = send_json(&app, Method::PUT, &format!("/users/{id}"), &bobby, &json!({"username": "bobby", "profile": {"name": "Robert"}})).await;
    assert_eq!(renamed.status.as_u16(), 200);
    assert_eq!(act(&app, &bobby, &acts(&locked_out)[1]).await.status.as_u16(), 200);
    assert_eq!(send(&app, Method::DELETE, &format!("/users/{locked_out}"), Some(&bobby)).await.status.as_u16(), 204);
    // With a second one, each of them: the control. Then that one is the last.
    for one in acts(&id) {
        app.advance(chrono::TimeDelta::seconds(1));
        let other = another(&app, "other").await;
        assert!(act(&app, &robot, &one).await.status.is_success(), "{} {}", one.0, one.1);
        assert_problem(&act(&app, &robot, &acts(&other)[0]).await, 409, "conflict", "the other is the last now");
        if one.0 == Method::DELETE {
            break;
        }
        let body = json!({"role": "administrator"});
        assert_eq!(send(&app, Method::POST, &format!("/users/{id}/enable"), Some(&robot)).await.status.as_u16(), 200);
        assert_eq!(send_json(&app, Method::PUT, &format!("/users/{id}/role"), &robot, &body).await.status.as_u16(), 200);
        assert_eq!(send(&app, Method::DELETE, &format!("/users/{other}"), Some(&robot)).await.status.as_u16(), 204);
    }
}

/// Two administrators who take themselves, or each other, away at the same moment at two replicas.
async fn of_two_who_go_at_once_one_stays(database: Database) {
    let app = start(database).await;
    let robot = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let second = app.replica("second").await;
    let one = app.user("bobby").await.id.to_string();
    let two = another(&app, "root").await;
    for round in 0..12 {
        let (first, other) = (&acts(&one)[round % 4], &acts(&two)[(round / 4) % 4]);
        let (left, right) = tokio::join!(act(&app, &robot, first), act(&second, &robot, other));
        let mut statuses = [left.status.as_u16(), right.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "round {round}: {} {}", left.text(), right.text());
        assert_eq!(app.write(table::count_admins).await, 1);
        for id in [&one, &two] {
            send(&app, Method::POST, &format!("/users/{id}/enable"), Some(&robot)).await;
            send_json(&app, Method::PUT, &format!("/users/{id}/role"), &robot, &json!({"role": "administrator"})).await;
        }
        assert_eq!(app.write(table::count_admins).await, 2);
    }
    second.stop().await;
}

async fn the_command_line_is_the_way_back_in(database: Database) {
    let app = start(database).await;
    let (admin, id) = (app.admin().await, app.user("bobby").await.id);
    admin.disable_user(id).await.unwrap();
    assert_eq!(admin.count_admins().await.unwrap(), 0);
    admin.enable_user(id).await.unwrap();
    let unrole = |user: &mut gatekey::domain::user::User| {
        user.role = None;
        Ok(())
    };
    admin.update_user(id, Box::new(unrole)).await.unwrap();
    assert_eq!(admin.count_admins().await.unwrap(), 0);
    users::register(&app, "root", Some(AdminRole::Administrator)).await;
    admin.delete_user(app.user("root").await.id).await.unwrap();
    assert_eq!(admin.count_admins().await.unwrap(), 0);
}
