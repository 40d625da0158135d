//! The document of the protocol's own endpoints: it is the one checked in, its examples are true, and the running server answers what it
//! says and nothing else.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use gatekey::domain::client::{ClientAuthentication, ClientKind};
use gatekey::domain::profile::{Address, Details, KeptDetails};
use gatekey::domain::scope::Scope;
use gatekey::domain::signing_key::SigningAlg;
use poem::Body;
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::app::{App, MACHINE, OWN_PAGE, SECRET, SERVER, client};
use crate::support::database::{Backend, Database, each_database};
use crate::support::dpop::Holder;
use crate::support::network::Answer;
use crate::support::openapi::{Document, Named};
use crate::support::relying_party::{RelyingParty, Tokens, tokens};

each_database!(the_server_answers_what_the_document_says);

/// Sends its secret in the form.
const POSTING: &str = "posting";
/// Is told who the user is in a signed answer.
const SIGNED: &str = "signed";

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gatekey")).arg("openapi").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_document_is_the_one_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/gatekey-protocol.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    let printed = printed(&["--protocol"]);
    let first = printed.lines().zip(checked_in.lines()).find(|(now, then)| now != then).map(|(now, then)| format!("now:  {now}\nthen: {then}"));
    assert!(
        printed == checked_in,
        "the protocol is not the one that openapi/gatekey-protocol.json describes. If the change is meant:\n  cargo run -- openapi --protocol > openapi/gatekey-protocol.json\n{}",
        first.unwrap_or_else(|| "one is longer than the other".to_owned())
    );
    assert_eq!(printed, gatekey::Issuer::protocol_document(), "the library gives the same");
}

#[test]
fn the_document_says_what_a_reader_needs() {
    let document = Document::of(&printed(&["--protocol"]));
    let json = document.json();
    assert_eq!((json["info"]["version"].as_str(), json["info"]["license"]["name"].as_str()), (Some(env!("CARGO_PKG_VERSION")), Some("MIT OR Apache-2.0")));
    let admin: Value = serde_json::from_str(&printed(&[])).unwrap();
    assert_eq!(json["openapi"], admin["openapi"], "one generator reads both");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in document.operations() {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
        assert!(ids.insert(id), "{id} is there twice");
        assert!(id.split_once('_').is_some_and(|(resource, verb)| !resource.is_empty() && !verb.is_empty()), "resource_verb: {id}");
        for told in ["summary", "description"] {
            assert!(operation[told].as_str().is_some_and(|text| !text.is_empty()), "{id} {told}");
        }
        assert!(operation["security"].is_array() && operation["tags"].is_array(), "{id}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{id}: {parameter}");
        }
    }
    assert!(ids.len() >= 10, "{ids:?}");
    for (name, schema) in json["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string() && schema["example"].is_object(), "{name}");
    }
}

/// RFC 9449: where a proof is read, and nowhere else. A client that has none leaves it out.
#[test]
fn proofs_are_named_where_they_are_read() {
    let document = Document::of(&printed(&["--protocol"]));
    let named = |operation: &Value| {
        let proofs: Vec<Value> = operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["name"] == "DPoP").cloned().collect();
        assert!(proofs.iter().all(|proof| proof["in"] == "header" && proof["required"] == false), "{proofs:?}");
        !proofs.is_empty()
    };
    let operations = document.operations();
    let with: BTreeSet<&str> =
        operations.iter().filter(|(.., operation)| named(operation)).map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(with, BTreeSet::from(["token_issue", "userinfo_show", "userinfo_show_by_form"]));
}

#[test]
fn the_examples_of_the_documents_fit_their_schemas() {
    for arguments in [&[][..], &["--account"], &["--protocol"]] {
        let (count, wrong) = Document::of(&printed(arguments)).examples();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(count >= 5, "{arguments:?}: {count} examples");
    }
}

