//! The document of the admin API: it is the one checked in, and says what a reader needs.

use crate::admin_api::{document, printed};

#[test]
fn the_document_is_the_one_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/gatekey-admin.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    let first = printed().lines().zip(checked_in.lines()).find(|(now, then)| now != then).map(|(now, then)| format!("now:  {now}\nthen: {then}"));
    assert!(
        printed() == checked_in,
        "the admin API is not the one that openapi/gatekey-admin.json describes. If the change is meant:\n  cargo run -- openapi > openapi/gatekey-admin.json\n{}",
        first.unwrap_or_else(|| "one is longer than the other".to_owned())
    );
}

#[test]
fn the_document_says_what_a_reader_needs() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(id.split_once('_').is_some_and(|(resource, verb)| !resource.is_empty() && !verb.is_empty()), "resource_verb: {id}");
            assert!(operation["summary"].is_string() && operation["description"].is_string(), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            let (status, success) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap_or_else(|| panic!("{id} succeeds"));
            assert!(status == "204" || success["content"].is_object(), "{id}");
            assert!(responses.values().all(|response| response["description"] != ""), "{id} says what its answers mean");
            let change: &[&str] = if operation["requestBody"].is_object() { &["409", "412", "413", "415", "422"] } else { &[] };
            for status in ["400", "401", "403", "404", "500", "503"].iter().chain(change) {
                assert!(operation["responses"][status]["content"]["application/problem+json"].is_object(), "{id} {status}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{id}: {parameter}");
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        assert!(schema["type"] != "object" || schema["example"].is_object(), "{name} has an example");
    }
}
