//! The first admin: a one-time link that the first start prints.

use chrono::TimeDelta;

use crate::support::app::{App, OWN_PAGE, PASSWORD};
use crate::support::browser::{FORGED, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};

each_database!(a_link_makes_the_first_admin, a_link_is_good_for_a_day, the_form_is_judged_and_proves_where_it_comes_from);

async fn a_link_makes_the_first_admin(database: Database) {
    let app = App::start(database).await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    let other = app.running.first_admin_link().await.unwrap().unwrap();
    assert!(link.starts_with(&app.issuer));
    let mut browser = app.browser();
    let page = browser.visit(&link).await.page();
    let fill = |form: crate::support::form::Form, name: &str| form.fill("username", name).fill("password", PASSWORD).fill("password_again", PASSWORD);
    let form = form_with(&page, "password_again");
    let answer = browser.submit_as(&fill(form.clone(), "root"), None, OWN_FORM).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert!(app.user("root").await.role == Some(gatekey::domain::admin_scope::AdminRole::Administrator));

    // AC-18: closed for ever, by this link and by any other; no new one is given out.
    for used in [&link, &other, &format!("{link}x"), &format!("{}setup", app.issuer)] {
        let page = browser.visit(used).await.page();
        assert_eq!(page.status.as_u16(), 400, "{used}");
    }
    assert_eq!(browser.submit_as(&fill(form, "second"), None, OWN_FORM).await.status.as_u16(), 400);
    assert_eq!(app.running.first_admin_link().await.unwrap(), None);

    // Not even when there is no administrator again: only a new one opens.
    let root = app.user("root").await;
    let with = |role| {
        let user = gatekey::domain::user::User { role, ..root.clone() };
        app.write(move |db| gatekey::store::users::update(db, &user))
    };
    assert!(with(None).await);
    assert_eq!(browser.visit(&other).await.page().status.as_u16(), 400);
    let anew = app.running.first_admin_link().await.unwrap().unwrap();
    assert_eq!(browser.visit(&anew).await.page().status.as_u16(), 200);
    assert!(with(root.role).await);

    // The account is one like any other.
    let party = app.relying_party(OWN_PAGE);
    party.code(&app.authorize_as(&mut app.browser(), &party.authorize("openid", &[]), "root").await);
}

async fn a_link_is_good_for_a_day(database: Database) {
    let app = App::start(database).await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    let page = app.browser().visit(&link).await.page();
    form_with(&page, "password_again");
    app.advance(TimeDelta::seconds(1));
    assert_eq!(app.browser().visit(&link).await.page().status.as_u16(), 400);
}

/// UI-02, AC-25; each mistake is told beside its field, and no password is sent back.
async fn the_form_is_judged_and_proves_where_it_comes_from(database: Database) {
    let app = App::start(database).await;
    let link = app.running.first_admin_link().await.unwrap().unwrap();
    let mut browser = app.browser();
    let page = browser.visit(&link).await.page();
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    let form = form_with(&page, "password_again").fill("username", "root").fill("password", PASSWORD).fill("password_again", PASSWORD);
    for wrong in [
        form.clone().fill("username", ""),
        form.clone().fill("password", "short").fill("password_again", "short"),
        form.clone().fill("password_again", "something else entirely"),
        form.clone().fill("username", "alice"),
        form.clone().fill("email", "no address"),
    ] {
        let answer = browser.submit_as(&wrong, None, OWN_FORM).await;
        assert!(answer.status.is_client_error());
        assert!(answer.text().contains("aria-invalid=\"true\""), "{}", answer.text());
        assert!(!answer.text().contains(PASSWORD));
    }
    for refused in [
        browser.clone().submit_as(&form.clone().without("csrf"), None, OWN_FORM).await,
        browser.clone().submit_as(&form, None, FORGED).await,
        app.browser().submit_as(&form, None, OWN_FORM).await,
    ] {
        assert!(matches!(refused.status.as_u16(), 400 | 403), "{}", refused.status);
    }
    // The control: the link is still good.
    assert_eq!(browser.submit_as(&form, None, OWN_FORM).await.status.as_u16(), 200);
}
