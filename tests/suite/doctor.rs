//! `gatekey doctor`, run as the program it is: against nothing, against a server, against servers and proxies that are wrong.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use gatekey::protocol::diagnosis::Code;
use serde_json::Value;

use crate::support::app::{OWN_PAGE, SERVER};
use crate::support::database::{Backend, Database};
use crate::support::receiver::{Answers, Receiver, ca_file};
use crate::support::served::Served;

/// What runs sees none of the tests' own variables, which look like settings.
fn doctor(folder: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatekey"));
    command.arg("doctor").args(arguments).current_dir(folder).env_remove("RUST_LOG").stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

/// The exit code is 1 exactly when there is a problem.
fn report(folder: &std::path::Path, arguments: &[&str]) -> Value {
    let output = doctor(folder, &[&["--json"], arguments].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let problems = report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "problem").count();
    assert_eq!((report["problems"].as_u64(), output.status.code()), (Some(problems as u64), Some(i32::from(problems > 0))), "{report}");
    report
}

fn codes(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

fn has(report: &Value, code: &str) -> bool {
    codes(report).contains(&code)
}

fn text<'a>(report: &'a Value, code: &str) -> &'a str {
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == code);
    finding.unwrap_or_else(|| panic!("{code}: {report}"))["text"].as_str().unwrap()
}

fn folder(settings: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gatekey.toml"), settings).unwrap();
    folder
}