/// The judge itself: what it lets pass is what the document names.
#[test]
fn a_wrong_answer_is_noticed() {
    let document = Document::of(&printed(&["--protocol"]));
    let token = document.json()["components"]["schemas"]["TokenResponse"]["example"].clone();
    let answer = |status: u16, headers: &[(&str, &str)], body: String| {
        let mut all = poem::http::HeaderMap::new();
        for (name, value) in [("x-request-id", "1")].iter().chain(headers) {
            all.insert(poem::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let url = url::Url::parse("https://id.example.test/oauth/token").unwrap();
        Answer { url, status: poem::http::StatusCode::from_u16(status).unwrap(), headers: all, body: body.into_bytes() }
    };
    const JSON: (&str, &str) = ("content-type", "application/json");
    let judge = |status, headers: &[(&str, &str)], body: String| document.judge(&Method::POST, "/oauth/token", &answer(status, headers, body));
    let changed = |name: &str, value: Value| {
        let mut token = token.clone();
        token[name] = value;
        token.to_string()
    };
    assert_eq!(judge(200, &[JSON], token.to_string()).unwrap(), Named { operation: "token_issue".to_owned(), status: 200 });
    let refusal = |code: &str| json!({ "error": code, "error_description": "no" }).to_string();
    assert!(judge(400, &[JSON], refusal("invalid_grant")).is_ok());
    for (what, judged) in [
        ("a status", judge(404, &[JSON], refusal("invalid_grant"))),
        ("a code", judge(400, &[JSON], refusal("access_denied"))),
        ("a member that no schema names", judge(200, &[JSON], changed("more", 1.into()))),
        ("a type", judge(200, &[JSON], changed("expires_in", "900".into()))),
        ("a value", judge(200, &[JSON], changed("token_type", "mac".into()))),
        ("a media type", judge(200, &[("content-type", "text/plain")], token.to_string())),
        ("no body", judge(200, &[], String::new())),
        ("no challenge", judge(401, &[JSON], refusal("invalid_client"))),
        ("a header", judge(200, &[JSON, ("retry-after", "1")], token.to_string())),
        ("no number", judge(503, &[("content-type", "text/plain"), ("retry-after", "soon")], "no".to_owned())),
        ("a path", document.judge(&Method::POST, "/oauth/tokens", &answer(200, &[JSON], token.to_string()))),
        ("a method", document.judge(&Method::PUT, "/oauth/token", &answer(200, &[JSON], token.to_string()))),
    ] {
        assert!(judged.is_err(), "{what}");
    }
}

/// The document, and what of it the server has been seen to answer.
struct Held {
    document: Document,
    seen: BTreeSet<Named>,
    codes: BTreeSet<(String, String)>,
    /// What userinfo said of tokens.
    challenges: BTreeSet<String>,
}

impl Held {
    async fn ask(&mut self, app: &App, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = app.network.send(method.clone(), &format!("{}{}", app.issuer, path.trim_start_matches('/')), headers, body).await;
        self.holds(&method, path, &answer);
        answer
    }

    fn holds(&mut self, method: &Method, path: &str, answer: &Answer) {
        let named = self.document.holds(method, path.split('?').next().unwrap(), answer);
        if let Some(code) = serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| body["error"].as_str().map(str::to_owned)) {
            self.codes.insert((named.operation.clone(), code));
        }
        if named.operation.starts_with("userinfo") {
            self.challenges.extend(answer.header("www-authenticate").map(str::to_owned));
        }
        self.seen.insert(named);
    }

    /// A form, by the client's own way of authenticating, and how it is answered.
    async fn post(&mut self, party: &RelyingParty, path: &str, fields: &[(&str, &str)], status: u16) -> Answer {
        let answer = party.post(path, fields).await;
        self.holds(&Method::POST, &format!("/{path}"), &answer);
        assert_eq!(answer.status.as_u16(), status, "{path} {fields:?} {}", answer.text());
        answer
    }

    async fn userinfo(&mut self, app: &App, token: &str, status: u16) {
        let bearer = format!("Bearer {token}");
        for method in [Method::GET, Method::POST] {
            let answer = self.ask(app, method, "/userinfo", &[("authorization", &bearer)], "").await;
            assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        }
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("access_token", token).finish();
        assert_eq!(self.ask(app, Method::POST, "/userinfo", &[FORM], &form).await.status.as_u16(), status);
    }
}

async fn start(database: Database) -> App {
    App::start_with(database, |settings| {
        settings.server.request_timeout = Duration::from_millis(50);
        settings.clients.push(client(POSTING, ClientKind::Machine, "https://posting.example.test", |c| {
            c.redirect_uris.clear();
            c.authentication = ClientAuthentication::ClientSecretPost;
            c.scope = Scope::parse("jobs:run").unwrap();
        }));
        settings.clients.push(client(SIGNED, ClientKind::Web, "https://signed.example.test", |c| {
            c.first_party = true;
            c.userinfo_signed_response_alg = Some(SigningAlg::Es256);
        }));
        for client in settings.clients.iter_mut().filter(|client| client.id.as_str() == SERVER) {
            client.metadata.scope = Scope::parse("openid profile email address phone offline_access online_access").unwrap();
        }
        let text = |value: &str| Some(value.to_owned());
        let details = Details {
            middle_name: text("Beth"),
            nickname: text("Ally"),
            profile: text("https://people.example.test/alice"),
            picture: text("https://people.example.test/alice.jpg"),
            website: text("https://alice.example.test/"),
            gender: text("female"),
            birthdate: text("1990-02-28"),
            zoneinfo: text("Europe/Vienna"),
            locale: text("de-AT"),
            phone_number: text("+4312345678"),
            phone_number_verified: Some(true),
            address: Some(Address {
                formatted: text("1 Example Street\n1010 Vienna"),
                street_address: text("1 Example Street"),
                locality: text("Vienna"),
                region: text("Vienna"),
                postal_code: text("1010"),
                country: text("Austria"),
            }),
        };
        for user in settings.users.iter_mut().filter(|user| user.username == "alice") {
            user.profile.given_name = text("Alice");
            user.profile.family_name = text("Example");
            user.profile.details = KeptDetails::of(&details.clone().checked().unwrap());
        }
    })
    .await
}

const EVERYTHING: &str = "openid profile email address phone";

async fn sign_in(held: &mut Held, app: &App, party: &RelyingParty, scope: &str) -> Tokens {
    let response = app.authorize_as(&mut app.browser(), &party.authorize(scope, &[]), "alice").await;
    let code = party.code(&response);
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &party.redirect_uri), ("code_verifier", &party.verifier)];
    tokens(&held.post(party, "oauth/token", &fields, 200).await)
}

