//! The documents as a running issuer shows them: the JSON names that issuer, and the pages leave nothing out.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::app::{App, ISSUER};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;

each_database!(the_documents_name_the_running_issuer, the_pages_show_all_of_it);

/// What the program prints is of this issuer.
const PRINTED_ISSUER: &str = "http://localhost:8080";

const DOCUMENTS: [(&str, &[&str]); 3] =
    [("openapi/gatekey-admin", &[]), ("openapi/gatekey-account", &["--account"]), ("openapi/gatekey-protocol", &["--protocol"])];

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gatekey")).arg("openapi").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn get(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    app.network.get(&format!("{ISSUER}{path}"), headers).await
}

async fn the_documents_name_the_running_issuer(database: Database) {
    let app = App::start(database).await;
    for (path, arguments) in DOCUMENTS {
        let answer = get(&app, &format!("{path}.json"), &[("origin", "https://anybody.test")]).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")), "{path}");
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("set-cookie")), (Some("*"), None), "{path}");
        let again = get(&app, &format!("{path}.json"), &[("if-none-match", answer.header("etag").unwrap())]).await;
        assert_eq!(again.status.as_u16(), 304, "{path}");

        let printed = printed(arguments);
        assert!(printed.contains(PRINTED_ISSUER), "{path}");
        let expected: Value = serde_json::from_str(&printed.replace(PRINTED_ISSUER, ISSUER.trim_end_matches('/'))).unwrap();
        assert_eq!(answer.json(), expected, "{path}");
    }
    // The server that the document names is this one.
    let document = get(&app, "openapi/gatekey-protocol.json", &[]).await.json();
    let server = &document["servers"][0];
    let url = server["url"].as_str().unwrap().replace("{issuer}", server["variables"]["issuer"]["default"].as_str().unwrap());
    assert_eq!(app.network.get(&format!("{url}/healthz"), &[]).await.status.as_u16(), 200);
    let scheme = &document["components"]["securitySchemes"]["access_token"]["flows"]["authorizationCode"];
    let metadata = get(&app, ".well-known/openid-configuration", &[]).await.json();
    assert_eq!((&scheme["tokenUrl"], &scheme["authorizationUrl"]), (&metadata["token_endpoint"], &metadata["authorization_endpoint"]));
}

/// What stands between `before` and the next quote, wherever it does.
fn values<'a>(html: &'a str, before: &str) -> Vec<&'a str> {
    html.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

async fn the_pages_show_all_of_it(database: Database) {
    let app = App::start(database).await;
    let first = get(&app, "openapi", &[]).await;
    assert_eq!((first.status.as_u16(), first.location().unwrap().as_str()), (303, format!("{ISSUER}openapi/gatekey-protocol").as_str()));
    let slash = get(&app, "openapi/?a=b", &[]).await;
    assert_eq!((slash.status.as_u16(), slash.header("location")), (303, Some("/openapi?a=b")));
    assert!(get(&app, "", &[]).await.text().contains("href=\"/openapi\""), "the issuer's root leads here");
    for (path, arguments) in DOCUMENTS {
        let document: Value = serde_json::from_str(&printed(arguments)).unwrap();
        for (language, heading) in [("en", "Who may call"), ("de", "Wer es aufrufen darf")] {
            let answer = get(&app, path, &[("accept-language", language)]).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("style-src 'self'") && !policy.contains("script-src"), "{policy}");
            let html = answer.text();
            assert!(!html.contains("<script") && !html.contains(" style=") && html.contains(heading), "{path} {language}");

            // Every link within the page leads somewhere, and no two things have one name.
            let ids = values(html, " id=\"");
            let known: BTreeSet<&str> = ids.iter().copied().collect();
            assert_eq!(ids.len(), known.len(), "{path}");
            let lost: Vec<&str> = values(html, "href=\"#").into_iter().filter(|target| !known.contains(target)).collect();
            assert!(lost.is_empty(), "{path}: {lost:?}");

            for (address, methods) in document["paths"].as_object().unwrap() {
                assert!(html.contains(&format!("<code>{address}</code>")), "{path} {address}");
                for operation in methods.as_object().unwrap().values() {
                    let id = operation["operationId"].as_str().unwrap();
                    let shown = html.split(&format!("id=\"{id}\"")).nth(1).unwrap_or_else(|| panic!("{id} is not shown")).split("</article>").next().unwrap();
                    for scopes in operation["security"].as_array().into_iter().flatten().flat_map(|way| way.as_object().unwrap().values()) {
                        for scope in scopes.as_array().unwrap() {
                            assert!(shown.contains(&format!(">{}</span>", scope.as_str().unwrap())), "{id} {scope}");
                        }
                    }
                    for status in operation["responses"].as_object().unwrap().keys() {
                        assert!(shown.contains(&format!(">{status}</span>")), "{id} {status}");
                    }
                    for parameter in operation["parameters"].as_array().into_iter().flatten() {
                        assert!(shown.contains(&format!("<code>{}</code>", parameter["name"].as_str().unwrap())), "{id} {parameter}");
                    }
                }
            }
            for name in document["components"]["schemas"].as_object().unwrap().keys() {
                assert!(known.contains(format!("schema-{name}").as_str()), "{name}");
            }
        }
    }
}
