//! H, S. The user's own page: nothing is ended, withdrawn or changed by another site, in another browser, for another user, without the
//! password, or out of order.

use chrono::TimeDelta;
use poem::http::Method;
use url::Url;

use crate::account::{add_user, form_to, own_page};
use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD};
use crate::support::attack::{ask, error_page, session_cookie, state, touches_the_session};
use crate::support::browser::{Browser, CROSS_SITE_FRAME, FORGED, FRAME, LINK, Navigation, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::Form;
use crate::support::network::Answer;

each_database!(
    ui_03_no_access_is_withdrawn_by_another_site,
    ui_04_no_session_is_ended_by_another_site,
    ui_09_the_own_page_is_nobodys_without_a_session,
    ui_13_no_step_of_the_own_page_can_be_skipped,
    er_05_the_own_page_sends_nobody_elsewhere,
    ac_22_a_password_changes_only_for_who_knows_it,
);

/// Every way in which a form did not come out of a page of this session in this browser. `foreign` is another user's form of the same kind, in
/// another browser; `earlier` one of this browser while somebody was signed in with it who has signed out; `anonymous` the token of its sign-in page.
async fn forgeries(browser: &Browser, form: &Form, foreign: &Form, earlier: &Form, anonymous: &str) -> Vec<(&'static str, Answer)> {
    let csrf = |form: &Form| form.field("csrf").unwrap().value.clone();
    let mut without_cookies = browser.clone();
    without_cookies.jar.clear();
    let sibling = Navigation { origin: Some("https://app.example.test"), site: "same-site", ..OWN_FORM };
    let mut attempts = vec![];
    for (what, form, navigation) in [
        ("no token", form.clone().without("csrf"), OWN_FORM),
        ("an empty token", form.clone().fill("csrf", ""), OWN_FORM),
        ("a made-up token", form.clone().fill("csrf", "x"), OWN_FORM),
        ("another user's token", form.clone().fill("csrf", &csrf(foreign)), OWN_FORM),
        ("another session's token", form.clone().fill("csrf", &csrf(earlier)), OWN_FORM),
        ("the sign-in page's token", form.clone().fill("csrf", anonymous), OWN_FORM),
        ("another site", form.clone(), FORGED),
        ("a sandboxed frame", form.clone(), Navigation { origin: Some("null"), ..FORGED }),
        ("a sibling of the same site", form.clone(), sibling),
        ("another origin", form.clone(), Navigation { origin: Some("https://evil.test"), ..OWN_FORM }),
        ("another user's form", foreign.clone(), OWN_FORM),
        ("another user's form, of another site", foreign.clone(), FORGED),
    ] {
        attempts.push((what, browser.clone().submit_as(&form, None, navigation).await));
    }
    attempts.push(("no cookies", without_cookies.submit_as(form, None, OWN_FORM).await));
    attempts
}

/// Alice's form and bobby's in browsers of their own; and the form of bobby's time in alice's browser. Each has another session to end,
/// and an application to withdraw.
struct Scene {
    alices: Browser,
    form: Form,
    foreign: Form,
    earlier: Form,
    anonymous: String,
}

async fn scene(app: &App, path: &str) -> Scene {
    let party = app.relying_party(PAGE);
    let (mut alices, mut bobs) = (app.browser(), app.browser());
    let anonymous = form_with(&ask(&mut alices, &Url::parse(&party.endpoint("login")).unwrap()).await, "csrf").field("csrf").unwrap().value.clone();
    let sign_in = async |browser: &mut Browser, username: &str| {
        let url = party.authorize("openid", &[("prompt", "login")]);
        party.exchange(&party.code(&app.authorize_as(browser, &url, username).await)).await
    };
    for username in ["bobby", "alice"] {
        sign_in(&mut app.browser(), username).await;
    }
    let bobs_time = sign_in(&mut alices, "bobby").await;
    let earlier = form_to(&own_page(app, &mut alices).await, path);
    alices.visit(&party.endpoint(&format!("oidc/logout?id_token_hint={}", bobs_time.id.unwrap()))).await.page();
    app.advance(TimeDelta::seconds(1));
    sign_in(&mut alices, "alice").await;
    sign_in(&mut bobs, "bobby").await;
    let foreign = form_to(&own_page(app, &mut bobs).await, path);
    let form = form_to(&own_page(app, &mut alices).await, path);
    Scene { alices, form, foreign, earlier, anonymous }
}

async fn nothing_comes_of_forgeries(app: &App, path: &str) -> Scene {
    let scene = scene(app, path).await;
    let before = state(app).await;
    for (what, answer) in forgeries(&scene.alices, &scene.form, &scene.foreign, &scene.earlier, &scene.anonymous).await {
        error_page(&answer, what);
    }
    // A link is no form.
    for navigation in [LINK, FRAME, CROSS_SITE_FRAME, OWN_FORM] {
        let mut url = scene.form.action.clone();
        url.query_pairs_mut().extend_pairs(scene.form.pairs(None));
        let answer = scene.alices.clone().request(Method::GET, &url, navigation, String::new()).await;
        assert_eq!(answer.status.as_u16(), 405, "{url}");
    }
    assert_eq!(state(app).await, before, "{path}");
    scene
}

async fn ui_03_no_access_is_withdrawn_by_another_site(database: Database) {
    let app = App::start(database).await;
    let mut scene = nothing_comes_of_forgeries(&app, "applications/withdraw").await;
    let before = state(&app).await;
    scene.alices.submit(&scene.form, None).await.page();
    assert_eq!(state(&app).await.consents, before.consents - 1, "the control");
}

async fn ui_04_no_session_is_ended_by_another_site(database: Database) {
    let app = App::start(database).await;
    nothing_comes_of_forgeries(&app, "sessions/end").await;
    let mut scene = nothing_comes_of_forgeries(&app, "sessions/end-others").await;
    let before = state(&app).await;
    scene.alices.submit(&scene.form, None).await.page();
    assert!(state(&app).await.live_sessions < before.live_sessions, "the control");
}

/// No cookie, a made-up one, one of a session that is over: every page and form of it leads to the sign-in page, and tells nothing.
async fn ui_09_the_own_page_is_nobodys_without_a_session(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let hint = app.sign_in(&mut browser, &own, "openid").await.id.unwrap();
    let (name, over) = session_cookie(&browser);
    browser.visit(&own.endpoint(&format!("oidc/logout?id_token_hint={hint}"))).await;
    let mut alices = app.browser();
    app.sign_in(&mut alices, &own, "openid").await;
    let (_, good) = session_cookie(&alices);
    let before = state(&app).await;
    for path in ["account", "account/password", "account/confirm", "account/confirm?ticket=x", "account?before=x"] {
        for cookie in
            [format!("{name}={over}"), format!("{name}=deadbeef"), format!("session={good}"), format!("{name}={}", good.to_lowercase()), String::new()]
        {
            let answer = app.network.get(&own.endpoint(path), &[("cookie", cookie.as_str())]).await;
            let to = if path == "account/password" { "/login?to=password" } else { "/login?to=account" };
            assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(to)), "{path} {cookie}");
            assert!(answer.text().is_empty() && !touches_the_session(&answer));
        }
        // A token is no session, and an id in the query neither.
        let token =
            app.network.get(&format!("{}?session={good}&{name}={good}", own.endpoint("account")), &[("authorization", &format!("Bearer {good}"))]).await;
        assert_eq!(token.status.as_u16(), 303);
    }
    assert_eq!(state(&app).await, before);
    let control = app.network.get(&own.endpoint("account"), &[("cookie", &format!("{name}={good}"))]).await;
    assert!(control.text().contains("Alice Example"));
}

