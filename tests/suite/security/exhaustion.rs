//! Requests that are meant to cost more than they should: big, slow, many, deep (section W).

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::DateTime;
use gatekey::Issuer;
use gatekey::domain::clock::{Clock, Timestamp};
use poem::http::Method;

use crate::support::app::{App, OWN_PAGE, SERVER, settings};
use crate::support::browser::OWN_FORM;
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::network::Network;
use crate::support::relying_party::RelyingParty;
use crate::support::served::{Reply, Served};
use crate::support::statements;

each_database!(
    ds_01_too_much_is_refused_soon_and_held_nowhere,
    ds_04_long_scopes_and_claims_cost_little,
    ds_05_nothing_grows_with_what_strangers_send,
    ds_07_crafted_text_takes_linear_time,
    ds_08_a_panic_is_one_answer_of_500,
    ds_09_slow_senders_hold_nothing_but_their_connection,
    ds_09_who_asks_and_never_reads_is_sent_away,
    ds_09_more_connections_than_allowed_are_told_so,
    ds_11_encoded_bodies_are_refused,
);

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// Generous: a debug build on a busy machine. What is refused late takes far longer.
const SOON: Duration = Duration::from_secs(5);

async fn honest_request(server: &Served, party: &RelyingParty, token: &mut String) {
    *token = party.refresh(token).await.refresh.unwrap();
    assert!(server.raw("GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").status == 200);
}

/// RFC 9110 §15.5.14, §15.5.15; RFC 6585 §5.
async fn ds_01_too_much_is_refused_soon_and_held_nowhere(database: Database) {
    let server = Served::start(database, "", "");
    let party = server.relying_party(OWN_PAGE);
    let mut token = server.sign_in(&mut server.browser(), &party, "openid").await.refresh.unwrap();
    honest_request(&server, &party, &mut token).await;
    let before = server.memory_kib("VmHWM");
    let head = |path: &str, lines: &str| format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{FORM}{lines}\r\n");
    let form = format!("grant_type=refresh_token&client_id={OWN_PAGE}");
    let fields = format!("{form}{}", "&a=b".repeat(100_000));
    let few_bytes = format!("{form}{}", "&a=b".repeat(10_000));
    let cookies: String = (0..10_000).map(|i| format!("c{i}=x; ")).collect();
    for (what, request, statuses) in [
        ("an announced GiB", head("/oauth/token", "Content-Length: 1073741824\r\n"), &[413][..]),
        ("an announced GiB at a page", head("/login", "Content-Length: 1073741824\r\n"), &[413]),
        ("an announced GiB at the admin API", head("/admin/api/v1/sessions", "Content-Length: 1073741824\r\n"), &[413]),
        ("an absurd length", head("/oauth/token", "Content-Length: 99999999999999999999\r\n"), &[400, 413]),
        ("100,000 fields", format!("{}{fields}", head("/oauth/token", &format!("Content-Length: {}\r\n", fields.len()))), &[413]),
        ("10,000 fields", format!("{}{few_bytes}", head("/oauth/token", &format!("Content-Length: {}\r\n", few_bytes.len()))), &[400]),
        ("a header of 1 MB", format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Big: {}\r\n\r\n", "x".repeat(1 << 20)), &[431]),
        ("1,000 headers", format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-Many: x\r\n".repeat(1000)), &[431]),
        ("10,000 cookies", format!("GET /login HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"), &[200, 431]),
        ("an address of 65 kB", format!("GET /authorize?x={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(65_600)), &[414]),
        ("an address of 1 MB", format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(1 << 20)), &[414, 431]),
    ] {
        let began = Instant::now();
        let reply = server.raw(&request);
        assert!(statuses.contains(&reply.status), "{what}: {} {}", reply.status, reply.text());
        assert!(began.elapsed() < SOON, "{what} took {:?}", began.elapsed());
    }
    // The same GiB without a word of its length, sent until nobody listens.
    for path in ["/oauth/token", "/login", "/oidc/logout", "/authorize", "/userinfo"] {
        let mut stream = server.connect();
        stream.write_all(head(path, "Transfer-Encoding: chunked\r\n").as_bytes()).unwrap();
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let sent = (0..16_384).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
        assert!(sent < 1_000, "{path}: {sent} chunks of 64 KiB were taken");
    }
    let grown = server.memory_kib("VmHWM") - before;
    assert!(grown < 10 * 1024, "{grown} KiB were held");
    honest_request(&server, &party, &mut token).await;
}

/// Refused by their length before anything is made of them.
async fn ds_04_long_scopes_and_claims_cost_little(database: Database) {
    statements::count();
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let words = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>().join(" ");
    let claims = format!("{{\"id_token\":{{{}}}}}", (0..40_000).map(|i| format!("\"c{i}\":null")).collect::<Vec<_>>().join(","));
    // In a body: 64 KiB is all there is.
    for (name, value) in [("scope", words(100_000)), ("claims", claims.clone()), ("acr_values", words(100_000)), ("ui_locales", words(100_000))] {
        let (before, began) = (statements::so_far(&app.database), Instant::now());
        let mut fields: Vec<(String, String)> = party.parameters("openid").into_iter().filter(|(known, _)| *known != name).collect();
        fields.push((name.to_owned(), value));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = app.network.post_form(&party.endpoint("authorize"), &[], &fields).await;
        assert_eq!(answer.status.as_u16(), 413, "{name}");
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), fields[fields.len() - 1]];
        assert_eq!(party.post("oauth/token", &refresh).await.status.as_u16(), 413, "{name}");
        assert_eq!(statements::so_far(&app.database), before, "{name}: nobody was asked");
        assert!(began.elapsed() < SOON, "{name} took {:?}", began.elapsed());
    }
    // As long as it may be: it is read once, and does not multiply.
    for (name, value) in [("scope", words(9_000)), ("acr_values", words(9_000)), ("ui_locales", words(9_000)), ("login_hint", "x".repeat(50_000))] {
        let began = Instant::now();
        let response = browser.visit(party.authorize("openid", &[("prompt", "none"), (name, &value)]).as_str()).await;
        assert!(began.elapsed() < SOON, "{name} took {:?}", began.elapsed());
        drop(response);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), (name, value.as_str())];
        let answer = party.post("oauth/token", &refresh).await;
        assert!(answer.status.as_u16() == 400 || name != "scope", "{name}: {}", answer.status);
    }
}

