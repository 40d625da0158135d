//! H, I, Z. Several accounts in one browser: nobody chooses for the user, nobody learns who else is signed in, nobody's session answers for another's.

use chrono::TimeDelta;
use poem::http::Method;
use url::Url;

use crate::support::app::{App, OTHER_PAGE, OWN_PAGE, PAGE, PASSWORD};
use crate::support::attack::{ask, ask_as, error_page, state, told, touches_the_session};
use crate::support::browser::{Browser, FORGED, FRAME, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::{Form, forms};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(
    ui_02_nobody_is_added_by_another_site,
    ui_03_nobody_is_chosen_by_another_site,
    ui_06_no_browser_chooses_a_session_of_another,
    ui_07_a_browser_holds_what_it_was_given,
    ui_10_each_account_has_what_is_its_own,
    pn_02_who_else_is_signed_in_is_not_told,
    pn_04_a_hint_gets_its_own_user_or_nobody,
    pn_08_a_choice_is_no_sign_in,
    pn_11_a_dead_session_is_no_account,
    lo_01_a_hint_signs_out_its_own_account,
);

/// Signs in as somebody, beside whoever is signed in already.
async fn add(app: &App, browser: &mut Browser, party: &RelyingParty, username: &str) -> Tokens {
    app.advance(TimeDelta::seconds(1));
    let response = app.authorize_as(browser, &party.authorize("openid", &[("prompt", "login")]), username).await;
    party.exchange(&party.code(&response)).await
}

/// alice, and bobby who signed in after her, both at the operator's own application.
async fn both(app: &App, browser: &mut Browser) -> [Tokens; 2] {
    let own = app.relying_party(OWN_PAGE);
    [add(app, browser, &own, "alice").await, add(app, browser, &own, "bobby").await]
}

async fn sub(party: &RelyingParty, response: &Url) -> String {
    let tokens = party.exchange(&party.code(response)).await;
    party.claims(tokens.id.as_ref().unwrap()).await["sub"].as_str().unwrap().to_owned()
}

async fn id(app: &App, username: &str) -> String {
    app.user(username).await.id.to_string()
}

async fn chooser(browser: &mut Browser, party: &RelyingParty) -> Form {
    form_with(&browser.visit(party.authorize("openid", &[("prompt", "select_account")]).as_str()).await.page(), "account")
}

/// The accounts that a chooser has buttons for.
fn choices(form: &Form) -> Vec<String> {
    form.fields.iter().filter(|field| field.name == "account" && field.value != "other").map(|field| field.value.clone()).collect()
}

fn cookies(browser: &Browser) -> Vec<(String, String)> {
    browser.jar.all().iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect()
}

/// An attacker's own account beside the victim's would have what the victim does next: login CSRF.
async fn ui_02_nobody_is_added_by_another_site(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    add(&app, &mut browser, &own, "alice").await;
    let form = form_with(&browser.visit(&own.endpoint("login")).await.page(), "password").fill("username", "bobby").fill("password", PASSWORD);
    let (before, held) = (state(&app).await, cookies(&browser));
    let mut bare = form.clone();
    bare.fields.retain(|field| matches!(field.name.as_str(), "username" | "password"));
    for (what, form, navigation) in [("forged", &form, FORGED), ("without a token", &bare, OWN_FORM), ("both", &bare, FORGED)] {
        let answer = browser.clone().submit_as(form, None, navigation).await;
        error_page(&answer, what);
    }
    assert_eq!((state(&app).await, cookies(&browser)), (before, held));
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, id(&app, "alice").await);
    // The control: by hand.
    browser.submit(&form, None).await.page();
    assert_eq!(choices(&chooser(&mut browser, &own).await).len(), 2);
}

