//! A body that does not fit its type: the answer names the member, whichever it is, at every operation that takes one.

use serde_json::json;

use super::*;
use crate::support::database::each_database;

/// A user who is not there: what is asked is refused before anybody looks.
const NOBODY: &str = "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d";

each_database!(a_member_that_is_missing_is_named, every_member_of_every_body_is_named, nothing_is_taken_for_a_text_that_is_none);

fn errors(answer: &Answer) -> Vec<(String, String)> {
    let problems = answer.json()["errors"].as_array().unwrap_or_else(|| panic!("{}", answer.text())).clone();
    problems.iter().map(|problem| (problem["pointer"].as_str().unwrap().to_owned(), problem["detail"].as_str().unwrap().to_owned())).collect()
}

async fn a_member_that_is_missing_is_named(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let create = async |body: Value| send_json(&app, Method::POST, "/clients", &token, &body).await;
    let answer = create(json!({"id": "site", "metadata": {"kind": "web", "redirect_uris": ["https://site.example.test/cb"]}})).await;
    assert_problem(&answer, 400, "request-malformed", "no name");
    assert_eq!(answer.json()["detail"], "The member `/metadata/name` is missing.");
    assert_eq!(errors(&answer), [("/metadata/name".to_owned(), "The member `/metadata/name` is missing.".to_owned())]);
    // All of them at once.
    let answer = create(json!({"metadata": {"knid": "web"}})).await;
    let pointers: Vec<String> = errors(&answer).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/id", "/metadata/name", "/metadata/kind", "/metadata/knid"]);
    let answer = send_json(&app, Method::POST, "/lifetime-rules/dry-run", &token, &json!({})).await;
    assert_eq!(errors(&answer)[0].0, "/changes");
    // What was sent is not repeated.
    let answer = create(json!({"id": ["hunter2"], "metadata": json!({"name": "Site", "kind": "spa"})})).await;
    assert!(errors(&answer)[0].1 == "The member `/id` must be a text." && !answer.text().contains("hunter2"), "{}", answer.text());
}

/// The framework would make `100000.0` of the user name `1E5`.
async fn nothing_is_taken_for_a_text_that_is_none(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    for value in ["1E5", "1", "true", "0.10", "18446744073709551616"] {
        let answer = request(&app, Method::POST, "/users", Some(&token), &[], &format!("{{\"username\": {value}}}")).await;
        assert_problem(&answer, 400, "request-malformed", value);
        assert_eq!(errors(&answer), [("/username".to_owned(), "The member `/username` must be a text.".to_owned())]);
    }
    for (body, pointer) in [
        (json!({"username": "anna", "profile": {"phone_number": 431_234}}), "/profile/phone_number"),
        (json!({"username": "anna", "groups": ["staff", 7]}), "/groups/1"),
    ] {
        assert_eq!(errors(&send_json(&app, Method::POST, "/users", &token, &body).await)[0].0, pointer);
    }
    let made = request(&app, Method::POST, "/users", Some(&token), &[], r#"{"username": "1E5"}"#).await;
    assert_eq!((made.status.as_u16(), made.json()["username"].as_str()), (201, Some("1e5")), "the control: {}", made.text());
}

/// Where the objects of a body are, by its schema, with the members each has and must have.
fn objects(schemas: &Value, schema: &Value, body: &Value, at: &str, found: &mut Vec<(String, Vec<String>, Vec<String>)>) {
    let name = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    let schema = name.map_or(schema, |name| &schemas[name.trim_start_matches("#/components/schemas/")]);
    match body {
        Value::Object(members) => {
            let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect();
            let properties = schema["properties"].as_object().unwrap();
            found.push((at.to_owned(), required, properties.keys().cloned().collect()));
            members.iter().for_each(|(name, member)| objects(schemas, &properties[name], member, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| objects(schemas, &schema["items"], item, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

async fn every_member_of_every_body_is_named(database: Database) {
    let app = start(database).await;
    let token = robot_token(&app, AUDIENCE, &all_scopes()).await;
    let document = document();
    let mut tried = 0;
    for operation in operations() {
        let Some(example) = &operation.body else { continue };
        let path = operation.path.replace("{id}", if operation.path.starts_with("/users") { NOBODY } else { "nobody" });
        let documented = document["paths"][&operation.path][operation.method.as_str().to_lowercase()]["requestBody"].clone();
        let schema = &documented["content"]["application/json"]["schema"];
        let refused = async |body: Value, pointer: &str, what: &str| {
            let answer = send_json(&app, operation.method.clone(), &path, &token, &body).await;
            assert_problem(&answer, 400, "request-malformed", &format!("{} {pointer} {what}", operation.id));
            assert_eq!(errors(&answer).into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>(), [pointer], "{} {what}", operation.id);
        };
        let mut found = Vec::new();
        objects(&document["components"]["schemas"], schema, example, "", &mut found);
        assert!(!found.is_empty(), "{}", operation.id);
        for (at, required, members) in found {
            for name in required {
                let mut body = example.clone();
                body.pointer_mut(&at).unwrap().as_object_mut().unwrap().remove(&name);
                refused(body, &format!("{at}/{name}"), "missing").await;
            }
            // What is a text is no number either.
            for (name, value) in example.pointer(&at).unwrap().as_object().unwrap().iter().filter(|(_, value)| value.is_string()) {
                let mut body = example.clone();
                body.pointer_mut(&at).unwrap()[name] = json!(1);
                refused(body, &format!("{at}/{name}"), &format!("a number for {value}")).await;
            }
            for (name, value) in members.iter().map(|name| (name.as_str(), json!([[]]))).chain([("unheard_of", json!("x"))]) {
                let mut body = example.clone();
                body.pointer_mut(&at).unwrap()[name] = value;
                let answer = send_json(&app, operation.method.clone(), &path, &token, &body).await;
                assert_problem(&answer, 400, "request-malformed", &format!("{} {at}/{name}", operation.id));
                let pointer = errors(&answer)[0].0.clone();
                assert!(pointer == format!("{at}/{name}") || pointer == format!("{at}/{name}/0"), "{} {at}/{name}: {}", operation.id, answer.text());
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}
