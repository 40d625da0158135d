//! The documents of the admin API and the account API: they are those checked in, and say what a reader needs.

use serde_json::Value;

use crate::{account_api, admin_api};

/// Each with the command that prints it, and the statuses that an operation with a body names beside those of every operation.
fn documents() -> [(&'static str, &'static str, String, &'static [&'static str]); 2] {
    [
        ("gatekey-admin.json", "openapi", admin_api::printed(), &["409", "412", "413", "415", "422"]),
        ("gatekey-account.json", "openapi --account", account_api::printed(), &["409", "413", "415", "422", "429"]),
    ]
}

#[test]
fn the_documents_are_those_checked_in() {
    for (name, command, printed, _) in documents() {
        let path = format!("{}/openapi/{name}", env!("CARGO_MANIFEST_DIR"));
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        let first = printed.lines().zip(checked_in.lines()).find(|(now, then)| now != then).map(|(now, then)| format!("now:  {now}\nthen: {then}"));
        assert!(
            printed == checked_in,
            "the API is not the one that openapi/{name} describes. If the change is meant:\n  cargo run -- {command} > openapi/{name}\n{}",
            first.unwrap_or_else(|| "one is longer than the other".to_owned())
        );
    }
}

#[test]
fn the_documents_say_what_a_reader_needs() {
    for (name, _, printed, with_a_body) in documents() {
        let document: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"), "{name}");
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(id.split_once('_').is_some_and(|(resource, verb)| !resource.is_empty() && !verb.is_empty()), "resource_verb: {id}");
                assert!(operation["summary"].is_string() && operation["description"].is_string(), "{method} {path}");
                let responses = operation["responses"].as_object().unwrap();
                let (status, success) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap_or_else(|| panic!("{id} succeeds"));
                assert!(status == "204" || success["content"].is_object(), "{id}");
                assert!(responses.values().all(|response| response["description"] != ""), "{id} says what its answers mean");
                let change = if operation["requestBody"].is_object() { with_a_body } else { &[] };
                for status in ["400", "401", "403", "404", "500", "503"].iter().chain(change) {
                    assert!(operation["responses"][status]["content"]["application/problem+json"].is_object(), "{id} {status}");
                }
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    assert!(parameter["description"].is_string(), "{id}: {parameter}");
                }
            }
        }
        for (schema, value) in document["components"]["schemas"].as_object().unwrap() {
            assert!(value["description"].is_string(), "{schema}");
            assert!(value["type"] != "object" || value["example"].is_object(), "{schema} has an example");
        }
    }
}
