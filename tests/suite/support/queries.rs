//! Queries as a document names their parameters: what each operation takes, and that it takes nothing else and nothing twice.

use poem::http::Method;
use serde_json::Value;

use super::api::Api;
use super::app::App;
use super::network::Answer;

/// A value that fits the parameter's type, though perhaps nothing that is there.
fn fitting(parameter: &Value) -> String {
    let schema = &parameter["schema"];
    let named = schema["enum"].as_array().or_else(|| schema["allOf"][0]["enum"].as_array()).and_then(|words| words.first()?.as_str());
    match (named, schema["type"].as_str(), schema["format"].as_str()) {
        (Some(word), ..) => word.to_owned(),
        (_, Some("integer"), _) => "1".to_owned(),
        (_, _, Some("uuid")) => "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d".to_owned(),
        (_, _, Some("date-time")) => "2026-01-01T00:00:00Z".to_owned(),
        _ => "x".to_owned(),
    }
}

/// What the check of a query says, if it is that which refused.
fn refused(answer: &Answer) -> Option<String> {
    if answer.status.as_u16() != 400 {
        return None;
    }
    let json = answer.json();
    let detail = json["detail"].as_str().unwrap();
    let of_the_query = detail.starts_with("There is no parameter ") || detail.ends_with(" is given more than once.");
    of_the_query.then(|| {
        assert_eq!((json["type"].as_str(), answer.header("content-type")), (Some("urn:gatekey:problem:request-malformed"), Some("application/problem+json")));
        detail.to_owned()
    })
}

/// Calls every operation of the document with each of its parameters, with each twice, and with one that it does not have. Whatever else is wrong with
/// the request: it names nothing that is there, so nothing is done. Answers how many parameters there are.
pub async fn every_operation_takes_what_it_names_and_no_more(api: &Api, app: &App, token: &str) -> usize {
    let mut named = 0;
    let operations = api.document().operations();
    assert!(operations.len() > 5, "the document was read");
    for (path, method, operation) in operations {
        let id = operation["operationId"].as_str().unwrap();
        let place = path.replace("{id}", "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d").replace("{user_id}", "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d");
        let place = place.replace("{client_id}", "nobodys").replace("{name}", "staff").replace("{kid}", "nobodys");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let ask = async |query: &str| refused(&api.request(app, method.clone(), &format!("{place}?{query}"), Some(token), &[], "").await);
        let parameters: Vec<(&str, String)> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| (parameter["name"].as_str().unwrap(), fitting(parameter)))
            .collect();
        let all = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        for unknown in ["clinet=x", "Limit=1", "LIMIT=1", "sort%20=x", "access_token=x", "x", "="] {
            for query in [unknown.to_owned(), format!("{all}&{unknown}")] {
                let detail = ask(&query).await.unwrap_or_else(|| panic!("{id}: {query} is taken"));
                assert!(parameters.iter().all(|(name, _)| detail.contains(&format!("`{name}`"))), "{id}: {detail}");
                assert_eq!(detail.contains("takes none"), parameters.is_empty(), "{id}: {detail}");
            }
        }
        assert!(ask("clinet=x").await.unwrap().contains("`clinet`"), "{id}");
        for (name, value) in &parameters {
            let once = format!("{name}={value}");
            assert_eq!(ask(&once).await, None, "{id}: the control");
            for twice in [format!("{once}&{once}"), format!("{once}&%{:02x}{}=", name.as_bytes()[0], &name[1..]), format!("{all}&{once}")] {
                assert_eq!(ask(&twice).await, Some(format!("The parameter `{name}` is given more than once.")), "{id}: {twice}");
            }
            named += 1;
        }
        // What deletes by its query alone is not sent without one here.
        for query in [all.as_str(), "&"] {
            if id != "lifetime_rule_delete" || query != "&" {
                assert_eq!(ask(query).await, None, "{id}: the control");
            }
        }
    }
    named
}
