//! The console at `/admin`: its page and files, and the client it signs in by.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatekey::domain::admin_scope::{AdminRole, AdminScope};
use gatekey::domain::client::ClientKind;
use gatekey::domain::id::ClientId;
use gatekey::domain::lifetime::{Limit, LimitOverrides};
use gatekey::domain::lifetime_rule::Selector;
use gatekey::domain::secret::Digest;
use gatekey::settings::Settings;
use gatekey::store::{clients, lifetime_rules};

use crate::support::app::{App, PAGE, client};
use crate::support::database::{Database, each_database};
use crate::support::network::Network;

each_database!(
    the_page_is_framed_by_nobody_and_runs_its_own_modules_only,
    its_client_is_registered_by_the_issuer_and_goes_with_the_setting,
    a_file_has_the_last_word
);

const CONSOLE: &str = "gatekey-console";

async fn registered(app: &App) -> Option<gatekey::domain::client::Client> {
    app.write(|db| clients::find(db, &ClientId::parse(CONSOLE).unwrap())).await
}

/// The values of an attribute, in their order.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    html.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// UI-01; at the root of a host and below a path.
async fn the_page_is_framed_by_nobody_and_runs_its_own_modules_only(database: Database) {
    let app = App::start_with(database, |settings| settings.issuer = Settings::for_issuer("https://example.test/people/").unwrap().issuer).await;
    let network = Network::new(app.running.mounted());
    let page = network.get("https://example.test/people/admin", &[]).await;
    let html = page.text();
    assert_eq!((page.status.as_u16(), page.header("cache-control"), page.header("x-frame-options")), (200, Some("no-store"), Some("DENY")));
    let policy = page.header("content-security-policy").unwrap();
    for part in
        ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"]
    {
        assert!(policy.split("; ").any(|found| found == part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    // The one inline element is the import map, by its hash.
    let map = html.split("<script type=\"importmap\">").nth(1).unwrap().split("</script>").next().unwrap();
    let Digest(hash) = Digest::of(map.as_bytes());
    assert!(policy.contains(&format!("script-src 'self' 'sha256-{}';", STANDARD.encode(hash))), "{policy}");
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(attributes(html, "data-issuer"), ["https://example.test/people/"]);
    let asked_for: BTreeSet<&str> = attributes(html, "data-scope")[0].split(' ').collect();
    let scope = registered(&app).await.unwrap().metadata.scope.to_string();
    let may_be_asked_for: BTreeSet<&str> = scope.split(' ').collect();
    assert_eq!(asked_for, may_be_asked_for);

    // Which pages there is a way to, the console tells by the very roles that the API judges by.
    let roles: serde_json::Value = serde_json::from_str(&attributes(html, "data-roles")[0].replace("&quot;", "\"")).unwrap();
    let expected = AdminRole::ALL.iter().map(|role| (role.as_str().to_owned(), role.scopes().iter().map(AdminScope::as_str).collect::<Vec<_>>().into()));
    assert_eq!(roles, serde_json::Value::Object(expected.collect()));

    // Every file there is, and nothing else; each is what it says it is, for ever.
    let mapped: serde_json::Value = serde_json::from_str(map).unwrap();
    let mapped = mapped["imports"].as_object().unwrap().values().map(|path| path.as_str().unwrap().to_owned());
    let named = attributes(html, "href").into_iter().chain(attributes(html, "src")).filter(|path| path.contains("/admin/ui/")).map(str::to_owned);
    let addresses: BTreeSet<String> = mapped.chain(named).collect();
    let mut served = BTreeSet::new();
    for address in &addresses {
        let file = network.get(&format!("https://example.test{address}"), &[]).await;
        assert_eq!((file.status.as_u16(), file.header("x-content-type-options")), (200, Some("nosniff")), "{address}");
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let (_, path) = address.strip_prefix("/people/admin/ui/").unwrap().split_once('/').unwrap();
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console").join(path);
        assert_eq!(file.text(), fs::read_to_string(kept).unwrap(), "{path}");
        let media_type = if path.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
        assert_eq!(file.header("content-type"), Some(media_type));
        served.insert(path.to_owned());
    }
    assert_eq!(served, kept_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/console")), ""));
    let one = addresses.first().unwrap();
    for wrong in ["/people/admin/ui/0000000000000000/ui/main.js", "/people/admin/ui/", &format!("{one}x"), &one.replace("/ui/", "/ui/x/")] {
        assert_eq!(network.get(&format!("https://example.test{wrong}"), &[]).await.status.as_u16(), 404, "{wrong}");
    }
    for (address, moved) in [("admin/", "/people/admin"), ("admin/?x=%2f", "/people/admin?x=%2f"), ("openapi/", "/people/openapi")] {
        let answer = network.get(&format!("https://example.test/people/{address}"), &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(moved)), "{address}");
    }
    // The admin API is where it was.
    assert_eq!(network.get("https://example.test/people/admin/api/v1/server", &[]).await.status.as_u16(), 401);
}

/// The modules and stylesheets below a folder.
fn kept_files(folder: &Path, below: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.extend(kept_files(&entry.path(), &format!("{name}/")));
        } else if [".js", ".mjs", ".css"].iter().any(|end| name.ends_with(end)) {
            found.insert(name);
        }
    }
    found
}

async fn its_client_is_registered_by_the_issuer_and_goes_with_the_setting(database: Database) {
    let app = App::start(database).await;
    let console = registered(&app).await.unwrap();
    let metadata = &console.metadata;
    assert!(metadata.is_public() && metadata.first_party && metadata.require_pkce && metadata.kind == ClientKind::Spa && !console.managed_by_file);
    assert!(metadata.allows_redirect(&format!("{}admin", app.issuer)) && metadata.allows_post_logout_redirect(&format!("{}admin", app.issuer)));
    assert_eq!((metadata.redirect_uris.len(), metadata.resources.as_slice()), (1, ["urn:gatekey:admin".to_owned()].as_slice()));
    assert!(["openid", "sessions:read", "sessions:end"].iter().all(|word| metadata.scope.contains(word)), "{}", metadata.scope);

    // What somebody changed is as it was after a start; a start without a change writes nothing.
    app.write(|db| {
        let mut changed = clients::find(db, &ClientId::parse(CONSOLE).unwrap())?.unwrap();
        changed.metadata.first_party = false;
        clients::upsert(db, &changed)
    })
    .await;
    app.advance(chrono::TimeDelta::days(1));
    let second = app.replica("second").await;
    let restored = registered(&second).await.unwrap();
    assert!(restored.metadata.first_party);
    app.advance(chrono::TimeDelta::days(1));
    let third = second.replica("third").await;
    assert_eq!(registered(&third).await.unwrap().updated_at, restored.updated_at);

    // Switched off: neither the page nor the client.
    for id in [CONSOLE, PAGE] {
        let selector = Selector { client: Some(ClientId::parse(id).unwrap()), ..Selector::default() };
        let set = |limits: &mut LimitOverrides| limits.set(Limit::AccessToken, Some("PT1M".parse().unwrap()));
        third.admin().await.change_lifetime_rule(selector, set).await.unwrap();
    }
    let mut settings = third.settings.clone();
    settings.admin.console = false;
    let off = App::on(third.database.clone(), settings, third.clock.clone(), "fourth").await;
    assert!(registered(&off).await.is_none());
    for page in ["admin", "admin/"] {
        assert_eq!(off.network.get(&format!("{}{page}", off.issuer), &[]).await.status.as_u16(), 404, "{page}");
    }
    // Nor the rules that were for it.
    assert!(off.write(|db| lifetime_rules::of_client(db, &ClientId::parse(CONSOLE).unwrap())).await.is_empty());
    let told = app.write(|db| lifetime_rules::of_client(db, &ClientId::parse(PAGE).unwrap())).await;
    assert_eq!(told.len(), 1, "the control: a rule for another client");
    assert_eq!(off.network.get(&format!("{}admin/api/v1/server", off.issuer), &[]).await.status.as_u16(), 401);
}

async fn a_file_has_the_last_word(database: Database) {
    let own = client(CONSOLE, ClientKind::Spa, "https://console.example.test", |_| {});
    let app = App::start_with(database, |settings| settings.clients.push(own.clone())).await;
    let declared = registered(&app).await.unwrap();
    assert!(declared.managed_by_file);
    assert_eq!(declared.metadata, own.metadata);
    // And it stays the operator's where the console is switched off.
    let mut settings = app.settings.clone();
    settings.admin.console = false;
    let off = App::on(app.database.clone(), settings, app.clock.clone(), "off").await;
    assert_eq!(registered(&off).await.unwrap().metadata, own.metadata);
}
