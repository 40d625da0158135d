//! S. Resetting a password: only by the link, only of its user, once, in its time, and it signs nobody in.

use chrono::TimeDelta;
use gatekey::domain::admin_scope::AdminRole;
use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::secret::{Digest, Secret};
use gatekey::domain::user::User;
use gatekey::service::passwords::MAX_BYTES;
use gatekey::store::users;
use poem::http::Method;
use url::Url;

use crate::account::add_user;
use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, password_hash};
use crate::support::attack::{error_page, state, touches_the_session};
use crate::support::browser::{Browser, FORGED, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{Field, Form};
use crate::support::network::Answer;

each_database!(
    ac_09_nothing_but_the_link_leads_to_the_form,
    ac_10_a_link_sets_one_password_and_signs_nobody_in,
    ac_20_a_link_goes_with_its_user,
    ac_24_a_link_is_good_once_and_in_its_time,
    ac_24_what_changes_the_account_ends_its_links,
    ac_24_a_new_password_is_judged_and_the_link_stays,
);

const NEW: &str = "wrong donkey battery clip";

fn secret_of(link: &str) -> &str {
    link.split_once("?link=").unwrap().1
}

async fn form_at(browser: &mut Browser, link: &str) -> Form {
    form_with(&browser.visit(link).await.page(), "new_password").fill("new_password", NEW).fill("password_again", NEW)
}

/// What is there to see, without what is of the one answer.
fn said(answer: &Answer) -> String {
    answer.text().split("Request number").next().unwrap().to_owned()
}

/// The one page that says that a link is worth nothing, and what to do; the answer to all of them is the same.
fn worthless(answer: &Answer, what: &str) {
    error_page(answer, what);
    assert!(answer.text().contains("This link no longer works") && answer.text().contains("Ask the people who run this service"), "{what}: {}", answer.text());
    assert!(!answer.text().contains("carol") && !answer.text().contains("new_password"), "{what}");
}

async fn hash_of(app: &App, username: &str) -> (Option<String>, chrono::DateTime<chrono::Utc>) {
    let user = app.user(username).await;
    (user.password_hash.map(|hash| hash.expose().clone()), user.password_changed_at)
}

/// Whether somebody is let in.
async fn signs_in(app: &App, username: &str, password: &str) -> bool {
    let mut browser = app.browser();
    let form = form_with(&browser.visit(&format!("{}login", app.issuer)).await.page(), "password");
    touches_the_session(&browser.submit_as(&form.fill("username", username).fill("password", password), None, OWN_FORM).await)
}

/// Every way to the page of the new password, and to its form, by who knows all of carol but the link.
async fn ac_09_nothing_but_the_link_leads_to_the_form(database: Database) {
    let app = App::start(database).await;
    let id = add_user(&app, "carol").await;
    let link = app.reset_link("carol").await;
    let (before, password) = (state(&app).await, hash_of(&app, "carol").await);
    let secret = secret_of(&link);
    let digest: String = Digest::of(secret.as_bytes()).0.iter().map(|byte| format!("{byte:02x}")).collect();
    let setup = app.running.first_admin_link().await.unwrap().unwrap();
    let mut browser = app.browser();
    let token = form_with(&browser.visit(&format!("{}login", app.issuer)).await.page(), "csrf").field("csrf").unwrap().value.clone();
    let upper = secret.to_uppercase();
    let (short, long, id) = (&secret[..42], format!("{secret}A"), id.to_string());
    for guess in ["", "carol", "alice@example.test", &id, &digest, &upper, short, &long, secret_of(&setup), "null", "%00", "*", "a&user=carol"] {
        let queries = [
            format!("?link={guess}"),
            format!("?link={guess}&user=carol&email=alice@example.test&step=new_password"),
            // Twice is once too often, whichever comes first.
            format!("?link=x{guess}&link={secret}"),
            format!("?link={secret}&link=x{guess}"),
            format!("?token={secret}"),
            String::new(),
        ];
        for query in queries {
            worthless(&browser.visit(&format!("{}reset-password{query}", app.issuer)).await.page(), &query);
        }
        let fields = [("csrf", token.as_str()), ("link", guess), ("username", "carol"), ("user", &id), ("new_password", NEW), ("password_again", NEW)];
        let form = Form {
            action: Url::parse(&format!("{}reset-password", app.issuer)).unwrap(),
            method: "post".to_owned(),
            fields: fields.map(|(name, value)| Field { name: name.to_owned(), value: value.to_owned(), kind: "hidden".to_owned() }).to_vec(),
        };
        worthless(&browser.submit_as(&form, None, OWN_FORM).await, guess);
        // Beside the link in the query: only the form's own counts.
        let beside = Form { action: Url::parse(&link).unwrap(), ..form };
        worthless(&browser.submit_as(&beside, None, OWN_FORM).await, guess);
    }
    // The page for who is signed in, by who is not.
    let page = browser.visit(&format!("{}account/password", app.issuer)).await.page();
    assert!(page.url.path().ends_with("/login") && !page.text().contains("new_password"), "{}", page.url);
    assert_eq!((state(&app).await, hash_of(&app, "carol").await), (before, password));
    // The set-up page takes no link of this kind.
    error_page(&app.browser().visit(&format!("{}setup?link={secret}", app.issuer)).await.page(), "a reset link at the set-up");
    // From another site, without the page's token, in another browser; then the control.
    let form = form_at(&mut browser, &link).await;
    for refused in [
        browser.clone().submit_as(&form, None, FORGED).await,
        browser.clone().submit_as(&form.clone().without("csrf"), None, OWN_FORM).await,
        app.browser().submit_as(&form, None, OWN_FORM).await,
    ] {
        error_page(&refused, "forged");
    }
    assert!(signs_in(&app, "carol", PASSWORD).await);
    assert_eq!(browser.submit_as(&form, None, OWN_FORM).await.status.as_u16(), 200);
    assert!(signs_in(&app, "carol", NEW).await);
}

/// A link of carol's, used in a browser that dora is signed in with.
async fn ac_10_a_link_sets_one_password_and_signs_nobody_in(database: Database) {
    let app = App::start(database).await;
    add_user(&app, "carol").await;
    let dora = add_user(&app, "dora").await;
    let (own, page) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE));
    let (mut carols, mut doras) = (app.browser(), app.browser());
    carols.authorize_as(&own.authorize("openid", &[]), "carol", PASSWORD).await;
    let url = page.authorize("openid offline_access", &[]);
    let kept = page.exchange(&page.code(&carols.authorize_as(&url, "carol", PASSWORD).await)).await;
    let hers = page.exchange(&page.code(&doras.authorize_as(&url, "dora", PASSWORD).await)).await;
    let link = app.reset_link("carol").await;
    app.advance(TimeDelta::seconds(1));
    let before = state(&app).await;
    // What looks at links before people do: nothing is used up, and nobody is signed out yet.
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let looked = app.network.send(method, &link, &[], "").await;
        assert_eq!((looked.status.as_u16(), looked.header("cache-control"), touches_the_session(&looked)), (200, Some("no-store"), false));
    }
    assert_eq!(state(&app).await, before);
    let kept = page.refresh(kept.refresh()).await;

    let (dora_before, form) = (hash_of(&app, "dora").await, form_at(&mut doras, &link).await);
    assert_eq!(form.field("username").unwrap().value, "carol", "it says whose password it sets");
    let mut form = form.fill("username", "dora");
    for (name, value) in [("user", dora.to_string()), ("user_id", dora.to_string()), ("sub", dora.to_string()), ("to", "account".to_owned())] {
        form.fields.push(Field { name: name.to_owned(), value, kind: "hidden".to_owned() });
    }
    let done = doras.submit_as(&form, None, OWN_FORM).await;
    assert_eq!((done.status.as_u16(), done.location(), touches_the_session(&done)), (200, None, false), "{}", done.text());
    let after = state(&app).await;
    assert_eq!((after.sessions, after.live_sessions), (before.sessions, before.live_sessions - 1), "none began, carol's ended");
    assert_eq!((after.live_families, after.live_client_sessions), (before.live_families - 1, before.live_client_sessions - 1));
    page.refused(kept.refresh()).await;
    assert_eq!(own.error(&app.silently(&mut carols, &own, "openid", &[]).await), "login_required");
    // Dora is who she was, with the password she had, in this browser too.
    assert_eq!(hash_of(&app, "dora").await, dora_before);
    page.refresh(hers.refresh()).await;
    let silent = own.exchange(&own.code(&app.silently(&mut doras, &own, "openid", &[]).await)).await;
    assert_eq!(own.claims(silent.id.as_ref().unwrap()).await["sub"], dora.to_string());
    assert_eq!((signs_in(&app, "carol", PASSWORD).await, signs_in(&app, "carol", NEW).await), (false, true));
    assert!(signs_in(&app, "dora", PASSWORD).await && !signs_in(&app, "dora", NEW).await);
}