/// Which account an application gets is the user's to say, on a page of this browser.
async fn ui_03_nobody_is_chosen_by_another_site(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    both(&app, &mut browser).await;
    let form = chooser(&mut browser, &own).await;
    let alices = choices(&form)[1].clone();
    let page = browser.visit(&own.endpoint("account")).await.page();
    let switch = forms(&page.url, page.text()).into_iter().find(|form| form.action.path().ends_with("switch")).unwrap();
    let mut foreign = app.browser();
    both(&app, &mut foreign).await;
    let foreign_page = foreign.visit(&own.endpoint("account")).await.page();
    let foreign_switch = forms(&foreign_page.url, foreign_page.text()).into_iter().find(|form| form.action.path().ends_with("switch")).unwrap();
    let foreign = chooser(&mut foreign, &own).await;
    let csrf = |form: &Form| form.field("csrf").unwrap().value.clone();
    let before = state(&app).await;
    for (form, foreign, button) in [(&form, &foreign, alices.as_str()), (&switch, &foreign_switch, switch.first_button())] {
        let without = form.clone().without("csrf");
        for (what, form, navigation) in [
            ("of another site", form.clone(), FORGED),
            ("without a token", without.clone(), OWN_FORM),
            ("without a token, of another site", without, FORGED),
            ("another browser's token", form.clone().fill("csrf", &csrf(foreign)), OWN_FORM),
        ] {
            let mut victim = browser.clone();
            let answer = victim.submit_as(&form, Some(button), navigation).await;
            error_page(&answer, what);
            assert_eq!(cookies(&victim), cookies(&browser), "{what}");
        }
        // Nor by a link.
        let mut url = form.action.clone();
        url.query_pairs_mut().extend_pairs(form.pairs(Some(button)));
        let mut victim = browser.clone();
        let answer = victim.request(Method::GET, &url, FORGED, String::new()).await;
        assert!(!answer.header("location").unwrap_or_default().contains("code=") && cookies(&victim) == cookies(&browser), "{}", answer.status);
    }
    assert_eq!(state(&app).await, before);
    // The controls.
    assert_eq!(sub(&own, &browser.clone().submit(&form, Some(&alices)).await.left()).await, id(&app, "alice").await);
    assert!(browser.submit(&switch, Some(switch.first_button())).await.page().text().contains("Alice Example"));
}

/// The number of a session is no secret and opens nothing: a browser chooses among its own.
async fn ui_06_no_browser_chooses_a_session_of_another(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let (mut browser, mut victims) = (app.browser(), app.browser());
    add(&app, &mut browser, &own, "bobby").await;
    let sessions_before = choices(&chooser(&mut browser, &own).await);
    add(&app, &mut victims, &own, "alice").await;
    let alices = choices(&chooser(&mut victims, &own).await)[0].clone();
    for wanted in [alices.as_str(), "current", "", "0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d", "' OR 1=1 --"] {
        let form = chooser(&mut browser, &own).await;
        let mut forged = form.clone();
        forged.fields.retain(|field| field.kind != "submit");
        forged.fields.push(crate::support::form::Field { name: "account".to_owned(), value: wanted.to_owned(), kind: "hidden".to_owned() });
        let (before, held) = (state(&app).await, cookies(&browser));
        // The page again, with bobby on it and nobody else.
        let again = browser.submit(&forged, None).await.page();
        assert_eq!(choices(&form_with(&again, "account")), sessions_before, "{wanted}");
        assert!(!again.text().contains("Alice"), "{wanted}");
        assert_eq!((state(&app).await, cookies(&browser)), (before, held), "{wanted}");
        // Nor to sign her out, nor to see her page.
        let page = browser.visit(&own.endpoint("oidc/logout")).await.page();
        let mut logout = form_with(&page, "decision");
        logout.fields.retain(|field| field.kind != "submit");
        logout.fields.push(crate::support::form::Field { name: "account".to_owned(), value: wanted.to_owned(), kind: "hidden".to_owned() });
        let before = state(&app).await;
        browser.clone().submit_as(&logout, None, OWN_FORM).await;
        assert_eq!(state(&app).await, before, "{wanted}");
    }
    let page = browser.visit(&own.endpoint("account")).await.page();
    let csrf = forms(&page.url, page.text())[0].field("csrf").unwrap().value.clone();
    let url = Url::parse(&own.endpoint("account/switch")).unwrap();
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("csrf", &csrf).append_pair("session", &alices).finish();
    let answer = browser.request(Method::POST, &url, OWN_FORM, body).await;
    assert_eq!((answer.status.as_u16(), touches_the_session(&answer)), (404, false));
    // The control.
    let form = chooser(&mut browser, &own).await;
    assert_eq!(sub(&own, &browser.submit(&form, Some(form.first_button())).await.left()).await, id(&app, "bobby").await);
    assert_eq!(sub(&own, &app.silently(&mut victims, &own, "openid", &[]).await).await, id(&app, "alice").await);
}