/// Answers every request with these bytes, until the test ends.
fn answering(answer: &str) -> u16 {
    let (listener, answer) = (TcpListener::bind("127.0.0.1:0").unwrap(), answer.to_owned());
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 2048];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn a_server_and_its_clients(backend: Backend) {
    let served = Served::start(Database::create(backend), "", "");
    let well = report(served.folder.path(), &["--client", OWN_PAGE]);
    assert_eq!(codes(&well)[..5], ["database-ready", "signing-keys-ready", "issuer-local", "discovery-answers", "clock-agrees"]);
    assert_eq!((well["problems"].as_u64(), well["client"].as_str()), (Some(0), Some(OWN_PAGE)));
    for expected in ["client-enabled", "cross-site", "frame-limited", "refresh-works", "window-works", "auth0-algorithm", "auth0-bare-origin"] {
        assert!(has(&well, expected), "{expected}: {well}");
    }
    assert!(!has(&well, "web-origin-missing") && !has(&well, "consent-first"), "{well}");
    let output = doctor(served.folder.path(), &["--client", SERVER]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("Client ") && said.contains("\n           -> ") && said.contains("\n0 problems, "), "{said}");

    let unknown = report(served.folder.path(), &["--client", "nobody"]);
    assert!(has(&unknown, "client-unknown") && has(&unknown, "discovery-answers"), "{unknown}");
    // It looked and changed nothing: what it says is the same again.
    assert_eq!(report(served.folder.path(), &["--client", OWN_PAGE]), well);

    // Whoever has mended the file, and has not started the server since, is told that, and not to mend it again.
    let file = served.path("gatekey.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let own = "redirect_uris = [\"https://own.example.test/callback\"";
    let after = before.replace(own, &format!("id_token_signed_response_alg = \"RS256\"\n{own}, \"https://own.example.test\""));
    std::fs::write(&file, after).unwrap();
    let said = report(served.folder.path(), &["--client", OWN_PAGE]);
    assert!(has(&said, "client-outdated") && has(&said, "auth0-ready") && !has(&said, "auth0-bare-origin"), "{said}");
    let served = served.crash_and_restart();
    let said = report(served.folder.path(), &["--client", OWN_PAGE]);
    assert!(!has(&said, "client-outdated") && has(&said, "auth0-ready"), "{said}");

    // A database that cannot say whether there is such a client has not said that there is none.
    let (folder, database) = (served.folder.clone(), served.database.clone());
    drop(served);
    run(&database, "ALTER TABLE clients RENAME TO clients_of_another_program");
    let said = report(folder.path(), &["--client", OWN_PAGE]);
    assert!(has(&said, "database-unusable") && has(&said, "client-enabled") && !has(&said, "client-unknown"), "{said}");
    assert!(text(&report(folder.path(), &["--client", "nobody"]), "client-unknown").contains("cannot be asked"));
}

fn run(database: &Database, statement: &str) {
    match database.backend() {
        Backend::Sqlite => SqliteConnection::establish(database.url().trim_start_matches("sqlite://")).unwrap().batch_execute(statement).unwrap(),
        Backend::Postgres => PgConnection::establish(database.url()).unwrap().batch_execute(statement).unwrap(),
    }
}

#[test]
fn a_server_that_runs_and_its_clients_on_sqlite() {
    a_server_and_its_clients(Backend::Sqlite);
}

#[test]
fn a_server_that_runs_and_its_clients_on_postgres() {
    a_server_and_its_clients(Backend::Postgres);
}

/// Nothing runs and nothing is there: that is said once each, nothing is made, and what needs neither is told all the same.
#[test]
fn without_server_and_database_the_rest_is_told() {
    let page =
        "[[clients]]\nid = \"notes\"\nkind = \"spa\"\nredirect_uris = [\"https://notes.example.org/cb\"]\nweb_origins = []\n[cookies]\nsame_site = \"lax\"\n";
    let folder = folder(&format!("issuer = \"http://localhost:1/\"\nlisten = \"127.0.0.1:1\"\n{page}"));
    let found = report(folder.path(), &["--client", "notes"]);
    assert_eq!(codes(&found)[..3], ["database-missing", "issuer-local", "server-unreachable"]);
    for expected in ["cross-site", "web-origin-missing", "frame-without-cookie", "consent-first", "auth0-algorithm", "auth0-bare-origin"] {
        assert!(has(&found, expected), "{expected}: {found}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
    let output = doctor(folder.path(), &[]);
    let (said, line) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("  problem  server-unreachable: nothing answers at http://localhost:1/.well-known/openid-configuration"), "{said}");
    assert_eq!(line, "gatekey: 2 problems found: see what each says to change\n");
    assert!(has(&report(folder.path(), &["--client", "mail"]), "client-unknown"));
}

#[test]
fn a_setting_without_effect_is_a_note() {
    let settings = "issuer = \"http://localhost:1/\"\nlisten = \"127.0.0.1:1\"\n";
    assert!(!has(&report(folder(settings).path(), &[]), "device-bound-without-tls"));
    let bound = folder(&format!("{settings}[sessions]\ndevice_bound = \"where_supported\"\n"));
    assert!(has(&report(bound.path(), &[]), "device-bound-without-tls"));
}

#[test]
fn settings_that_do_not_fit_are_a_finding() {
    let folder = folder("issuer = \"http://id.example.com/\"\n");
    let found = report(folder.path(), &[]);
    assert_eq!(codes(&found), ["settings-refused"]);
    assert!(text(&found, "settings-refused").contains("http://id.example.com/"), "{found}");
}

/// Proxies that are set up wrong, other issuers, other programs; and a clock that is.
#[test]
fn what_answers_in_the_place_of_the_server_is_told_apart() {
    let document = |issuer: &str| format!("{{\"issuer\":\"{issuer}\"}}");
    let old = "Date: Sat, 01 Jan 2022 00:00:00 GMT\r\n";
    for (answer, path, expected) in [
        (http("200 OK", "", &document("https://id.example.com/")), "", &["issuer-mismatch"][..]),
        (http("200 OK", old, &document("http://localhost/")), "", &["issuer-mismatch", "clock-wrong"]),
        (http("200 OK", "", &document("http://localhost/\\u001b[31m\\u009b31m\\u202e")), "", &["issuer-mismatch"]),
        (http("301 Moved Permanently", "Location: https://id.example.com/\r\n", ""), "", &["discovery-redirected"]),
        (http("404 Not Found", "", "no"), "auth/", &["discovery-not-found"]),
        (http("502 Bad Gateway", "", ""), "", &["proxy-without-server"]),
        (http("200 OK", "", "<!doctype html>"), "", &["discovery-foreign"]),
        (http("200 OK", "", &"{".repeat(100_000)), "", &["discovery-foreign"]),
        ("nonsense\r\n\r\n".to_owned(), "", &["discovery-foreign"]),
        (String::new(), "", &["discovery-foreign"]),
    ] {
        let port = answering(&answer);
        let folder = folder(&format!("issuer = \"http://localhost:{port}/{path}\"\nlisten = \"127.0.0.1:{port}\"\n"));
        let found = report(folder.path(), &[]);
        assert_eq!(codes(&found)[2..], *expected, "{answer:.80}: {found}");
        for arguments in [&[][..], &["--json"]] {
            let said = String::from_utf8(doctor(folder.path(), arguments).stdout).unwrap();
            assert!(!said.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "a stranger's words do not steer the terminal: {said}");
        }
    }
}

/// Whoever takes the connection and says nothing is somebody.
#[test]
fn a_program_that_says_nothing_is_told_from_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let settings = folder(&format!("issuer = \"http://localhost:{port}/\"\nlisten = \"127.0.0.1:{port}\"\n"));
    let found = report(settings.path(), &[]);
    assert_eq!(codes(&found)[2..], ["discovery-foreign"]);
    assert!(text(&found, "discovery-foreign").contains("`localhost` did not answer within 3 seconds"), "{found}");
    drop(silent);
    assert_eq!(codes(&report(settings.path(), &[]))[2..], ["server-unreachable"], "the control");
}

/// A server that was started with flags is looked at with the same.
#[test]
fn the_address_is_that_of_the_flags() {
    let there = answering(&http("200 OK", "", "{\"issuer\":\"elsewhere\"}"));
    let settings = folder("issuer = \"http://localhost:1/\"\nlisten = \"127.0.0.1:1\"\n");
    let (issuer, listen) = (format!("http://localhost:{there}/"), format!("127.0.0.1:{there}"));
    let found = report(settings.path(), &["--issuer", &issuer, "--listen", &listen]);
    assert_eq!(found["issuer"], issuer);
    assert_eq!(codes(&found), ["database-missing", "issuer-local", "issuer-mismatch"]);
    assert!(has(&report(settings.path(), &["--issuer", &issuer]), "issuer-port"), "the control");
    let wrong = report(settings.path(), &["--issuer", "http://id.example.com/"]);
    assert!(text(&wrong, "settings-refused").starts_with("flag --issuer: "), "{wrong}");
}

/// https where plain HTTP answers.
#[test]
fn tls_that_is_none_is_told() {
    let port = answering(&http("200 OK", "", "{}"));
    let folder = folder(&format!("issuer = \"https://localhost:{port}/\"\n"));
    let found = report(folder.path(), &[]);
    assert_eq!(codes(&found), ["database-missing", "proxy-not-trusted", "tls-refused"]);
}

/// As in real life: over TLS, by a certificate that is trusted or is not; with the path of the issuer.
#[test]
fn over_tls_the_certificate_is_looked_at() {
    let proxy = Receiver::start();
    let issuer = format!("https://localhost:{}/auth/", proxy.port);
    proxy.always(Answers::Head(http("200 OK", "Content-Type: application/json\r\n", &format!("{{\"issuer\":\"{issuer}\"}}"))));
    let top = format!("issuer = \"{issuer}\"\ntrust_proxy = [\"127.0.0.1\"]\n");
    let strangers = folder(&top);
    let found = report(strangers.path(), &[]);
    assert_eq!(codes(&found), ["database-missing", "proxy-trusted", "tls-refused"]);
    assert!(text(&found, "tls-refused").contains("not trusted"), "{found}");
    let known = folder(&format!("{top}[logout]\nca_file = \"{}\"\n", ca_file().display()));
    assert_eq!(codes(&report(known.path(), &[])), ["database-missing", "proxy-trusted", "discovery-answers"]);
    let [heard] = &proxy.heard()[..] else { panic!("one request") };
    assert_eq!(heard.line, "GET /auth/.well-known/openid-configuration HTTP/1.1");
}

/// docs/diagnosis.md has every code with its level, and no other.
#[test]
fn the_codes_are_documented() {
    let page = include_str!("../../docs/diagnosis.md");
    let rows: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`'));
            Some((cells.next()?, cells.next()?))
        })
        .collect();
    let codes: Vec<(&str, &str)> = Code::ALL.iter().map(|code| (code.as_str(), code.level().as_str())).collect();
    assert_eq!(rows, codes);
}
