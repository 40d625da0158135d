//! What is kept secret, and where it must not turn up: logs, the database, error pages, the process's memory image (section AA).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
use gatekey::Issuer;
use gatekey::domain::secret::{Digest, Secret};
use gatekey::settings::MasterKeySource;

use crate::support::app::{App, OWN_PAGE, PASSWORD, SECRET, SERVER, password_hash};
use crate::support::browser::{OWN_FORM, form_with};
use crate::support::database::{Backend, Database, each_database};
use crate::support::log;
use crate::support::network::Answer;
use crate::support::relying_party::RelyingParty;
use crate::support::served::Served;

each_database!(
    se_01_a_whole_flow_leaves_no_secret_behind,
    se_02_nobody_writes_a_log_line,
    se_03_the_database_alone_signs_nothing,
    se_04_two_installations_share_no_secret,
    se_06_nothing_is_open_that_was_not_asked_for,
    se_08_no_core_dump_and_no_secret_that_prints,
);

/// A table as text, a line a row; bytes are hexadecimal.
pub struct Table {
    pub name: String,
    pub rows: Vec<String>,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Everything in a database.
pub fn tables(database: &Database) -> Vec<Table> {
    let lines = |found: Vec<Line>| found.into_iter().map(|found| found.line).collect::<Vec<_>>();
    match database.backend() {
        Backend::Sqlite => {
            let mut db = SqliteConnection::establish(database.url().trim_start_matches("sqlite://")).unwrap();
            // Whoever opens or closes the file has it alone for a moment.
            diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut db).unwrap();
            let mut ask = |sql: &str| lines(diesel::sql_query(sql).load(&mut db).unwrap());
            let names = ask("SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
            let all = names.into_iter().map(|name| {
                let columns = ask(&format!("SELECT 'quote(\"' || name || '\")' AS line FROM pragma_table_info('{name}')")).join(" || '|' || ");
                Table { rows: ask(&format!("SELECT {columns} AS line FROM \"{name}\"")), name }
            });
            all.collect()
        }
        Backend::Postgres => {
            let mut db = PgConnection::establish(database.url()).unwrap();
            let mut ask = |sql: &str| lines(diesel::sql_query(sql).load(&mut db).unwrap());
            let names = ask("SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'");
            names.into_iter().map(|name| Table { rows: ask(&format!("SELECT t::text AS line FROM \"{name}\" t")), name }).collect()
        }
    }
}

/// The rows, and for SQLite the bytes of its files too, to be searched.
fn everything_kept(database: &Database) -> String {
    let mut all = Vec::new();
    for table in tables(database) {
        all.extend(table.rows.join("\n").into_bytes());
    }
    for (_, bytes) in database.files() {
        all.extend(bytes);
    }
    searched(&all)
}

/// A letter for each byte, without regard to case: text is searched far faster than bytes are.
fn searched(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

fn holds(searched_text: &str, needle: &[u8]) -> bool {
    searched_text.contains(&searched(needle))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A secret as it is, and as it may be written.
pub fn spellings(secret: &str) -> Vec<String> {
    let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    vec![secret.to_owned(), hex(secret.as_bytes()), STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret), encoded]
}

/// Everything that a sign-in, tokens and a setup use, by what it is; errors of every kind on the way.
async fn whole_flow(server: &Served, secrets: &mut BTreeMap<String, String>, refusals: &mut Vec<Answer>) {
    let mut used = |what: &str, secret: &str| {
        assert!(secret.len() > 7, "{what}: too short to be looked for: {secret}");
        secrets.insert(format!("{what} {}", secrets.len()), secret.to_owned());
    };
    let party = RelyingParty { state: "state-that-nobody-logs".to_owned(), ..server.relying_party(SERVER) };
    used("state", &party.state);
    used("verifier", &party.verifier);
    used("client secret", SECRET);
    let mut browser = server.browser();
    let page = browser.visit(party.authorize("openid offline_access", &[]).as_str()).await.page();
    let form = form_with(&page, "password");
    for field in ["ticket", "csrf"] {
        used(field, &form.field(field).unwrap().value);
    }
    used("wrong password", "wrong password of nobody");
    let again = browser.submit_as(&form.clone().fill("username", "alice").fill("password", "wrong password of nobody"), None, OWN_FORM).await;
    assert_eq!(again.location(), None);
    assert!(!again.text().contains("wrong password of nobody"));
    used("password", PASSWORD);
    let response = browser.submit(&form.fill("username", "alice").fill("password", PASSWORD), None).await.left();
    for cookie in browser.jar.all() {
        used(&cookie.name, &cookie.value);
    }
    let code = party.code(&response);
    used("code", &code);
    let first = party.exchange(&code).await;
    let second = party.refresh(first.refresh()).await;
    for tokens in [&first, &second] {
        used("access token", &tokens.access);
        used("refresh token", tokens.refresh());
        used("ID token", tokens.id.as_deref().unwrap());
    }
    assert_eq!(party.userinfo(&second.access).await.status.as_u16(), 200);
    party.introspect(&second.access).await;
    party.introspect(second.refresh()).await;
    let silent = browser.visit(party.authorize("openid", &[("prompt", "none"), ("id_token_hint", second.id.as_deref().unwrap())]).as_str()).await.left();
    used("code", &party.code(&silent));

    let token = party.endpoint("oauth/token");
    let wrong_secret = RelyingParty { secret: Some("a client secret that is wrong".to_owned()), ..party.clone() };
    used("wrong client secret", "a client secret that is wrong");
    refusals.extend([
        party.try_exchange(&code).await,
        party.try_refresh(first.refresh()).await,
        party.try_refresh(second.refresh()).await,
        party.try_refresh(&second.access).await,
        wrong_secret.try_refresh(second.refresh()).await,
        wrong_secret.post("oauth/introspect", &[("token", &second.access)]).await,
        party.userinfo(second.refresh()).await,
        party.userinfo(&format!("{}x", second.access)).await,
        party.post("oauth/token", &[("grant_type", second.refresh()), ("code", &code)]).await,
        party.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", second.refresh()), ("scope", PASSWORD)]).await,
        server.network.post_form(&format!("{token}?refresh_token={}", second.refresh()), &[], &[("client_secret", SECRET)]).await,
        server.network.get(&format!("{token}?client_secret={}&code={code}", spellings(SECRET).pop().unwrap()), &[]).await,
        server.network.get(&format!("{}?access_token={}", party.endpoint("userinfo"), second.access), &[]).await,
        server
            .network
            .get(&format!("{}admin/api/v1/sessions?after={}", server.issuer, second.access), &[("authorization", &format!("Bearer {}", second.access))])
            .await,
        browser.visit(party.authorize("openid", &[("redirect_uri", second.access.as_str())]).as_str()).await.page(),
        browser.visit(party.authorize("openid", &[("client_id", SECRET)]).as_str()).await.page(),
        browser.visit(&format!("{}login?ticket={}", server.issuer, second.access)).await.page(),
        browser.visit(&format!("{}setup?link={}", server.issuer, second.access)).await.page(),
    ]);
    party.revoke(second.refresh()).await;
    browser.visit(&format!("{}?id_token_hint={}", party.endpoint("oidc/logout"), first.id.as_deref().unwrap())).await.page();
}

/// ASVS 16.2.5: at trace level, in both forms of the log, in the database, in every refusal.
async fn se_01_a_whole_flow_leaves_no_secret_behind(database: Database) {
    let mut server = Served::start(database, "", "[log]\nlevel = \"trace\"\nformat = \"text\"\n");
    let (mut secrets, mut refusals) = (BTreeMap::new(), vec![]);
    secrets.insert("master key".to_owned(), std::fs::read_to_string(server.path("master.key")).unwrap().trim().to_owned());
    whole_flow(&server, &mut secrets, &mut refusals).await;
    let settings = std::fs::read_to_string(server.path("gatekey.toml")).unwrap();
    std::fs::write(server.path("gatekey.toml"), settings.replace("format = \"text\"", "format = \"json\"")).unwrap();
    server = server.crash_and_restart();
    whole_flow(&server, &mut secrets, &mut refusals).await;
    // The link of the first administrator is told on standard output, to whoever starts the program, and only there.
    let told = server.output();
    let link = told.split("setup?link=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    secrets.insert("setup link".to_owned(), link);

    let log = server.log();
    assert!(
        log.contains("login.succeeded") && log.contains("login.failed") && log.contains("\"event\":\"login.succeeded\""),
        "the log was heard, in both forms"
    );
    let kept = everything_kept(&server.database);
    assert!(holds(&kept, b"alice@example.test") && holds(&kept, OWN_PAGE.as_bytes()), "the database was read");
    for (what, secret) in &secrets {
        for spelling in spellings(secret) {
            assert!(!log.contains(&spelling), "the log holds the {what}");
            assert!(!holds(&kept, spelling.as_bytes()), "the database holds the {what}");
        }
    }
    assert!(refusals.len() >= 36);
    for answer in &refusals {
        assert!(answer.status.is_client_error(), "{} {}", answer.status, answer.url.path());
        for (what, secret) in &secrets {
            // What is put into an address by the test comes back in none of our pages either.
            assert!(!answer.text().contains(secret.as_str()), "{} holds the {what}: {}", answer.url.path(), answer.text());
            assert!(
                answer.headers.values().all(|value| !holds(&searched(value.as_bytes()), secret.as_bytes()) || what.contains("gatekey-")),
                "{} {what}",
                answer.url.path()
            );
        }
    }
    // A database that cannot be reached is named without its password.
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://gatekey:password-of-the-database@127.0.0.1:1/gatekey";
    let output = Command::new(env!("CARGO_BIN_EXE_gatekey")).args(["serve", "--database", url]).current_dir(folder.path()).env_clear().output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(said.contains("127.0.0.1") && !said.contains("password-of-the-database"), "{said}");
}

/// What an attacker would like to be read in the log.
const FORGED: &str = "x\r\n2027-01-15T08:00:00.000000Z  INFO signed in event=\"login.succeeded\" forged\n\u{1b}[31mforged\u{2028}forged\u{2029}\u{85}\"},{\"level\":\"INFO\",\"event\":\"forged\"}";

/// ASVS 16.4.1, in both forms of the log: whatever a request says, a line of the log is one event of ours.
async fn se_02_nobody_writes_a_log_line(database: Database) {
    let app = App::start(database).await;
    for json in [false, true] {
        let heard = if json { log::listen_json() } else { log::listen() };
        forge(&app).await;
        let log = heard.text();
        drop(heard);
        assert!(log.contains("login.succeeded") && log.contains("authorization refused") && log.contains("invalid_target"), "the log was heard: {log}");
        for line in log.split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}']).filter(|line| !line.is_empty()) {
            assert!(!line.contains('\u{1b}'), "{line:?}");
            if json {
                let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: not a line of ours: {line:?}"));
                assert!(event["timestamp"].is_string() && event["event"] != "forged", "{line}");
            } else {
                assert!(line.starts_with("20") && !line.starts_with("2027-01-15T08:00:00.000000Z"), "not a line of ours: {line:?}");
            }
        }
    }
}

/// Puts [`FORGED`] wherever a request can carry it.
async fn forge(app: &App) {
    let party = app.relying_party(SERVER);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let names = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "prompt",
        "display",
        "max_age",
        "code_challenge",
        "code_challenge_method",
        "login_hint",
        "id_token_hint",
        "ui_locales",
        "acr_values",
        "resource",
        "claims",
        "request",
        "request_uri",
        FORGED,
    ];
    for name in names {
        for prompt in ["none", "login"] {
            browser.visit(party.authorize("openid", &[("prompt", prompt), (name, FORGED)]).as_str()).await;
        }
    }
    let first = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh())];
    for name in ["grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource", "token", FORGED] {
        for grant in ["refresh_token", "authorization_code", "client_credentials", FORGED] {
            let mut fields = vec![("grant_type", grant), first[1], ("code", "x"), ("token", "x")];
            fields.retain(|(field, _)| *field != name);
            fields.push((name, FORGED));
            for path in ["oauth/token", "oauth/introspect", "oauth/revoke"] {
                party.post(path, &fields).await;
                app.network.post_form(&party.endpoint(path), &[], &fields).await;
            }
        }
    }
    let mut stranger = app.browser();
    let form = form_with(&app.sign_in_page(&mut stranger, &party).await, "password");
    stranger.submit_as(&form.fill("username", FORGED).fill("password", FORGED), None, OWN_FORM).await;
    let hint = url::Url::parse_with_params(&party.endpoint("oidc/logout"), [("id_token_hint", FORGED), ("client_id", FORGED)]).unwrap();
    stranger.visit(hint.as_str()).await;
    // Paths are logged; headers can hold a tab and bytes above ASCII.
    app.network.get(&format!("{}x%0d%0a2027-01-15T08:00:00.000000Z%1b[31m%e2%80%a8", app.issuer), &[]).await;
    for header in ["user-agent", "accept-language", "x-forwarded-for", "x-request-id", "authorization", "cookie", "origin"] {
        app.network.get(&party.endpoint("userinfo"), &[(header, "x\tevent=\"forged\" \"},{\"event\":\"forged\"}")]).await;
    }
}