/// Cookies put into another place, copied, renumbered: what opens something is the secret, in whichever place; an order that is made up is only an order.
async fn ui_07_a_browser_holds_what_it_was_given(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    both(&app, &mut browser).await;
    let sessions: Vec<(String, String)> =
        cookies(&browser).into_iter().filter(|(name, _)| !name.ends_with("-browser") && !name.ends_with("-known") && !name.ends_with("-state")).collect();
    let [(first, alices), (second, bobbys)] = sessions.as_slice() else { panic!("{sessions:?}") };
    assert!(alices.split('.').count() == 1 && bobbys.split('.').count() == 2, "the order is told once there is one");
    let secret = bobbys.split('.').next().unwrap();
    let who = async |line: String, hint: &[(&str, &str)]| {
        let mut all = vec![("prompt", "none")];
        all.extend(hint);
        let answer = app.network.get(own.authorize("openid", &all).as_str(), &[("cookie", &line)]).await;
        let location = answer.location().unwrap();
        if location.query().unwrap().contains("code=") { Ok(sub(&own, &location).await) } else { Err(own.error(&location)) }
    };
    let (alice, bobby) = (id(&app, "alice").await, id(&app, "bobby").await);
    let before = state(&app).await;
    for order in ["", ".", ".x", ".-1", ".1e3", ".99999999999999999999999", ".1.2", ". 1", ".1 2"] {
        // Half a value is none, and takes nobody with it.
        let answer = who(format!("{first}={alices}; {second}={secret}{order}"), &[]).await;
        let expected = if order.is_empty() { Err("account_selection_required".to_owned()) } else { Ok(alice.clone()) };
        assert_eq!(answer, expected, "{order:?}");
    }
    for order in ["0", "1", "00000000000000000009", "18446744073709551615"] {
        let line = format!("{first}={alices}; {second}={secret}.{order}");
        assert_eq!(who(line.clone(), &[]).await, Err("account_selection_required".to_owned()), "{order}");
        assert_eq!(who(line.clone(), &[("login_hint", "alice")]).await, Ok(alice.clone()), "{order}");
        assert_eq!(who(line, &[("login_hint", "bobby")]).await, Ok(bobby.clone()), "{order}");
    }
    // The same session twice is one of them, whichever place it is in.
    assert_eq!(who(format!("{first}={alices}; {second}={alices}"), &[("login_hint", "alice")]).await, Ok(alice.clone()));
    assert_eq!(who(format!("{first}-5={bobbys}"), &[]).await, Ok(bobby.clone()));
    // More than there are places for: the rest is not looked at.
    let many: String = (2..40).map(|i| format!("{first}-{i}={}; ", "A".repeat(43))).collect();
    assert_eq!(who(format!("{many}{first}={alices}"), &[]).await, Ok(alice));
    assert_eq!((state(&app).await.sessions, state(&app).await.live_sessions), (before.sessions, before.live_sessions));
    // The control: a sign-in beside made-up ones puts them right.
    let mut mended = app.browser();
    for name in [format!("{first}-2"), format!("{first}-4")] {
        mended.jar.set(&Url::parse(&app.issuer).unwrap(), &format!("{name}=made-up.7; Path=/; Secure; HttpOnly; SameSite=None"), app.now());
    }
    add(&app, &mut mended, &own, "bobby").await;
    let left: Vec<_> = cookies(&mended).into_iter().filter(|(_, value)| value.contains("made-up")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(sub(&own, &app.silently(&mut mended, &own, "openid", &[]).await).await, bobby);
}

/// Names of sessions, tokens, forms and pages: none of one account is of use to the other.
async fn ui_10_each_account_has_what_is_its_own(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let [alice, bob] = both(&app, &mut browser).await;
    let (a, b) = (own.claims(alice.id.as_ref().unwrap()).await, own.claims(bob.id.as_ref().unwrap()).await);
    assert!(a["sub"] != b["sub"] && a["sid"] != b["sid"]);
    for _ in 0..3 {
        for (tokens, claims) in [(&alice, &a), (&bob, &b)] {
            let hint = [("id_token_hint", tokens.id.as_deref().unwrap())];
            let again = own.exchange(&own.code(&app.silently(&mut browser, &own, "openid", &hint).await)).await;
            let again = own.claims(again.id.as_ref().unwrap()).await;
            assert_eq!((&again["sub"], &again["sid"], &again["auth_time"]), (&claims["sub"], &claims["sid"], &claims["auth_time"]));
        }
    }
    // Redeemed late, a code is of whom it was for, whoever is chosen meanwhile.
    let waiting = own.code(&app.silently(&mut browser, &own, "openid", &[("login_hint", "alice")]).await);
    let form = chooser(&mut browser, &own).await;
    browser.submit(&form, Some(form.first_button())).await.left();
    let late = own.exchange(&waiting).await;
    assert_eq!(own.claims(late.id.as_ref().unwrap()).await["sub"], a["sub"]);
    // A page that asked alice for her password takes bobby's for his own account, and leaves her as she was.
    app.advance(TimeDelta::seconds(1));
    let page = browser.visit(own.authorize("openid", &[("prompt", "login"), ("login_hint", "alice")]).as_str()).await.page();
    let form = form_with(&page, "password").fill("username", "bobby").fill("password", PASSWORD);
    let finished = own.exchange(&own.code(&browser.submit(&form, None).await.left())).await;
    let finished = own.claims(finished.id.as_ref().unwrap()).await;
    assert_eq!((&finished["sub"], &finished["sid"]), (&b["sub"], &b["sid"]));
    let hers = own.exchange(&own.code(&app.silently(&mut browser, &own, "openid", &[("login_hint", "alice")]).await)).await;
    assert_eq!(own.claims(hers.id.as_ref().unwrap()).await["auth_time"], a["auth_time"]);
}

/// What one application is answered in silence, with each way of asking for somebody: the error, or the code's user.
async fn answers(app: &App, browser: &Browser, party: &RelyingParty, hints: &[(&str, String)]) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in hints {
        let answer: Answer = ask_as(&mut browser.clone(), &party.authorize("openid", &[("prompt", "none"), (*name, value)]), FRAME).await;
        let (place, fields) = told(&answer);
        assert_eq!((answer.status.as_u16(), answer.body.len()), (303, 0));
        assert_eq!(place, party.redirect_uri);
        all.push(match fields.get("code") {
            Some(code) => own_sub(app, party, code).await,
            None => format!("{} {}", fields["error"], fields["error_description"]),
        });
    }
    all
}