/// A stranger leaves no row, no cache entry and no memory behind, however many names he thinks up.
async fn ds_05_nothing_grows_with_what_strangers_send(database: Database) {
    let server = Served::start(database, "", "");
    let party = server.relying_party(OWN_PAGE);
    let mut token = server.sign_in(&mut server.browser(), &party, "openid").await.refresh.unwrap();
    let mut stream = server.connect();
    let mut flood = |count: usize, round: usize| {
        for i in 0..count {
            let unique = round * 1_000_000 + i;
            let kid = format!("eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6I{unique:08}");
            let request = match i % 4 {
                0 => format!(
                    "GET /login?ui_locales=x{unique} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: x{unique};q=0.5\r\nUser-Agent: agent {unique}\r\n\r\n"
                ),
                1 => format!("GET /authorize?client_id=c{unique}&scope=s{unique}&ui_locales=x{unique} HTTP/1.1\r\nHost: h{unique}.test\r\n\r\n"),
                2 => format!("GET /userinfo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {kid}.e30.AAAA\r\n\r\n"),
                _ => {
                    format!("OPTIONS /oauth/token HTTP/1.1\r\nHost: localhost\r\nOrigin: https://o{unique}.test\r\nAccess-Control-Request-Method: POST\r\n\r\n")
                }
            };
            stream.write_all(request.as_bytes()).unwrap();
            let reply = Reply::read(&mut stream).unwrap();
            assert!(reply.status < 500, "{}", reply.status);
        }
    };
    // Warm: what is made once is made.
    flood(2_000, 0);
    let (before, rows) = (server.memory_kib("VmRSS"), rows(&server).await);
    flood(8_000, 1);
    let grown = server.memory_kib("VmRSS").saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more after 8,000 unheard-of names");
    assert_eq!(self::rows(&server).await, rows);
    honest_request(&server, &party, &mut token).await;
}