/// What waits for the password is done for the one who was asked, in the session and browser in which they were, and after the password.
async fn ui_13_no_step_of_the_own_page_can_be_skipped(database: Database) {
    let app = App::start(database).await;
    let scene = scene(&app, "sessions/end").await;
    let (mut alices, mut bobs) = (scene.alices.clone(), app.browser());
    let own = app.relying_party(OWN_PAGE);
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;
    let bobs_form = form_to(&own_page(&app, &mut bobs).await, "sessions/end-others");
    // Somebody else's sign-in page, as a source of a ticket of another kind.
    let request = form_with(&alices.visit(own.authorize("openid", &[("prompt", "login")]).as_str()).await.page(), "ticket");
    app.advance(TimeDelta::minutes(11));
    let asked = alices.submit(&scene.form, None).await.page();
    let proof = form_with(&asked, "ticket");
    let bobs_proof = form_with(&bobs.submit(&bobs_form, None).await.page(), "ticket");
    let before = state(&app).await;
    let ticket = |form: &Form| form.field("ticket").unwrap().value.clone();
    for (what, form) in [
        ("no ticket", proof.clone().without("ticket")),
        ("an empty ticket", proof.clone().fill("ticket", "")),
        ("a sign-in's ticket", proof.clone().fill("ticket", &ticket(&request))),
        ("another user's ticket", proof.clone().fill("ticket", &ticket(&bobs_proof))),
        ("the token as ticket", proof.clone().fill("ticket", &proof.field("csrf").unwrap().value)),
        ("another user's form", bobs_proof.clone()),
    ] {
        error_page(&alices.clone().submit_as(&form.fill("password", PASSWORD), None, OWN_FORM).await, what);
    }
    for (what, password) in [("no password", ""), ("a wrong one", "wrong")] {
        let answer = alices.clone().submit_as(&proof.clone().fill("password", password), None, OWN_FORM).await;
        assert_eq!(answer.status.as_u16(), 422, "{what}");
    }
    // What waits is no sign-in's ticket either.
    let as_sign_in = request.clone().fill("ticket", &ticket(&proof)).fill("username", "alice").fill("password", PASSWORD);
    let answer = alices.clone().submit_as(&as_sign_in, None, OWN_FORM).await;
    assert!(!answer.header("location").unwrap_or_default().contains("code="));
    assert_eq!(state(&app).await.live_sessions, before.live_sessions);
    // Another user's password is nobody's proof: both have the same one here, so the name must not come from the form.
    let mut fields = proof.clone().fill("password", PASSWORD);
    fields.fields.iter_mut().filter(|field| field.name == "username").for_each(|field| field.value = "bobby".to_owned());
    let mut here = alices.clone();
    here.jar.clear();
    error_page(&here.submit_as(&fields, None, OWN_FORM).await, "no cookies");
    // The control: the proof sent to the letter, by the one who was asked. (The sign-in above has moved the session to another cookie.)
    app.advance(TimeDelta::minutes(11));
    let mut again = scene.alices.clone();
    app.authorize_as(&mut again, &own.authorize("openid", &[("prompt", "login")]), "alice").await;
    app.advance(TimeDelta::minutes(11));
    let form = form_to(&own_page(&app, &mut again).await, "sessions/end-others");
    let proof = form_with(&again.submit(&form, None).await.page(), "ticket").fill("password", PASSWORD);
    let live = state(&app).await.live_sessions;
    again.submit(&proof, None).await.page();
    assert!(state(&app).await.live_sessions < live);
}