async fn own_sub(_: &App, party: &RelyingParty, code: &str) -> String {
    party.claims(party.exchange(code).await.id.as_ref().unwrap()).await["sub"].as_str().unwrap().to_owned()
}

/// ASVS 6.3.8: that bobby is signed in beside alice is nothing to an application that only she has allowed something; and nothing at all to one that
/// nobody has.
async fn pn_02_who_else_is_signed_in_is_not_told(database: Database) {
    let app = App::start(database).await;
    let (own, hers, strangers) = (app.relying_party(OWN_PAGE), app.relying_party(PAGE), app.relying_party(OTHER_PAGE));
    let bobs_hint = add(&app, &mut app.browser(), &own, "bobby").await.id.unwrap();
    let (alice, bobby) = (id(&app, "alice").await, id(&app, "bobby").await);
    let claims = |user: &str| serde_json::json!({"id_token": {"sub": {"value": user}}}).to_string();
    let hints = [
        ("display", "page".to_owned()),
        ("id_token_hint", bobs_hint),
        ("claims", claims(&bobby)),
        ("claims", claims("nobody")),
        ("login_hint", "bobby".to_owned()),
        ("login_hint", "bobby@example.test".to_owned()),
        ("login_hint", "nobody".to_owned()),
        ("max_age", "1".to_owned()),
        ("max_age", "100000".to_owned()),
    ];
    // alice alone, and alice with bobby: signed in before her, and after.
    let mut alone = app.browser();
    add(&app, &mut alone, &hers, "alice").await;
    let (mut before, mut after) = (app.browser(), app.browser());
    add(&app, &mut before, &own, "bobby").await;
    add(&app, &mut before, &hers, "alice").await;
    add(&app, &mut after, &hers, "alice").await;
    add(&app, &mut after, &own, "bobby").await;
    app.advance(TimeDelta::seconds(100));
    let (expected, nothing) = (answers(&app, &alone, &hers, &hints).await, answers(&app, &alone, &strangers, &hints).await);
    assert_eq!(expected[0], alice);
    assert!(nothing.iter().all(|answer| answer.starts_with("consent_required")), "{nothing:?}");
    for (what, browser) in [("before", &before), ("after", &after)] {
        assert_eq!(answers(&app, browser, &hers, &hints).await, expected, "{what}");
        assert_eq!(answers(&app, browser, &strangers, &hints).await, nothing, "{what}");
    }
    // The control: for whom both are there, each is found.
    assert_eq!(answers(&app, &before, &own, &[("login_hint", "alice".to_owned()), ("login_hint", "bobby".to_owned())]).await, [alice, bobby]);
}