/// All rows of all tables.
async fn rows(server: &Served) -> i64 {
    crate::security::secrets::tables(&server.database).into_iter().map(|table| i64::try_from(table.rows.len()).unwrap()).sum()
}

/// No regular expression reads what comes from outside, and no parser goes back. Twice the text takes about twice the time; a
/// quadratic one would take minutes for these.
async fn ds_07_crafted_text_takes_linear_time(database: Database) {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    for package in ["regex", "fancy-regex", "pcre2", "onig"] {
        assert!(!manifest.lines().any(|line| line.starts_with(&format!("{package} ")) || line.starts_with(&format!("{package}="))), "{package}");
    }
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let many = |text: &str| text.repeat(20_000 / text.len());
    for crafted in [
        many("a"),
        many("@"),
        many("https://"),
        many("%"),
        many("%2F"),
        many("/.."),
        many("a."),
        many("a,"),
        many("a;q=0.1,"),
        many("; a=b"),
        many("+"),
        many("[::"),
        many("a@a."),
    ] {
        let began = Instant::now();
        for name in ["redirect_uri", "login_hint", "scope", "state", "id_token_hint", "ui_locales", "code_challenge"] {
            let answer = browser.request(Method::GET, &party.authorize("openid", &[(name, &crafted)]), OWN_FORM, String::new()).await;
            assert!(!answer.status.is_server_error(), "{name}");
        }
        for header in ["accept-language", "user-agent", "cookie", "x-forwarded-for", "authorization", "origin", "if-none-match"] {
            for path in ["login", "userinfo", ".well-known/jwks.json"] {
                let answer = app.network.get(&party.endpoint(path), &[(header, &crafted)]).await;
                assert!(!answer.status.is_server_error(), "{header} {path}");
            }
        }
        let logout = url::Url::parse_with_params(&party.endpoint("oidc/logout"), [("post_logout_redirect_uri", &crafted)]).unwrap();
        assert!(!app.network.get(logout.as_str(), &[]).await.status.is_server_error());
        assert!(began.elapsed() < SOON, "{:?} for {}…", began.elapsed(), &crafted[..8]);
    }
    party.refresh(tokens.refresh()).await;
}

/// A clock that fails when it is told to: a fault in the middle of any handler, through a seam that hosts have.
struct FaultyClock {
    fails: AtomicBool,
}

impl Clock for FaultyClock {
    fn now(&self) -> Timestamp {
        assert!(!self.fails.load(Ordering::SeqCst), "secret of the panic");
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }
}

async fn ds_08_a_panic_is_one_answer_of_500(database: Database) {
    let settings = settings(crate::support::app::ISSUER, &database);
    let clock = Arc::new(FaultyClock { fails: AtomicBool::new(false) });
    let entropy = Arc::new(SeededEntropy::new("first"));
    let issuer = Issuer::builder(settings.clone()).clock(clock.clone()).entropy(entropy).build().await.unwrap();
    let network = Network::new(issuer.routes());
    let party = RelyingParty::new(&network, crate::support::app::ISSUER, OWN_PAGE, "https://own.example.test/callback");
    let mut browser = crate::support::browser::Browser::new(network.clone(), clock.clone());
    let response = browser.authorize_as(&party.authorize("openid", &[]), "alice", crate::support::app::PASSWORD).await;
    let mut token = party.exchange(&party.code(&response)).await.refresh.unwrap();
    let session = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ");
    let form = [("cookie", session.as_str()), ("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    for round in 0..3 {
        clock.fails.store(true, Ordering::SeqCst);
        for path in [
            "",
            "authorize",
            "login",
            "consent",
            "select-account",
            "oidc/logout",
            "setup",
            "reset-password",
            "userinfo",
            ".well-known/jwks.json",
            "healthz",
            "nothing",
        ] {
            let answer = network.get(&party.endpoint(path), &form).await;
            assert_eq!(answer.status.as_u16(), 500, "{path}");
            assert!(!answer.text().contains("secret of the panic") && !answer.text().contains(".rs"), "{path}: {}", answer.text());
        }
        for path in ["oauth/token", "oauth/revoke", "oauth/introspect", "login", "oidc/logout"] {
            let body = format!("grant_type=refresh_token&client_id={OWN_PAGE}&refresh_token={token}&token={token}");
            let answer = network.send(Method::POST, &party.endpoint(path), &form, body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("content-type")),
                (500, Some("text/plain; charset=utf-8")),
                "{path}: no JSON, or a client drops its token"
            );
        }
        clock.fails.store(false, Ordering::SeqCst);
        // No lock was left poisoned, nothing half done: the same token goes on.
        token = party.refresh(&token).await.refresh.unwrap();
        let silent = browser.navigate(&party.authorize("openid", &[("prompt", "none")]), crate::support::browser::FRAME).await.left();
        party.code(&silent);
        assert_eq!(network.get(&party.endpoint("readyz"), &[]).await.status.as_u16(), 200, "round {round}");
    }
    issuer.close().await;
}

