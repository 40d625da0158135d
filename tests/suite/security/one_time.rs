//! D. Authorization codes, continued: what is random, what is stored, and that one kind of secret is never taken for another.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};
use gatekey::domain::entropy::{SystemEntropy, random};
use gatekey::domain::secret::Secret;
use serde_json::json;
use url::Url;

use crate::account::add_user;
use crate::support::app::{App, MASTER_KEY, PASSWORD, SECRET, SERVER};
use crate::support::attack::{ask, error_page, session_cookie, state};
use crate::support::browser::{FRAME, OWN_FORM, form_with};
use crate::support::database::{Backend, Database, each_database};

each_database!(co_06_no_secret_is_taken_for_another, co_08_codes_have_nothing_in_common, co_09_a_stolen_database_holds_no_secret);

/// Every one-time object and every token, in the place of every other: refused, and nothing is used up.
async fn co_06_no_secret_is_taken_for_another(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let live = app.sign_in(&mut browser, &server, "openid").await;
    let code = server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
    app.advance(chrono::TimeDelta::seconds(1));
    let chooser = browser.visit(server.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page();
    let chooser = form_with(&chooser, "account");
    let confirm = form_with(&ask(&mut browser, &Url::parse(&server.endpoint("oidc/logout")).unwrap()).await, "decision");
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    let (link_page, link_secret) = link.split_once("?link=").unwrap();
    add_user(&app, "rosa").await;
    let reset = app.reset_link("rosa").await;
    let (reset_page, reset_secret) = reset.split_once("?link=").unwrap();
    let (cookie, session) = session_cookie(&browser);
    let browser_cookie = browser.jar.all().iter().find(|cookie| cookie.name.ends_with("-browser")).unwrap().clone();
    let field = |form: &crate::support::form::Form, name: &str| form.field(name).unwrap().value.clone();
    let objects = [
        ("code", code.clone()),
        ("refresh token", live.refresh().to_owned()),
        ("access token", live.access.clone()),
        ("ID token", live.id.clone().unwrap()),
        ("ticket of a request", field(&chooser, "ticket")),
        ("ticket of a logout", field(&confirm, "ticket")),
        ("form token", field(&confirm, "csrf")),
        ("session cookie", session.clone()),
        ("browser cookie", browser_cookie.value.clone()),
        ("setup link", link_secret.to_owned()),
        ("reset link", reset_secret.to_owned()),
        ("client secret", SECRET.to_owned()),
        ("password", PASSWORD.to_owned()),
    ];
    let before = state(&app).await;
    for (name, object) in &objects {
        if *name != "code" {
            let answer = server.try_exchange(object).await;
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{name} as code");
            assert_eq!(server.try_exchange(&format!("gk_ac_{object}")).await.error(), "invalid_grant", "{name} as code");
        }
        if *name != "refresh token" {
            server.refused(object).await;
            server.refused(&format!("gk_rt_{object}")).await;
        }
        if *name != "access token" {
            let bearer = server.userinfo(object).await;
            assert_eq!(bearer.status.as_u16(), 401, "{name} as access token");
            let admin = app.network.get(&server.endpoint("admin/api/v1/server"), &[("authorization", &format!("Bearer {object}"))]).await;
            assert_eq!(admin.status.as_u16(), 401, "{name} at the admin API");
        }
        if !matches!(*name, "access token" | "refresh token") {
            assert_eq!(server.introspect(object).await, json!({"active": false}), "{name}");
            assert_eq!(server.revoke(object).await.status.as_u16(), 200, "{name}");
        }
        if *name != "ID token" {
            let response = app.silently(&mut browser, &server, "openid", &[("id_token_hint", object)]).await;
            assert_eq!(server.error(&response), "invalid_request", "{name} as hint");
            let logout = Url::parse_with_params(&server.endpoint("oidc/logout"), [("id_token_hint", object)]).unwrap();
            form_with(&ask(&mut browser, &logout).await, "decision");
        }
        if *name != "ticket of a request" {
            for path in ["login", "consent", "select-account"] {
                let url = Url::parse_with_params(&server.endpoint(path), [("ticket", object)]).unwrap();
                error_page(&ask(&mut browser, &url).await, &format!("{name} as ticket of {path}"));
            }
            error_page(&browser.submit_as(&chooser.clone().fill("ticket", object), Some(chooser.first_button()), OWN_FORM).await, name);
        }
        if *name != "ticket of a logout" {
            error_page(&browser.submit_as(&confirm.clone().fill("ticket", object), Some("allow"), OWN_FORM).await, name);
        }
        if *name != "form token" {
            error_page(&browser.submit_as(&confirm.clone().fill("csrf", object), Some("allow"), OWN_FORM).await, name);
        }
        let silent = server.authorize("openid", &[("prompt", "none")]);
        if *name != "session cookie" && object.is_ascii() && !object.contains(' ') {
            let answer = app.network.get(silent.as_str(), &[("cookie", &format!("{cookie}={object}"))]).await;
            assert_eq!(server.error(&answer.location().unwrap()), "login_required", "{name} as session");
        }
        if *name != "browser cookie" && object.is_ascii() && !object.contains(' ') {
            let cookies = format!("{cookie}={session}; {}={object}", browser_cookie.name);
            let url = Url::parse_with_params(&server.endpoint("select-account"), [("ticket", &objects[4].1)]).unwrap();
            error_page(&app.network.get(url.as_str(), &[("cookie", &cookies)]).await, &format!("{name} as browser"));
        }
        if *name != "setup link" {
            let url = Url::parse_with_params(link_page, [("link", object)]).unwrap();
            error_page(&ask(&mut app.browser(), &url).await, &format!("{name} as setup link"));
        }
        if *name != "reset link" {
            let url = Url::parse_with_params(reset_page, [("link", object)]).unwrap();
            error_page(&ask(&mut app.browser(), &url).await, &format!("{name} as reset link"));
        }
        if *name != "client secret" {
            let party = server.clone().with_secret(object);
            assert_eq!(party.try_refresh(live.refresh()).await.status.as_u16(), 401, "{name} as client secret");
        }
    }
    assert_eq!(state(&app).await, before);
    // The controls: each in its own place.
    server.exchange(&code).await;
    assert_eq!(server.userinfo(&live.access).await.status.as_u16(), 200);
    server.refresh(live.refresh()).await;
    server.code(&app.silently(&mut browser, &server, "openid", &[("id_token_hint", &objects[3].1)]).await);
    server.code(&browser.submit(&chooser, Some(chooser.first_button())).await.left());
    for link in [&link, &reset] {
        assert_eq!(ask(&mut app.browser(), &Url::parse(link).unwrap()).await.status.as_u16(), 200);
    }
    assert_eq!(browser.submit_as(&confirm, Some("allow"), OWN_FORM).await.status.as_u16(), 200);
    assert_eq!(server.error(&browser.navigate(&server.authorize("openid", &[("prompt", "none")]), FRAME).await.left()), "login_required");
}

/// FAPI 2.0 §5.4.1-4, ASVS 7.2.3: 256 bits of the operating system's generator for what is a secret by itself. That there is no other
/// source of randomness is held by `clippy.toml` and by the layers' test: getrandom is named in one file.
#[test]
fn co_08_a_million_secrets_have_nothing_in_common() {
    const COUNT: usize = 1_000_000;
    let mut seen = HashSet::with_capacity(COUNT);
    let mut ones = [0u32; 256];
    for _ in 0..COUNT {
        let bytes: [u8; 32] = random(&SystemEntropy);
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += u32::from(bytes[bit / 8] >> (bit % 8) & 1);
        }
        assert!(seen.insert(u128::from_be_bytes(bytes[..16].try_into().unwrap())), "twice the same");
    }
    // Each bit is a fair coin: six standard deviations of a million throws are 3000.
    assert!(ones.iter().all(|count| count.abs_diff(500_000) < 3_000), "{ones:?}");
    // The text of a secret is those bytes and nothing else.
    let text = Secret::<String>::generate(&SystemEntropy);
    assert_eq!(URL_SAFE_NO_PAD.decode(text.expose()).unwrap().len(), 32);
}