/// FAPI 2.0 §6.8. What opens the database is not in it, and what is in it opens nothing. Files are their owner's alone.
async fn se_03_the_database_alone_signs_nothing(database: Database) {
    // The program makes the file, with whatever mode that gets.
    let app = App::start(Database::empty(database.backend())).await;
    let party = app.relying_party(SERVER);
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    let kept = everything_kept(&app.database);
    // The object identifiers in every unsealed private key: id-ecPublicKey, prime256v1, rsaEncryption, Ed25519.
    for oid in ["2a8648ce3d0201", "2a8648ce3d030107", "2a864886f70d010101", "2b6570"] {
        let bytes: Vec<u8> = oid.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
        let keys = tables(&app.database).into_iter().find(|table| table.name == "signing_keys").unwrap();
        assert!(keys.rows.len() >= 2 && keys.rows.iter().all(|row| !holds(&searched(row.as_bytes()), oid.as_bytes())), "{oid}");
        assert!(bytes.len() < 5 || !holds(&kept, &bytes), "{oid}");
    }
    for word in ["PRIVATE KEY", "\"d\":"] {
        assert!(!holds(&kept, word.as_bytes()), "{word}");
    }
    let (settings, clock) = (app.settings.clone(), app.clock.clone());
    let database = app.stop().await;
    if let Some(file) = database.url().strip_prefix("sqlite://") {
        for name in [file.to_owned(), format!("{file}-wal"), format!("{file}-shm")] {
            if let Ok(metadata) = std::fs::metadata(&name) {
                assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
            }
        }
    }
    // Another master key opens nothing, and changes nothing.
    let rows = |database: &Database| -> Vec<Vec<String>> { tables(database).into_iter().map(|table| table.rows).collect() };
    let before = rows(&database);
    let mut wrong = settings.clone();
    wrong.master_key = MasterKeySource::Text(Secret::new("BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned()));
    let Err(error) = Issuer::builder(wrong).clock(clock.clone()).build().await else { panic!("it started with another master key") };
    assert!(error.to_string().contains("master key"), "{error}");
    let missing = tempfile::tempdir().unwrap();
    let mut none = settings.clone();
    none.master_key = MasterKeySource::File(missing.path().join("gatekey.key"));
    assert!(Issuer::builder(none).clock(clock.clone()).build().await.is_err(), "it made a new key for a database that has one");
    assert_eq!(std::fs::read_dir(missing.path()).unwrap().count(), 0);
    assert!(rows(&database) == before);
    // The control.
    let app = App::on(database, settings, clock, "again").await;
    app.relying_party(SERVER).refresh(tokens.refresh()).await;
}

async fn se_04_two_installations_share_no_secret(database: Database) {
    let other = Database::create(database.backend());
    let (one, two) = (Served::start(database, "", ""), Served::start(other, "", ""));
    let key = |server: &Served| std::fs::read_to_string(server.path("master.key")).unwrap();
    assert_ne!(key(&one), key(&two));
    assert_eq!(std::fs::metadata(one.path("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let (a, b) = (one.relying_party(SERVER).jwks().await, two.relying_party(SERVER).jwks().await);
    let kids = |jwks: &str| -> Vec<String> {
        let jwks: serde_json::Value = serde_json::from_str(jwks).unwrap();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    assert!(kids(&a).iter().all(|kid| !kids(&b).contains(kid)));
    // Nothing is there that was not declared, but the console, which keeps no secret: no default user or password.
    let counts = |server: &Served| -> BTreeMap<String, usize> { tables(&server.database).into_iter().map(|table| (table.name, table.rows.len())).collect() };
    assert_eq!((counts(&one)["users"], counts(&one)["clients"]), (1, 4));
    // A token of one is nothing to the other.
    let tokens = one.sign_in(&mut one.browser(), &one.relying_party(SERVER), "openid").await;
    let stranger = two.relying_party(SERVER);
    stranger.refused(tokens.refresh()).await;
    assert_eq!(stranger.userinfo(&tokens.access).await.status.as_u16(), 401);
    one.relying_party(SERVER).refresh(tokens.refresh()).await;
    // No key in the sources, the deployment files or the examples.
    for folder in ["src", "deploy", "examples", "migrations", "openapi", "docs"] {
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    assert!(!holds(&searched(&bytes), b"-----BEGIN") || path.extension().is_some_and(|extension| extension == "md"), "{}", path.display());
                }
            }
        }
    }
}

/// What a stranger finds on the port of a default installation: what product and metadata name, and nothing else.
async fn se_06_nothing_is_open_that_was_not_asked_for(database: Database) {
    let server = Served::start(database, "", "");
    for path in [
        "metrics",
        "debug",
        "debug/pprof",
        "debug/vars",
        "swagger",
        "swagger-ui",
        "swagger.json",
        "docs",
        "redoc",
        "openapi.json",
        "spec",
        "health",
        "status",
        "info",
        "env",
        "actuator",
        "config",
        "server-status",
        "admin/api",
        "admin/api/v1",
        "admin/api/v1/spec",
        "admin/api/v1/docs",
        "admin/api/v1/openapi.json",
        "console",
        ".git/config",
        ".env",
        "gatekey.toml",
        "gatekey.db",
        "master.key",
        "assets/",
        "assets/..%2fgatekey.toml",
        "assets/%2e%2e/gatekey.toml",
        "setup?link=x",
    ] {
        let reply = server.raw(&format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        assert!((400..500).contains(&reply.status), "{path}: {}", reply.status);
        assert!(!reply.text().contains(env!("CARGO_PKG_VERSION")) && !reply.text().contains("master"), "{path}: {}", reply.text());
    }
    for (path, all) in [("healthz", "{\"status\":\"ok\"}".to_owned()), ("readyz", format!("{{\"status\":\"ok\",\"database\":\"{}\"}}", server.backend()))] {
        let reply = server.raw(&format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        let (said, expected): (serde_json::Value, serde_json::Value) = (serde_json::from_slice(&reply.body).unwrap(), serde_json::from_str(&all).unwrap());
        assert_eq!((reply.status, said), (200, expected));
        assert!(reply.header("server").is_none() && reply.header("x-powered-by").is_none());
    }
    for method in ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        let reply = server.raw(&format!("{method} /login HTTP/1.1\r\nHost: localhost\r\nX-Secret: echo\r\nConnection: close\r\n\r\n"));
        assert!((400..500).contains(&reply.status) && !reply.text().contains("echo"), "{method}: {}", reply.status);
    }
}

/// The versions below were wrong in ways that mattered here; what a lock file says is what is built.
#[test]
fn se_07_dependencies_are_past_their_known_holes() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let mut packages: Vec<(String, Vec<u64>, String)> = vec![];
    for part in lock.split("[[package]]").skip(1) {
        let value = |name: &str| part.lines().find_map(|line| line.strip_prefix(&format!("{name} = \""))?.strip_suffix('"')).map(str::to_owned);
        let version = value("version").unwrap().split(['-', '+']).next().unwrap().split('.').map(|number| number.parse().unwrap()).collect();
        packages.push((value("name").unwrap(), version, value("source").unwrap_or_default()));
    }
    assert!(packages.len() > 100);
    for (name, version, source) in &packages {
        assert!(name == "gatekey" || source == "registry+https://github.com/rust-lang/crates.io-index", "{name} comes from {source:?}");
        let at_least: &[u64] = match name.as_str() {
            // RUSTSEC-2023-0071: its private operations tell the time. OpenSSL's do RSA here.
            "rsa" => panic!("the crate rsa is not for private keys"),
            "diesel" => &[2, 3, 10],
            "idna" => &[1, 0, 3],
            // RUSTSEC-2024-0336 and kin do not concern us: TLS is the proxy's. RUSTSEC-2024-0332: floods of CONTINUATION frames.
            "h2" => &[0, 4, 4],
            "hyper" => &[1, 0, 0],
            "openssl" => &[0, 10, 70],
            "tokio" => &[1, 44, 2],
            // RUSTSEC-2025-0055: escape sequences in logs.
            "tracing-subscriber" => &[0, 3, 20],
            _ => continue,
        };
        assert!(version.as_slice() >= at_least, "{name} {version:?}");
    }
    assert!(["diesel", "idna", "hyper", "openssl"].iter().all(|name| packages.iter().any(|(known, ..)| known == name)));
}

/// The process leaves no core, and a secret cannot be printed by mistake. Copies in the buffers of a request are not wiped.
async fn se_08_no_core_dump_and_no_secret_that_prints(database: Database) {
    let server = Served::start(database, "", "");
    let party = server.relying_party(OWN_PAGE);
    let tokens = server.sign_in(&mut server.browser(), &party, "openid").await;
    let limits = server.proc("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    party.refresh(tokens.refresh()).await;
    let secret = Secret::new(PASSWORD.to_owned());
    assert_eq!(format!("{secret:?} {:?} {:?}", secret.digest(), Some(&secret)), "[redacted] Digest([redacted]) Some([redacted])");
    assert_eq!(format!("{:?}", Digest::of(b"x")), "Digest([redacted])");
    let settings = crate::support::app::settings(crate::support::app::ISSUER, &server.database);
    let shown = format!("{settings:?}");
    assert!(shown.contains("alice") && !shown.contains("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8") && !shown.contains(password_hash()), "{shown}");
    // Every newtype of a secret wipes itself: the bound is in its type (`Secret<T: Zeroize>`).
    fn wiped<T: zeroize::Zeroize>(_: &Secret<T>) {}
    wiped(&secret);
}
