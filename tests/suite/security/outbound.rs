//! Requests that the server is made to send: where, to whom, and what a hostile answer can do (section Q).

use std::path::Path;
use std::time::{Duration, Instant};

use gatekey::domain::id::ClientId;
use gatekey::domain::logout_uri::LogoutUri;
use gatekey::domain::network::Network;
use gatekey::domain::session::EndReason;
use gatekey::store::tree::{self, Node};
use gatekey::store::{clients, logout_notices};

use crate::backchannel_logout::{ONE, TWO, listening};
use crate::support::app::App;
use crate::support::database::{Database, each_database};
use crate::support::receiver::{Answers, Receiver};

each_database!(ss_02_no_request_into_the_servers_own_network, ss_04_redirects_are_not_followed, ss_05_a_hostile_answer_costs_three_seconds_and_nobody_else,);

/// An application's address as an admin writes it; no restart.
async fn move_to(app: &App, uri: &str) {
    let (uri, now) = (LogoutUri::parse(uri).unwrap(), app.now());
    app.write(move |db| {
        let mut client = clients::find(db, &ClientId::parse(ONE).unwrap())?.unwrap();
        client.metadata.backchannel_logout_uri = Some(uri);
        client.updated_at = now;
        clients::upsert(db, &client)
    })
    .await;
}

/// Signs alice in and out; what was said of the try, if it failed.
async fn sign_out(app: &App) -> Option<String> {
    let user = app.user("alice").await.id;
    app.sign_in(&mut app.browser(), &app.relying_party(ONE), "openid").await;
    let now = app.now();
    app.write(move |db| {
        // What is left of the try before.
        logout_notices::forget_client(db, &ClientId::parse(ONE).unwrap())?;
        tree::end(db, &Node::User(user), EndReason::RevokedByAdmin, now)
    })
    .await;
    app.running.deliver_logout_notices().await;
    let waiting = app.store.scan(|db| logout_notices::list(db, None, None, 1000)).await.unwrap();
    waiting.into_iter().find(|notice| notice.client_id.as_str() == ONE).map(|notice| notice.last_error.unwrap())
}

async fn ss_02_no_request_into_the_servers_own_network(database: Database) {
    let (canary, canary6, elsewhere) = (Receiver::start(), Receiver::listen("::1", true), Receiver::listen("127.0.0.2", true));
    let app = App::start_with(database, |settings| {
        listening(settings, "https://one.example.test/", "https://two.example.test/");
        settings.logout.allow_networks.clear();
        // Private networks are not this machine, nor what it can ask of its host.
        settings.logout.allow_private_networks = true;
    })
    .await;
    let (port, port6, other) = (canary.port, canary6.port, elsewhere.port);
    for uri in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://0.0.0.0:{port}/"),
        format!("https://127.0.0.2:{other}/"),
        format!("https://[::1]:{port6}/"),
        format!("https://localhost:{port6}/"),
        format!("https://[::]:{port6}/"),
        format!("https://[::ffff:7f00:1]:{port}/"),
        format!("https://[64:ff9b::7f00:1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[fd00:ec2::254]/latest/meta-data/".to_owned(),
        "https://100.100.100.200/".to_owned(),
        "https://[fe80::1]/".to_owned(),
        "https://224.0.0.1/".to_owned(),
    ] {
        move_to(&app, &uri).await;
        let error = sign_out(&app).await.unwrap_or_else(|| panic!("{uri} was told"));
        assert!(error.contains("which is not a public one") && error.contains("allow_networks"), "{uri}: {error}");
    }
    // A resolver may know this one or not.
    move_to(&app, &format!("https://localhost.:{port}/")).await;
    sign_out(&app).await.unwrap();
    move_to(&app, &format!("http://127.0.0.1:{port}/")).await;
    assert!(sign_out(&app).await.unwrap().starts_with("plain http is for development only"));
    // What a URL parser would make of other spellings is not registered at all.
    for uri in [
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ] {
        assert!(LogoutUri::parse(uri).is_err(), "{uri}");
    }
    assert_eq!((canary.connections(), canary6.connections(), elsewhere.connections()), (0, 0, 0));
    app.stop().await;

    // The control: what is listed, and nothing beside it, is reached.
    let database = Database::create(crate::support::database::Backend::Sqlite);
    let app = App::start_with(database, |settings| {
        listening(settings, &canary.url("/"), "https://two.example.test/");
        settings.logout.allow_networks = vec![Network::parse("127.0.0.1").unwrap()];
    })
    .await;
    assert_eq!(sign_out(&app).await, None);
    assert_eq!(canary.take().len(), 1);
    move_to(&app, &format!("https://127.0.0.2:{other}/")).await;
    assert!(sign_out(&app).await.unwrap().contains("127.0.0.2"));
    assert_eq!(elsewhere.connections(), 0);
}