/// Devise CVE-2026-40295, and every way to write another address where a word of ours belongs.
async fn er_05_the_own_page_sends_nobody_elsewhere(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    let form = form_to(&own_page(&app, &mut browser).await, "end-others");
    app.advance(TimeDelta::days(31));
    let cookies: Vec<String> = browser.jar.all().iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let body: Vec<(String, String)> = form.pairs(None);
    let fields: Vec<(&str, &str)> = body.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for origin in ["https://evil.test", "null", app.issuer.trim_end_matches('/')] {
        let headers =
            [("referer", "https://evil.test/x"), ("origin", origin), ("sec-fetch-site", if origin.contains("id.") { "same-origin" } else { "cross-site" })];
        let cookie = cookies.join("; ");
        let all: Vec<(&str, &str)> = headers.into_iter().chain([("cookie", cookie.as_str())]).collect();
        let answer = app.network.post_form(form.action.as_str(), &all, &fields).await;
        let own_origin = origin.contains("id.");
        assert_eq!(answer.header("location"), own_origin.then_some("/login?to=account"), "{origin}");
        assert_eq!(answer.status.as_u16(), if own_origin { 303 } else { 403 });
    }
    for to in [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "javascript:alert(1)",
        "account@evil.test",
        "account/../../evil",
        "/account",
        "Account",
        " account",
        "account ",
        "account%0d%0aLocation:%20https://evil.test",
        "%2f%2fevil.test",
        "",
        "home",
        "admin",
        "../admin",
    ] {
        let mut stranger = app.browser();
        let mut url = Url::parse(&own.endpoint("login")).unwrap();
        url.query_pairs_mut().append_pair("to", to);
        let page = ask(&mut stranger, &url).await;
        let form = form_with(&page, "password");
        assert!(form.field("to").is_none() && !page.text().contains("evil"), "{to}: {}", page.text());
        let mut forged = form.fill("username", "alice").fill("password", PASSWORD);
        forged.fields.push(crate::support::form::Field { name: "to".to_owned(), value: to.to_owned(), kind: "hidden".to_owned() });
        let answer = stranger.submit_as(&forged, None, OWN_FORM).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/")), "{to}");
    }
    // The word for what was just done cannot be made up, nor taken to another browser.
    let mut alices = app.browser();
    app.sign_in(&mut alices, &own, "openid").await;
    let form = form_to(&own_page(&app, &mut alices).await, "end-others");
    let done = alices.submit(&form, None).await.page();
    assert!(done.text().contains("nowhere else") && done.text().contains("class=\"told\""));
    let mut bobs = app.browser();
    app.authorize_as(&mut bobs, &own.authorize("openid", &[]), "bobby").await;
    for address in [done.url.to_string(), own.endpoint("account?done=password_changed"), own.endpoint("account?done=x")] {
        assert!(!bobs.visit(&address).await.page().text().contains("class=\"told\""), "{address}");
    }
}