async fn ac_20_a_link_goes_with_its_user(database: Database) {
    let app = App::start(database).await;
    let first = add_user(&app, "carol").await;
    let link = app.reset_link("carol").await;
    let mut browser = app.browser();
    let form = form_at(&mut browser, &link).await;
    app.write(move |db| users::delete(db, first)).await;
    app.advance(TimeDelta::seconds(1));
    let second = add_user(&app, "carol").await;
    assert_ne!(first, second);
    let before = hash_of(&app, "carol").await;
    worthless(&browser.visit(&link).await.page(), "of who was deleted");
    worthless(&browser.submit_as(&form, None, OWN_FORM).await, "of who was deleted");
    assert_eq!(hash_of(&app, "carol").await, before);
    // The control: one of the account that is there now.
    let link = app.reset_link("carol").await;
    let form = form_at(&mut browser, &link).await;
    assert_eq!(browser.submit_as(&form, None, OWN_FORM).await.status.as_u16(), 200);
    assert!(signs_in(&app, "carol", NEW).await);
}

async fn ac_24_a_link_is_good_once_and_in_its_time(database: Database) {
    let app = App::start(database).await;
    add_user(&app, "carol").await;
    let mut browser = app.browser();
    let mut pages: Vec<(&str, String)> = vec![(
        "made up",
        said(&browser.visit(&format!("{}reset-password?link={}", app.issuer, Secret::<String>::generate(&SystemEntropy).expose())).await.page()),
    )];

    // To the second, for the page and for the form.
    let link = app.reset_link("carol").await;
    app.advance(TimeDelta::hours(1) - TimeDelta::seconds(1));
    let form = form_at(&mut browser, &link).await;
    app.advance(TimeDelta::seconds(1));
    let before = hash_of(&app, "carol").await;
    worthless(&browser.submit_as(&form, None, OWN_FORM).await, "expired");
    let page = browser.visit(&link).await.page();
    worthless(&page, "expired");
    pages.push(("expired", said(&page)));
    assert_eq!(hash_of(&app, "carol").await, before);

    // A newer one takes its place.
    let old = app.reset_link("carol").await;
    let old_form = form_at(&mut browser, &old).await;
    let new = app.reset_link("carol").await;
    worthless(&browser.submit_as(&old_form, None, OWN_FORM).await, "replaced");
    let page = browser.visit(&old).await.page();
    worthless(&page, "replaced");
    pages.push(("replaced", said(&page)));
    assert_eq!(hash_of(&app, "carol").await, before);

    // Sent eight times at once, to two replicas: one sets it.
    let second = app.replica("second").await;
    app.advance(TimeDelta::hours(1) - TimeDelta::seconds(1));
    let form = form_at(&mut browser, &new).await;
    let sent = (0..8).map(|turn| {
        let mut browser = if turn % 2 == 0 { browser.clone() } else { browser.through(second.network.clone()) };
        let password = format!("{NEW} {turn}");
        let form = form.clone().fill("new_password", &password).fill("password_again", &password);
        tokio::spawn(async move { (browser.submit_as(&form, None, OWN_FORM).await, password) })
    });
    let mut set = Vec::new();
    for task in sent.collect::<Vec<_>>() {
        let (answer, password) = task.await.unwrap();
        if answer.status.as_u16() == 200 { set.push(password) } else { worthless(&answer, "at once") }
    }
    assert_eq!(set.len(), 1, "{set:?}");
    assert!(signs_in(&app, "carol", &set[0]).await);
    worthless(&browser.submit_as(&form, None, OWN_FORM).await, "used");
    let page = browser.visit(&new).await.page();
    worthless(&page, "used");
    pages.push(("used", said(&page)));
    second.stop().await;
    for (what, page) in &pages {
        assert_eq!(*page, pages[0].1, "{what} reads as what was made up");
    }
}