async fn ss_04_redirects_are_not_followed(database: Database) {
    let (application, canary) = (Receiver::start(), Receiver::start());
    let app = App::start_with(database, |settings| listening(settings, &application.url("/"), "https://two.example.test/")).await;
    for status in [301, 302, 303, 307, 308] {
        for location in [canary.url("/"), "http://169.254.169.254/".to_owned()] {
            application.answers([Answers::Head(format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))]);
            let error = sign_out(&app).await.unwrap();
            assert!(error.starts_with(&format!("it answered {status}: redirects are not followed")) && !error.contains(&location), "{error}");
        }
    }
    assert_eq!(canary.connections(), 0);
    assert_eq!(sign_out(&app).await, None, "the control");
}

async fn ss_05_a_hostile_answer_costs_three_seconds_and_nobody_else(database: Database) {
    let (application, other) = (Receiver::start(), Receiver::start());
    let app = App::start_with(database, |settings| listening(settings, &application.url("/"), &other.url("/"))).await;
    let late = "`localhost` did not answer within 3 seconds";
    let nonsense = "`localhost` did not answer in HTTP";
    for (answer, expected) in [
        (Answers::Silence, Some(late)),
        (Answers::Drip, Some(late)),
        (Answers::Headers, Some(nonsense)),
        (Answers::Head("SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned()), Some(nonsense)),
        (Answers::Head("HTTP/1.1 200 OK".to_owned()), Some(nonsense)),
        (Answers::Head(String::new()), Some(nonsense)),
        // Its status is an answer; its body, packed or not, is not read.
        (Answers::Flood, None),
    ] {
        application.answers([answer.clone()]);
        app.sign_in(&mut app.browser(), &app.relying_party(TWO), "openid").await;
        let began = Instant::now();
        let error = sign_out(&app).await;
        assert_eq!(error.as_deref(), expected, "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{answer:?}: {:?}", began.elapsed());
        assert_eq!(other.take().len(), 1, "{answer:?}: the other application was told");
    }
    // A certificate of another name, and none that is trusted.
    let misnamed = Receiver::listen("127.0.0.2", true);
    app.stop().await;
    for (trusted, uri) in [(true, format!("https://127.0.0.2:{}/", misnamed.port)), (false, other.url("/"))] {
        let database = Database::create(crate::support::database::Backend::Sqlite);
        let app = App::start_with(database, |settings| {
            listening(settings, &uri, "https://two.example.test/");
            settings.logout.allow_networks = vec![Network::parse("127.0.0.0/8").unwrap()];
            if !trusted {
                settings.logout.ca_file = None;
            }
        })
        .await;
        let error = sign_out(&app).await.unwrap();
        assert!(error.contains("its certificate is not trusted"), "{uri}: {error}");
    }
    assert!(misnamed.heard().is_empty() && other.heard().is_empty(), "nothing was said before the certificate was judged");
}

/// Every connection to another server goes through the one guarded place; tests/suite/layers.rs holds the packages that could make one.
#[test]
fn ss_13_one_place_connects() {
    fn read(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap();
                let connects = ["TcpStream::connect", "UdpSocket", "UnixStream", "lookup_host", "to_socket_addrs", "client::conn", "SslConnector", "TcpSocket"];
                if connects.iter().any(|word| text.contains(word)) {
                    found.push(path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap().display().to_string());
                }
            }
        }
    }
    let mut found = Vec::new();
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
    assert_eq!(found, ["outbound.rs"]);
}