/// Every operation with every status and every error that the document names, on a real server; but 500, which is a mistake of ours that no request
/// can bring about.
async fn the_server_answers_what_the_document_says(database: Database) {
    let app = start(database).await;
    let mut held = Held { document: Document::of(&printed(&["--protocol"])), seen: BTreeSet::new(), codes: BTreeSet::new(), challenges: BTreeSet::new() };
    let (page, server, machine) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER), app.relying_party(MACHINE));

    tokens_are_got(&mut held, &app, &page, &server, &machine).await;
    token_requests_are_refused(&mut held, &page, &machine).await;
    users_are_told_of(&mut held, &app, &server, &machine).await;
    tokens_are_bound_to_a_key(&mut held, &app, &server, &machine).await;
    tokens_are_looked_into_and_given_back(&mut held, &app, &page, &server, &machine).await;
    what_is_public_is_shown(&mut held, &app).await;
    what_is_no_request_is_refused(&mut held, &app).await;
    without_a_database(&mut held, &app, &server).await;

    let only_reads =
        |named: &Named| reads_go_on(&app) && named.status == 503 && (named.operation == "token_introspect" || named.operation.starts_with("userinfo"));
    let expected = held.document.named().into_iter().filter(|named| named.status != 500 && !only_reads(named));
    let missing: Vec<Named> = expected.filter(|named| !held.seen.contains(named)).collect();
    assert!(missing.is_empty(), "the document names what the server was not seen to answer: {missing:?}\nseen: {:?}", held.seen);
    let codes = held.document.operations().into_iter().flat_map(|(_, _, operation)| {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let named = operation["responses"].as_object().unwrap().values().flat_map(|response| response["content"]["application/json"]["examples"].as_object());
        named.flat_map(|examples| examples.keys()).map(move |code| (id.clone(), code.clone())).collect::<Vec<_>>()
    });
    let unheard: Vec<_> = codes.filter(|code| !held.codes.contains(code)).collect();
    assert!(unheard.is_empty(), "the document names errors that the server was not seen to answer: {unheard:?}");
    let challenges = held.document.json()["components"]["headers"]["WWW-Authenticate_Token"]["examples"].as_object().unwrap();
    let unseen: Vec<_> = challenges.values().map(|example| example["value"].as_str().unwrap()).filter(|text| !held.challenges.contains(*text)).collect();
    assert!(challenges.len() == 3 && unseen.is_empty(), "the document names challenges that the server was not seen to answer: {unseen:?}");
}