/// Disabled, another password, another role, a password in the settings file: whoever was let at the account as it was is not let at it as it is.
async fn ac_24_what_changes_the_account_ends_its_links(database: Database) {
    let app = App::start(database).await;
    let id = add_user(&app, "carol").await;
    let admin = app.admin().await;
    let mut browser = app.browser();
    let role = async |role: Option<AdminRole>| {
        let change = move |user: &mut User| {
            user.role = role;
            Ok(())
        };
        admin.update_user(id, Box::new(change)).await.unwrap();
    };
    for what in ["disabled", "let in again", "another password", "a role", "no role"] {
        let link = app.reset_link("carol").await;
        let form = form_at(&mut browser, &link).await;
        match what {
            "disabled" => admin.disable_user(id).await.unwrap(),
            "let in again" => {
                admin.disable_user(id).await.unwrap();
                admin.enable_user(id).await.unwrap();
            }
            "another password" => admin.set_password(id, Secret::new(password_hash().to_owned())).await.unwrap(),
            "a role" => role(Some(AdminRole::Auditor)).await,
            _ => role(None).await,
        }
        let before = hash_of(&app, "carol").await;
        worthless(&browser.visit(&link).await.page(), what);
        worthless(&browser.submit_as(&form, None, OWN_FORM).await, what);
        assert_eq!(hash_of(&app, "carol").await, before, "{what}");
        if what == "disabled" {
            admin.enable_user(id).await.unwrap();
        }
    }
    // Her own change of it.
    let link = app.reset_link("carol").await;
    let own = app.relying_party(OWN_PAGE);
    browser.authorize_as(&own.authorize("openid", &[]), "carol", PASSWORD).await;
    let form = form_with(&browser.visit(&own.endpoint("account/password")).await.page(), "new_password");
    browser.submit(&form.fill("password", PASSWORD).fill("new_password", NEW).fill("password_again", NEW), None).await.page();
    worthless(&browser.visit(&link).await.page(), "changed by herself");
    // A change of the profile is none of those: the control.
    let link = app.reset_link("carol").await;
    let rename = |user: &mut User| {
        user.profile.name = Some("Carol".to_owned());
        Ok(())
    };
    admin.update_user(id, Box::new(rename)).await.unwrap();
    let form = form_at(&mut browser, &link).await;
    assert_eq!(browser.submit_as(&form, None, OWN_FORM).await.status.as_u16(), 200);
    // Declared since: the file would put its own back.
    let link = app.reset_link("carol").await;
    let mut settings = app.settings.clone();
    let declared = gatekey::settings::DeclaredUser {
        username: "carol".to_owned(),
        password_hash: Some(Secret::new(password_hash().to_owned())),
        ..settings.users[0].clone()
    };
    settings.users.push(declared);
    let app = App::on(app.database.clone(), settings, app.clock.clone(), "declared").await;
    worthless(&app.browser().visit(&link).await.page(), "declared");
    assert!(signs_in(&app, "carol", PASSWORD).await);
}