/// OIDC Core §3.1.2.1, with both of them there.
async fn pn_04_a_hint_gets_its_own_user_or_nobody(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let [alice, bob] = both(&app, &mut browser).await;
    let (alices, bobbys) = (alice.id.unwrap(), bob.id.unwrap());
    // Two that contradict each other name nobody, in silence and with a page; a weaker hint does not outweigh a stronger.
    let claims = serde_json::json!({"id_token": {"sub": {"value": id(&app, "bobby").await}}}).to_string();
    let both_ways = [("id_token_hint", alices.as_str()), ("claims", claims.as_str())];
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &both_ways).await), "account_selection_required");
    form_with(&browser.visit(own.authorize("openid", &both_ways).as_str()).await.page(), "password");
    for weaker in ["bobby", "nobody", ""] {
        let hints = [("id_token_hint", alices.as_str()), ("login_hint", weaker)];
        assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &hints).await).await, id(&app, "alice").await);
        assert_eq!(sub(&own, &browser.visit(own.authorize("openid", &hints).as_str()).await.left()).await, id(&app, "alice").await);
    }
    // A hint of one who has signed out gets nobody else's code, with one left and with none.
    let logout = |hint: &str| Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", hint)]).unwrap();
    browser.visit(logout(&bobbys).as_str()).await.page();
    let hinted = [("id_token_hint", bobbys.as_str())];
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &hinted).await), "account_selection_required");
    let page = browser.visit(own.authorize("openid", &hinted).as_str()).await.page();
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    form_with(&browser.submit(&form, None).await.page(), "password");
    // The control.
    let form = form_with(&page, "password").fill("username", "bobby").fill("password", PASSWORD);
    assert_eq!(sub(&own, &browser.submit(&form, None).await.left()).await, id(&app, "bobby").await);
}

/// The application wants a new sign-in: going over to an account that is signed in already is none.
async fn pn_08_a_choice_is_no_sign_in(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    both(&app, &mut browser).await;
    app.advance(TimeDelta::minutes(1));
    for changes in [vec![("prompt", "login select_account")], vec![("prompt", "select_account"), ("max_age", "0")]] {
        for account in [0, 1] {
            let mut browser = browser.clone();
            let page = browser.visit(own.authorize("openid", &changes).as_str()).await.page();
            let form = form_with(&page, "account");
            let asked = browser.submit(&form, Some(&choices(&form)[account])).await.page();
            form_with(&asked, "password");
            // Nor by going back and choosing the other, nor by the address of the page.
            let again = browser.submit(&form, Some(&choices(&form)[1 - account])).await.page();
            form_with(&again, "password");
            form_with(&browser.visit(asked.url.as_str()).await.page(), "password");
        }
    }
    // The control: the password of the one who was chosen, for this request; the other's sign-in stays as old as it is.
    let form = chooser(&mut browser, &own).await;
    let alices = choices(&form)[1].clone();
    let page = browser.visit(own.authorize("openid", &[("prompt", "login select_account")]).as_str()).await.page();
    let asked = browser.submit(&form_with(&page, "account"), Some(&alices)).await.page();
    let response = browser.submit(&form_with(&asked, "password").fill("username", "alice").fill("password", PASSWORD), None).await.left();
    let tokens = own.exchange(&own.code(&response)).await;
    let claims = own.claims(tokens.id.as_ref().unwrap()).await;
    assert_eq!((claims["sub"].as_str().unwrap(), claims["auth_time"].as_i64().unwrap()), (id(&app, "alice").await.as_str(), app.seconds()));
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[("login_hint", "bobby"), ("max_age", "10")]).await), "login_required");
    own.code(&app.silently(&mut browser, &own, "openid", &[("login_hint", "alice"), ("max_age", "10")]).await);
}