async fn tokens_are_got(held: &mut Held, app: &App, page: &RelyingParty, server: &RelyingParty, machine: &RelyingParty) {
    let first = sign_in(held, app, page, EVERYTHING).await;
    held.post(page, "oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", first.refresh())], 200).await;
    let lasting = sign_in(held, app, server, "openid online_access").await;
    held.post(server, "oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", lasting.refresh()), ("scope", "openid")], 200).await;
    held.post(machine, "oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:run")], 200).await;
    let mut posting = app.relying_party(POSTING);
    posting.secret = None;
    held.post(&posting, "oauth/token", &[("grant_type", "client_credentials"), ("client_secret", SECRET)], 200).await;
    held.post(&posting, "oauth/token", &[("grant_type", "client_credentials"), ("client_secret", "wrong")], 401).await;
    let object = json!({ "grant_type": "client_credentials", "client_id": POSTING, "client_secret": SECRET }).to_string();
    assert_eq!(held.ask(app, Method::POST, "/oauth/token", &[("content-type", "application/json")], &object).await.status.as_u16(), 200);
}

async fn token_requests_are_refused(held: &mut Held, page: &RelyingParty, machine: &RelyingParty) {
    for (party, fields, error) in [
        (page, vec![], "invalid_request"),
        (page, vec![("grant_type", "refresh_token"), ("grant_type", "refresh_token")], "invalid_request"),
        (page, vec![("grant_type", "authorization_code"), ("code", "none")], "invalid_grant"),
        (page, vec![("grant_type", "refresh_token"), ("refresh_token", "none")], "invalid_grant"),
        (page, vec![("grant_type", "client_credentials")], "unauthorized_client"),
        (page, vec![("grant_type", "password")], "unsupported_grant_type"),
        (machine, vec![("grant_type", "client_credentials"), ("scope", "jobs:end")], "invalid_scope"),
        (machine, vec![("grant_type", "client_credentials"), ("resource", "https://other.example.test/")], "invalid_target"),
    ] {
        assert_eq!(held.post(party, "oauth/token", &fields, 400).await.error(), error);
    }
    let nobody = page.clone().with_secret("wrong");
    for path in ["oauth/token", "oauth/revoke", "oauth/introspect"] {
        assert_eq!(held.post(&nobody, path, &[("grant_type", "client_credentials"), ("token", "none")], 401).await.error(), "invalid_client");
    }
}