/// Each mistake is told beside its field, no password is sent back, and the link is as good as before.
async fn ac_24_a_new_password_is_judged_and_the_link_stays(database: Database) {
    let app = App::start(database).await;
    add_user(&app, "carol").await;
    let link = app.reset_link("carol").await;
    let mut browser = app.browser();
    let page = browser.visit(&link).await.page();
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), (Some("no-store"), Some("same-origin")));
    let form = form_with(&page, "new_password");
    let long = "x".repeat(MAX_BYTES + 1);
    for (one, other, why) in [
        ("", "", "Choose a new password"),
        (NEW, "something else entirely", "The two new passwords differ"),
        ("short", "short", "This password is too short"),
        (&long, &long, "This password is too long"),
    ] {
        let answer = browser.submit_as(&form.clone().fill("new_password", one).fill("password_again", other), None, OWN_FORM).await;
        assert_eq!(answer.status.as_u16(), 422, "{why}");
        assert!(answer.text().contains(why) && answer.text().contains("aria-invalid=\"true\""), "{}", answer.text());
        assert!(!answer.text().contains(NEW) && form_with(&answer, "new_password").field("link").unwrap().value == secret_of(&link));
    }
    assert!(signs_in(&app, "carol", PASSWORD).await);
    // As it was typed; and whoever failed too often with the old one is not kept waiting here.
    let mut stranger = app.browser_at("192.0.2.7");
    for _ in 0..30 {
        let form = form_with(&stranger.visit(&format!("{}login", app.issuer)).await.page(), "password");
        stranger.submit_as(&form.fill("username", "carol").fill("password", "forgotten"), None, OWN_FORM).await;
    }
    let mut hers = stranger.clone();
    let password = "  Straße \u{1f511} ";
    let form = form_at(&mut hers, &link).await.fill("new_password", password).fill("password_again", password);
    let done = hers.submit_as(&form, None, OWN_FORM).await;
    assert!(done.status.as_u16() == 200 && done.text().contains("login?to=account"), "{}", done.text());
    let sign_in = async |browser: &mut Browser| {
        let form = form_with(&browser.visit(&format!("{}login?to=account", app.issuer)).await.page(), "password");
        browser.submit_as(&form.fill("username", "carol").fill("password", password), None, OWN_FORM).await.status.as_u16()
    };
    assert_eq!((sign_in(&mut stranger).await, sign_in(&mut hers).await), (429, 303));
}