/// Codes as they are issued: no two begin alike beyond the prefix, though all are of one user, client and instant.
async fn co_08_codes_have_nothing_in_common(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &server, "openid").await;
    let mut begins = HashSet::new();
    let mut ends = HashSet::new();
    let mut last = String::new();
    for _ in 0..2_000 {
        last = server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
        let text = last.strip_prefix("gk_ac_").expect("a scanner knows it");
        // 24 random bytes begin it (the nonce), 16 end it (the tag).
        assert!(begins.insert(text[..10].to_owned()), "two codes begin alike");
        assert!(ends.insert(text[text.len() - 10..].to_owned()), "two codes end alike");
    }
    // What the family of a refresh token is called says nothing of the MAC: no two have it in common.
    let second = server.exchange(&last).await;
    assert_ne!(first.refresh()[first.refresh().len() - 43..], second.refresh()[second.refresh().len() - 43..]);
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

/// All that somebody has who has the database: its files, or every row of every table as text.
async fn dump(app: &App) -> Vec<u8> {
    if app.database.backend() == Backend::Sqlite {
        return app.database.files().into_iter().flat_map(|(_, bytes)| bytes).collect();
    }
    let rows = app.store.scan(|db| {
        let tables: Vec<Row> = diesel::sql_query("SELECT table_name::text AS row FROM information_schema.tables WHERE table_schema = 'public'").load(db)?;
        let mut rows = Vec::new();
        for Row { row: table } in tables {
            rows.extend(diesel::sql_query(format!("SELECT t::text AS row FROM \"{table}\" t")).load::<Row>(db)?);
        }
        Ok(rows)
    });
    rows.await.unwrap().into_iter().flat_map(|row| row.row.into_bytes()).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// RFC 9700 §4.14.1: neither as text nor as bytes nor as hexadecimal digits, while it runs and afterwards.
async fn co_09_a_stolen_database_holds_no_secret(database: Database) {
    let app = App::start(database).await;
    let server = app.relying_party(SERVER);
    let mut browser = app.browser();
    let page = app.sign_in_page(&mut browser, &server).await;
    let form = form_with(&page, "password");
    let (ticket, csrf) = (form.field("ticket").unwrap().value.clone(), form.field("csrf").unwrap().value.clone());
    let first = server.exchange(&server.code(&browser.submit(&form.fill("username", "alice").fill("password", PASSWORD), None).await.left())).await;
    let second = server.refresh(first.refresh()).await;
    let used = server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
    server.exchange(&used).await;
    let live = server.code(&app.silently(&mut browser, &server, "openid", &[]).await);
    server.introspect(&second.access).await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    let (_, link) = link.split_once("?link=").unwrap();
    add_user(&app, "rosa").await;
    let reset = app.reset_link("rosa").await;
    let (_, reset) = reset.split_once("?link=").unwrap();
    let mut secrets: Vec<(String, String)> = browser.jar.all().iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect();
    for (name, secret) in [
        ("refresh token", first.refresh()),
        ("newest refresh token", second.refresh()),
        ("access token", &second.access),
        ("ID token", second.id.as_ref().unwrap()),
        ("used code", &used),
        ("live code", &live),
        ("ticket", &ticket),
        ("form token", &csrf),
        ("setup link", link),
        ("reset link", reset),
        ("client secret", SECRET),
        ("password", PASSWORD),
        ("master key", MASTER_KEY),
        ("verifier", &server.verifier),
        ("challenge", &server.challenge()),
        ("private key", "\"d\":"),
    ] {
        secrets.push((name.to_owned(), secret.to_owned()));
    }
    let look = |dump: &[u8]| {
        // The control: what may be there is found.
        assert!(contains(dump, b"alice") && contains(dump, b"https://server.example.test/callback"), "the dump is one");
        for (name, secret) in &secrets {
            let body = secret.rsplit('.').next().unwrap().trim_start_matches("gk_rt_").trim_start_matches("gk_ac_");
            // Of a computed token the beginning names its row; the rest is the secret.
            let body = if body.len() > 80 { &body[body.len() - 40..] } else { body };
            assert!(!contains(dump, body.as_bytes()), "{name} is in the database");
            if let Ok(bytes) = URL_SAFE_NO_PAD.decode(body)
                && bytes.len() >= 16
            {
                assert!(!contains(dump, &bytes), "{name} is in the database, as bytes");
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                assert!(!contains(dump, digits.as_bytes()), "{name} is in the database, as digits");
            }
        }
    };
    look(&dump(&app).await);
    if app.database.backend() == Backend::Sqlite {
        let database = app.stop().await;
        look(&database.files().into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<_>>());
    }
}