async fn users_are_told_of(held: &mut Held, app: &App, server: &RelyingParty, machine: &RelyingParty) {
    let everything = sign_in(held, app, server, EVERYTHING).await;
    held.userinfo(app, &everything.access, 200).await;
    let told = server.userinfo(&everything.access).await.json();
    let known = held.document.json()["components"]["schemas"]["UserInfo"]["properties"].as_object().unwrap();
    let untold: Vec<&String> = known.keys().filter(|claim| told.get(*claim).is_none()).collect();
    assert!(untold.is_empty(), "claims that were not told: {untold:?}");
    let signed = sign_in(held, app, &app.relying_party(SIGNED), "openid email").await;
    held.userinfo(app, &signed.access, 200).await;

    let bearer = format!("Bearer {}", everything.access);
    let twice = [("authorization", bearer.as_str())];
    held.ask(app, Method::GET, "/userinfo?access_token=x", &twice, "").await;
    held.ask(app, Method::POST, "/userinfo", &[twice[0], FORM], "access_token=x").await;
    held.ask(app, Method::POST, "/userinfo", &[FORM], "access_token=x&access_token=x").await;
    for method in [Method::GET, Method::POST] {
        let answer = held.ask(app, method, "/userinfo", &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (401, ""), "RFC 6750 §3.1");
    }
    held.userinfo(app, "none", 401).await;
    let own = tokens(&held.post(machine, "oauth/token", &[("grant_type", "client_credentials")], 200).await);
    held.userinfo(app, &own.access, 403).await;
}

async fn tokens_are_bound_to_a_key(held: &mut Held, app: &App, server: &RelyingParty, machine: &RelyingParty) {
    let holder = Holder::new();
    for (proof, scheme) in [(holder.for_token(app), "DPoP"), ("x".to_owned(), "")] {
        let answer = machine.post_with("oauth/token", &[("dpop", &proof)], &[("grant_type", "client_credentials")]).await;
        held.holds(&Method::POST, "/oauth/token", &answer);
        assert_eq!(answer.json()["token_type"].as_str().unwrap_or_default(), scheme);
    }
    let tokens = holder.sign_in(app, server, "openid").await;
    assert_eq!(held.post(server, "oauth/introspect", &[("token", &tokens.access)], 200).await.json()["token_type"], "DPoP");
    for method in [Method::GET, Method::POST] {
        let proof = holder.proof(app, method.as_str(), &server.endpoint("userinfo"), Some(&tokens.access));
        let authorization = format!("DPoP {}", tokens.access);
        for (proof, status) in [(proof.as_str(), 200), (&proof, 401), ("x", 401)] {
            let answer = held.ask(app, method.clone(), "/userinfo", &[("authorization", &authorization), ("dpop", proof)], "").await;
            assert_eq!(answer.status.as_u16(), status);
        }
    }
}

async fn tokens_are_looked_into_and_given_back(held: &mut Held, app: &App, page: &RelyingParty, server: &RelyingParty, machine: &RelyingParty) {
    let (mine, theirs) = (sign_in(held, app, server, EVERYTHING).await, sign_in(held, app, page, EVERYTHING).await);
    for (token, active) in [(mine.access.as_str(), true), (mine.refresh(), true), (&theirs.access, false), (theirs.refresh(), false), ("none", false)] {
        assert_eq!(held.post(server, "oauth/introspect", &[("token", token)], 200).await.json()["active"], active);
    }
    let own = tokens(&held.post(machine, "oauth/token", &[("grant_type", "client_credentials")], 200).await);
    assert_eq!(held.post(machine, "oauth/introspect", &[("token", &own.access)], 200).await.json()["active"], true);
    assert_eq!(held.post(server, "oauth/introspect", &[], 400).await.error(), "invalid_request");
    assert_eq!(held.post(page, "oauth/introspect", &[("token", &theirs.access)], 401).await.error(), "invalid_client");

    for token in [theirs.refresh(), "none"] {
        held.post(page, "oauth/revoke", &[("token", token), ("token_type_hint", "refresh_token")], 200).await;
    }
    assert_eq!(held.post(page, "oauth/revoke", &[], 400).await.error(), "invalid_request");
    assert_eq!(held.post(machine, "oauth/revoke", &[("token", &own.access)], 400).await.error(), "unsupported_token_type");
    held.userinfo(app, &theirs.access, 401).await;
}