/// A hundred strangers who send half a body, half a head or nothing: honest requests go on, for no handler waits with something in
/// its hands; and after `server.request_timeout` they are sent away.
async fn ds_09_slow_senders_hold_nothing_but_their_connection(database: Database) {
    let server = Served::start(database, "", "[server]\nrequest_timeout = \"PT3S\"\n");
    let party = server.relying_party(OWN_PAGE);
    let mut token = server.sign_in(&mut server.browser(), &party, "openid").await.refresh.unwrap();
    let began = Instant::now();
    let half = format!("POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n{FORM}Content-Length: 1000\r\n\r\ngrant_type=refresh_token&");
    let mut slow: Vec<(&str, TcpStream)> = vec![];
    for i in 0..120 {
        let (what, bytes) = [("half a body", half.as_str()), ("half a head", "POST /oauth/token HTTP/1.1\r\nHost: loc"), ("nothing", "")][i % 3];
        let mut stream = server.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        slow.push((what, stream));
    }
    for _ in 0..10 {
        honest_request(&server, &party, &mut token).await;
    }
    assert!(began.elapsed() < SOON * 2, "honest requests waited: {:?}", began.elapsed());
    // A byte now and then earns no more time.
    let dripping = Arc::new(AtomicBool::new(true));
    let drips: Vec<TcpStream> = slow.iter().map(|(_, stream)| stream.try_clone().unwrap()).collect();
    let dripper = {
        let dripping = dripping.clone();
        std::thread::spawn(move || {
            while dripping.load(Ordering::SeqCst) {
                for mut stream in &drips {
                    let _ = stream.write_all(b"a");
                }
                std::thread::sleep(Duration::from_millis(300));
            }
        })
    };
    for (what, mut stream) in slow {
        let mut told = Vec::new();
        // It ends: by an answer and a close, or by a close alone.
        let _ = stream.read_to_end(&mut told);
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(what != "half a body" || told.starts_with("HTTP/1.1 408"), "{what}: {told}");
        assert!(began.elapsed() < Duration::from_secs(40), "{what}: still open after {:?}", began.elapsed());
    }
    dripping.store(false, Ordering::SeqCst);
    dripper.join().unwrap();
    honest_request(&server, &party, &mut token).await;
}