/// One that was ended or has run out is not chosen, not shown as usable, and does not stand in for the other.
async fn pn_11_a_dead_session_is_no_account(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let [alice, _] = both(&app, &mut browser).await;
    let alices = choices(&chooser(&mut browser, &own).await)[1].clone();
    let shown = chooser(&mut browser, &own).await;
    let mut stale = browser.clone();
    let hint = alice.id.unwrap();
    browser.visit(Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", &hint)]).unwrap().as_str()).await.page();
    // The cookies of before, and the page of before.
    assert_eq!(choices(&chooser(&mut stale, &own).await).len(), 1);
    let again = stale.submit(&shown, Some(&alices)).await.page();
    assert!(!choices(&form_with(&again, "account")).contains(&alices) && !again.text().contains("Alice Example"));
    assert_eq!(own.error(&app.silently(&mut stale, &own, "openid", &[("id_token_hint", &hint)]).await), "account_selection_required");
    for path in ["", "account", "oidc/logout"] {
        assert!(!stale.visit(&own.endpoint(path)).await.page().text().contains("Alice Example"), "{path}");
    }
    // The control: the other is there.
    assert_eq!(sub(&own, &app.silently(&mut stale, &own, "openid", &[]).await).await, id(&app, "bobby").await);
}

/// ASVS 10.6.2: unasked, the account that the application proves to know; all others stay, however the request comes.
async fn lo_01_a_hint_signs_out_its_own_account(database: Database) {
    let app = App::start(database).await;
    let own = app.relying_party(OWN_PAGE);
    let mut elsewhere = app.browser();
    let other_session = add(&app, &mut elsewhere, &own, "alice").await.id.unwrap();
    let mut browser = app.browser();
    let [alice, bob] = both(&app, &mut browser).await;
    let logout = |hint: &str| Url::parse_with_params(&own.endpoint("oidc/logout"), [("id_token_hint", hint)]).unwrap();
    let before = state(&app).await;
    // Of another session of alice's, forged, none: both stay, and the user is asked.
    let forged = format!("{}x", alice.id.as_ref().unwrap());
    for hint in [other_session.as_str(), &forged, ""] {
        form_with(&ask(&mut browser, &logout(hint)).await, "decision");
        assert_eq!(state(&app).await, before, "{hint}");
    }
    // Her own: hers alone ends, although bobby was chosen last.
    ask(&mut browser, &logout(alice.id.as_ref().unwrap())).await;
    assert_eq!(state(&app).await.live_sessions, before.live_sessions - 1);
    own.refused(alice.refresh()).await;
    own.refresh(bob.refresh()).await;
    assert_eq!(sub(&own, &app.silently(&mut browser, &own, "openid", &[]).await).await, id(&app, "bobby").await);
    // Once more, with the cookies of now: she is not there, so it proves nothing of bobby.
    form_with(&ask(&mut browser, &logout(alice.id.as_ref().unwrap())).await, "decision");
    own.code(&app.silently(&mut elsewhere, &own, "openid", &[]).await);
    // The control.
    ask(&mut browser, &logout(bob.id.as_ref().unwrap())).await;
    assert_eq!(own.error(&app.silently(&mut browser, &own, "openid", &[]).await), "login_required");
}