async fn what_is_public_is_shown(held: &mut Held, app: &App) {
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"] {
        let shown = held.ask(app, Method::GET, path, &[], "").await;
        let etag = shown.header("etag").unwrap().to_owned();
        let again = held.ask(app, Method::GET, path, &[("if-none-match", &etag)], "").await;
        assert_eq!((shown.status.as_u16(), again.status.as_u16()), (200, 304), "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(held.ask(app, Method::GET, path, &[], "").await.status.as_u16(), 200);
    }
}

/// Refused before it is read, at every address; and methods that an address does not have.
async fn what_is_no_request_is_refused(held: &mut Held, app: &App) {
    let operations: Vec<(String, Method)> =
        held.document.operations().iter().map(|(path, method, _)| ((*path).to_owned(), Method::from_bytes(method.as_bytes()).unwrap())).collect();
    for (path, method) in &operations {
        for (header, status) in [(("host", "another.example.test"), 400), (("content-length", "1000000"), 413), (("content-encoding", "gzip"), 415)] {
            assert_eq!(held.ask(app, method.clone(), path, &[FORM, header], "").await.status.as_u16(), status, "{path}");
        }
        if *method == Method::POST {
            let long = "x".repeat(65 * 1024);
            assert_eq!(held.ask(app, Method::POST, path, &[FORM], &long).await.status.as_u16(), 413);
            // It never comes, as long as the other end is held.
            let (_sender, body) = tokio::net::UnixStream::pair().unwrap();
            let body = Body::from_async_read(body);
            let slow = app.network.send_body(Method::POST, &format!("{}{}", app.issuer, path.trim_start_matches('/')), &[FORM], body).await;
            held.holds(&Method::POST, path, &slow);
            assert_eq!(slow.status.as_u16(), 408);
        }
        for other in [Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = held.ask(app, other, path, &[], "").await;
            assert_eq!((answer.status.as_u16(), answer.header("allow").unwrap().contains(method.as_str())), (405, true), "{path}");
        }
    }
}

/// A SQLite file is read by whoever asks, so an issuer whose database is closed under it still reads.
fn reads_go_on(app: &App) -> bool {
    app.database.backend() == Backend::Sqlite
}

/// Nothing can be decided: nobody is told that a token is bad.
async fn without_a_database(held: &mut Held, app: &App, server: &RelyingParty) {
    let tokens = sign_in(held, app, server, EVERYTHING).await;
    let other = app.replica("second").await;
    other.running.close().await;
    let party = other.relying_party(SERVER);
    held.post(&party, "oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())], 503).await;
    held.post(&party, "oauth/revoke", &[("token", tokens.refresh())], 503).await;
    let read = if reads_go_on(app) { 200 } else { 503 };
    held.post(&party, "oauth/introspect", &[("token", &tokens.access)], read).await;
    held.userinfo(&other, &tokens.access, read).await;
    let ready = held.ask(&other, Method::GET, "/readyz", &[], "").await;
    assert!(reads_go_on(app) || ready.json()["status"] == "database unavailable", "{}", ready.text());
    what_is_public_is_shown_all_the_same(held, &other).await;
    other.running.drain();
    assert_eq!(held.ask(&other, Method::GET, "/readyz", &[], "").await.json()["status"], "draining");
}

async fn what_is_public_is_shown_all_the_same(held: &mut Held, app: &App) {
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/healthz"] {
        assert_eq!(held.ask(app, Method::GET, path, &[], "").await.status.as_u16(), 200, "{path}");
    }
}