/// ASVS 5.0 §6.2.3, §7.4.3, §7.5.1: the old password is asked, by the session's own account, and everything else is ended.
async fn ac_22_a_password_changes_only_for_who_knows_it(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    add_user(&app, "carol").await;
    add_user(&app, "dave").await;
    let sign_in = async |username: &str| {
        let mut browser = app.browser();
        app.authorize_as(&mut browser, &own.authorize("openid", &[]), username).await;
        browser
    };
    let (mut carols, mut elsewhere, mut daves) = (sign_in("carol").await, sign_in("carol").await, sign_in("dave").await);
    let form_of = async |browser: &mut Browser| form_with(&browser.visit(&own.endpoint("account/password")).await.page(), "new_password");
    let new = "wrong donkey battery clip";
    let filled = |form: &Form| form.clone().fill("password", PASSWORD).fill("new_password", new).fill("password_again", new);
    let (form, foreign) = (filled(&form_of(&mut carols).await), filled(&form_of(&mut daves).await));
    let changed = async || (app.user("carol").await.password_changed_at, app.user("dave").await.password_changed_at);
    let before = (changed().await, state(&app).await);
    for (what, answer) in forgeries(&carols, &form, &foreign, &foreign, "x").await {
        error_page(&answer, what);
    }
    for (what, attempt) in [
        ("without the old one", form.clone().without("password")),
        ("with an empty old one", form.clone().fill("password", "")),
        ("with the new one as the old one", form.clone().fill("password", new)),
        ("the old one in other case", form.clone().fill("password", &PASSWORD.to_uppercase())),
        ("the old one with a space", form.clone().fill("password", &format!("{PASSWORD} "))),
    ] {
        let answer = carols.clone().submit_as(&attempt, None, OWN_FORM).await;
        assert_eq!(answer.status.as_u16(), 422, "{what}");
        assert!(!touches_the_session(&answer), "{what}");
    }
    assert_eq!((changed().await, state(&app).await), before);
    // A name in the form names nobody: the account is the session's.
    let mut named = form.clone();
    named.fields.iter_mut().filter(|field| field.name == "username").for_each(|field| field.value = "dave".to_owned());
    let answer = carols.submit_as(&named, None, OWN_FORM).await;
    assert!(touches_the_session(&answer), "under a new cookie: {} {}", answer.status, answer.text());
    let after = changed().await;
    assert!(after.0 >= before.0.0 && after.1 == before.0.1);
    assert!(app.user("carol").await.password_hash.unwrap().expose() != app.user("dave").await.password_hash.unwrap().expose());
    assert_eq!(own.error(&app.silently(&mut elsewhere, &own, "openid", &[]).await), "login_required");
    own.code(&app.silently(&mut carols, &own, "openid", &[]).await);
    own.code(&app.silently(&mut daves, &own, "openid", &[]).await);
    // The same form once more: it is of the password before.
    let again = carols.submit_as(&form, None, OWN_FORM).await;
    assert_eq!(again.status.as_u16(), 422);
}