/// Strangers who ask for the keys again and again and read nothing take every place there is; when their answers were not taken for
/// `server.request_timeout`, the places are free. Slow reading is no crime.
async fn ds_09_who_asks_and_never_reads_is_sent_away(database: Database) {
    const PLACES: usize = 4;
    let server = Served::start(database, "", &format!("[server]\nrequest_timeout = \"PT2S\"\nmax_connections = {PLACES}\n"));
    let ask = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let strangers: Vec<_> = (0..PLACES)
        .map(|_| {
            // The last word of the one before may still be on its way.
            let mut stream = server.connect();
            std::thread::spawn(move || {
                let many = ask.repeat(100);
                // Once the server cannot write, it reads no more, and this waits; `PATIENCE` says WouldBlock.
                loop {
                    if let Err(error) = stream.write_all(many.as_bytes()) {
                        return error.kind();
                    }
                }
            })
        })
        .collect();
    for stranger in strangers {
        let ended = stranger.join().unwrap();
        assert!(matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{ended:?}");
    }
    let deadline = Instant::now() + SOON;
    while server.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").status != 200 {
        assert!(Instant::now() < deadline, "the places were not given back");
    }
    // An honest reader who lets them lie for a moment gets every answer.
    let mut reader = server.connect();
    let mut writer = reader.try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        writer.write_all(ask.repeat(1_999).as_bytes()).unwrap();
        writer.write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    });
    std::thread::sleep(Duration::from_millis(500));
    let mut answers = Vec::new();
    reader.read_to_end(&mut answers).unwrap();
    asking.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&answers).matches("HTTP/1.1 200 OK").count(), 2_000);
}

/// `server.max_connections`: who is there is served, who is too many is told so, and a place that is given back is given out.
async fn ds_09_more_connections_than_allowed_are_told_so(database: Database) {
    let mut server = Served::start(database, "", "[server]\nmax_connections = 8\n");
    let ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held: Vec<TcpStream> = vec![];
    while held.len() < 8 {
        let mut stream = server.connect();
        stream.write_all(ask.as_bytes()).unwrap();
        // Those that asked whether it is ready may not have left yet.
        if Reply::read(&mut stream).unwrap().status == 200 {
            held.push(stream);
        }
    }
    for _ in 0..20 {
        let reply = server.raw(ask);
        assert_eq!((reply.status, reply.header("retry-after"), reply.header("connection")), (503, Some("1"), Some("close")));
        assert!(reply.header("content-type").unwrap().starts_with("text/plain"), "no JSON, or a client drops its token");
    }
    // A flood that says nothing is closed, and opens nothing.
    let flood: Vec<TcpStream> = (0..300).map(|_| server.connect()).collect();
    for stream in &mut held {
        stream.write_all(ask.as_bytes()).unwrap();
        assert_eq!(Reply::read(stream).unwrap().status, 200, "who is in is served");
    }
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    assert!(files < 8 + 64 + 100, "{files} files are open");
    drop(flood);
    drop(held);
    let deadline = Instant::now() + SOON * 4;
    // Until the server has seen the flood go, there may be no place left even to be told so.
    while !server.try_raw(ask).is_ok_and(|reply| reply.status == 200) {
        assert!(Instant::now() < deadline, "the places were not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(server.is_running());
    assert!(server.log().contains("server.full"));
}

/// RFC 9110 §15.5.16: what unpacks to a thousand times its size is not unpacked.
async fn ds_11_encoded_bodies_are_refused(database: Database) {
    let app = App::start(database).await;
    let (party, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    let body = format!("grant_type=refresh_token&client_id={OWN_PAGE}&refresh_token={}", tokens.refresh());
    for coding in ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, gzip", "identity, gzip", "x", ""] {
        for path in ["oauth/token", "oauth/revoke", "oauth/introspect", "login", "consent", "authorize", "oidc/logout", "userinfo", "admin/api/v1/sessions"] {
            let headers = [("content-type", "application/x-www-form-urlencoded"), ("content-encoding", coding)];
            let answer = app.network.send(Method::POST, &server.endpoint(path), &headers, body.clone()).await;
            assert_eq!((answer.status.as_u16(), answer.header("accept-encoding")), (415, Some("identity")), "{coding} {path}");
        }
    }
    // The control: as it is, said or not.
    for coding in [&[][..], &[("content-encoding", "identity")]] {
        let headers = [&[("content-type", "application/x-www-form-urlencoded")], coding].concat();
        let answer = app.network.send(Method::POST, &party.endpoint("oauth/token"), &headers, body.clone()).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    }
}
