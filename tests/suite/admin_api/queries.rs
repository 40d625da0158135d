//! The parameters of queries: no slip of the pen lists everything, or does something else.

use super::*;
use crate::support::database::each_database;
use crate::support::queries::every_operation_takes_what_it_names_and_no_more;

each_database!(every_operation_takes_the_parameters_it_names_once, a_parameter_with_a_letter_wrong_lists_nothing, every_list_goes_on_with_its_own_pages_only);

async fn every_operation_takes_the_parameters_it_names_once(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let named = every_operation_takes_what_it_names_and_no_more(&API, &app, &token).await;
    assert!(named > 45, "{named}");
}

async fn a_parameter_with_a_letter_wrong_lists_nothing(database: Database) {
    let app = start(database).await;
    a_session(&app, "alice").await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let answer = send(&app, Method::GET, "/sessions?clinet=notes", Some(&token)).await;
    assert_problem(&answer, 400, "request-malformed", "a letter is wrong");
    assert_eq!(answer.json()["detail"], "There is no parameter `clinet` here: those that there are, are `user`, `client`, `state`, `after`, `limit`, `sort`.");
    assert_eq!(get(&app, "/sessions?client=notes", &token).await["items"], serde_json::json!([]), "the control");
    // The head of it likewise, and whoever has no token is told of that first.
    assert_eq!(send(&app, Method::HEAD, "/sessions?clinet=notes", Some(&token)).await.status.as_u16(), 400);
    assert_problem(&send(&app, Method::GET, "/sessions?clinet=notes", None).await, 401, "token-missing", "no token");
}

/// Of every list of the document that goes on by `after`: what it answers as `next` is taken with the parameters of its page, whatever the limit, and
/// with no others.
async fn every_list_goes_on_with_its_own_pages_only(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let mut user = None;
    for name in ["an-1", "an-2", "an-3"] {
        user = Some(users::register(&app, name, None).await);
        let groups = serde_json::json!({"username": name, "groups": ["staff", "crew", "team"]});
        let path = format!("/users/{}", user.unwrap());
        assert_eq!(send_json(&app, Method::PUT, &path, &token, &groups).await.status.as_u16(), 200);
    }
    let user = user.unwrap();
    for client in [PAGE, OWN_PAGE, ROBOT] {
        consents::consent(&app, user, client).await;
    }
    let mut browser = app.browser();
    for client in [OWN_PAGE, PAGE] {
        app.sign_in(&mut browser, &app.relying_party(client), "openid").await;
    }
    let session = newest_session(&app, "alice").await;
    for _ in 0..2 {
        refresh_families::a_family(&app, "alice").await;
    }
    let alice = app.user("alice").await.id;
    let (consents, shares) = (format!("/users/{user}/consents"), format!("/sessions/{session}/clients"));
    let lists = [
        ("/users", vec!["", "sort=created_at_desc", "sort=username", "search=an", "search=an-", "group=staff", "state=active"]),
        ("/clients", vec!["", "sort=id", "sort=id_desc", "sort=created_at", "search=a", "state=active"]),
        ("/groups", vec!["", "sort=name_desc"]),
        ("/sessions", vec!["", "sort=created_at_desc", "state=live", "user={alice}"]),
        ("/refresh-families", vec!["", "sort=created_at_desc", "state=live", "user={alice}"]),
        (consents.as_str(), vec!["", "sort=client_id_desc"]),
        (shares.as_str(), vec![""]),
    ];
    // Events and the account API have no such places: theirs are ids.
    let document = document();
    let documented = document["paths"].as_object().unwrap().values().filter(|path| {
        let parameters = path["get"]["parameters"].as_array().into_iter().flatten();
        parameters.map(|parameter| &parameter["name"]).any(|name| name == "after") && path["get"]["parameters"].to_string().contains("asked for with the same")
            || path["get"]["operationId"] == "session_clients"
    });
    assert_eq!(documented.count(), lists.len());
    let mut places = Vec::new();
    for (list, queries) in &lists {
        for query in queries {
            let address = format!("{list}?{}", query.replace("{alice}", &alice.to_string()));
            let page = get(&app, &format!("{address}&limit=1"), &token).await;
            let next = page["next"].as_str().unwrap_or_else(|| panic!("{address} has one page: {page}")).to_owned();
            places.push((address, next));
        }
    }
    for (address, own) in &places {
        for limit in [1, 7] {
            get(&app, &format!("{address}&limit={limit}&after={own}"), &token).await;
        }
        for (_, other) in places.iter().filter(|(other, _)| other != address) {
            let answer = send(&app, Method::GET, &format!("{address}&after={other}"), Some(&token)).await;
            assert_problem(&answer, 400, "request-malformed", address);
            assert!(answer.json()["detail"].as_str().unwrap().starts_with("The parameter `after` is of another list: "), "{}", answer.text());
        }
    }
}
