//! C. Mix-up: which issuer an answer is of, and whether two issuers stay apart (RFC 9207, RFC 9700 §4.4).

use gatekey::domain::scope::Scope;
use poem::Route;
use url::Url;

use crate::support::app::{App, OWN_PAGE, PAGE, PASSWORD, SERVER};
use crate::support::attack::{ask, error_page, session_cookie, state, told};
use crate::support::browser::{FRAME, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Network;

each_database!(mx_01_every_answer_names_its_issuer, mx_02_nothing_of_one_issuer_is_good_at_another);

/// RFC 9207 §2: in success and in every error, in every response mode.
async fn mx_01_every_answer_names_its_issuer(database: Database) {
    let app = App::start_with(database, |settings| {
        let own = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        own.metadata.scope = Scope::parse("openid").unwrap();
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let metadata = app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let issuer = metadata["issuer"].as_str().unwrap().to_owned();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let mut stranger = app.browser();
    let long = "x".repeat(5000);
    for mode in ["", "query", "fragment", "form_post", "web_message"] {
        let place = if mode == "web_message" { Url::parse(&party.redirect_uri).unwrap().origin().ascii_serialization() } else { party.redirect_uri.clone() };
        let success = told(&ask(&mut browser, &party.authorize("openid", &[("response_mode", mode)])).await).1;
        assert!(success.contains_key("code") && !success.contains_key("error"), "{success:?}");
        assert_eq!((success["iss"].as_str(), success["state"].as_str()), (issuer.as_str(), party.state.as_str()));
        let mut seen = vec![];
        for (name, value) in [
            ("prompt", "none"),
            ("prompt", "bogus"),
            ("prompt", "none login"),
            ("scope", "unknown"),
            ("scope", "a\"b"),
            ("response_type", "token"),
            ("response_type", ""),
            ("code_challenge", ""),
            ("code_challenge_method", "plain"),
            ("nonce", &long),
            ("max_age", "x"),
            ("resource", "https://evil.test/"),
            ("id_token_hint", "x"),
            ("request", "x"),
            ("request_uri", "https://evil.test/"),
            ("registration", "{}"),
        ] {
            let answer = told(&ask(&mut stranger, &party.authorize("openid", &[("response_mode", mode), (name, value)])).await);
            assert_eq!(answer.0, place, "{mode}: {name}={value}");
            assert_eq!(answer.1["iss"], issuer, "{mode}: {name}={value}");
            assert_eq!(answer.1["state"], party.state, "{mode}: {name}={value}");
            assert!(!answer.1.contains_key("code"), "{mode}: {name}={value}");
            seen.push(answer.1["error"].clone());
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() >= 7, "errors of all kinds: {seen:?}");
        // The user's no.
        let page = app.relying_party(PAGE);
        let consent = browser.visit(page.authorize("openid", &[("response_mode", mode)]).as_str()).await.page();
        let denied = told(&browser.submit_as(&form_with(&consent, "decision"), Some("deny"), OWN_FORM).await).1;
        assert_eq!((denied["error"].as_str(), denied["iss"].as_str()), ("access_denied", issuer.as_str()));
        // Without a state none is made up, and iss is there all the same.
        let bare = told(&ask(&mut browser, &party.authorize("openid", &[("response_mode", mode), ("state", "")])).await).1;
        assert_eq!((bare.get("state"), bare["iss"].as_str()), (None, issuer.as_str()));
    }
    // A mode there is none of is refused, in one there is.
    for mode in ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt", "QUERY", "x"] {
        let refused = told(&ask(&mut browser, &party.authorize("openid", &[("response_mode", mode)])).await).1;
        assert_eq!((refused["error"].as_str(), refused["iss"].as_str()), ("invalid_request", issuer.as_str()), "{mode}");
    }
}

/// Two issuers in one process, even on one database and under one master key: what is of one is unknown to the other, and unharmed by it.
async fn mx_02_nothing_of_one_issuer_is_good_at_another(database: Database) {
    let mut first =
        App::start_with(database, |settings| settings.issuer = gatekey::settings::Settings::for_issuer("https://id.example.test/first/").unwrap().issuer).await;
    let mut settings = first.settings.clone();
    settings.issuer = gatekey::settings::Settings::for_issuer("https://id.example.test/second/").unwrap().issuer;
    let mut second = App::on(first.database.clone(), settings, first.clock.clone(), "second").await;
    let network = Network::new(Route::new().nest("/first", first.routes()).nest("/second", second.routes()));
    (first.network, second.network) = (network.clone(), network);

    let mut browser = first.browser();
    let (at_first, at_second) = (first.relying_party(SERVER), second.relying_party(SERVER));
    let tokens = first.sign_in(&mut browser, &at_first, "openid").await;
    let id_token = tokens.id.clone().unwrap();
    let code = at_first.code(&first.silently(&mut browser, &at_first, "openid", &[]).await);
    let page = first.sign_in_page(&mut first.browser(), &first.relying_party(PAGE)).await;
    let theirs = form_with(&page, "password");
    let before = state(&first).await;

    let refused = at_second.try_exchange(&code).await;
    assert_eq!((refused.status.as_u16(), refused.error().as_str()), (400, "invalid_grant"));
    at_second.refused(tokens.refresh()).await;
    for token in [&tokens.access, tokens.refresh(), &id_token] {
        assert_eq!(at_second.introspect(token).await, serde_json::json!({"active": false}));
        assert_eq!(at_second.revoke(token).await.status.as_u16(), 200, "an unknown token needs no revoking");
    }
    assert_eq!(at_second.userinfo(&tokens.access).await.status.as_u16(), 401);
    let admin = second.network.get(&at_second.endpoint("admin/api/v1/server"), &[("authorization", &format!("Bearer {}", tokens.access))]).await;
    assert_eq!(admin.status.as_u16(), 401);
    // A hint names nobody there, and signs nobody out.
    let mut both = browser.clone();
    second.sign_in(&mut both, &at_second, "openid").await;
    let before = crate::support::attack::State { sessions: before.sessions + 1, live_sessions: before.live_sessions + 1, ..state(&first).await };
    assert_eq!(at_second.error(&second.silently(&mut both, &at_second, "openid", &[("id_token_hint", &id_token)]).await), "invalid_request");
    let logout = Url::parse_with_params(&at_second.endpoint("oidc/logout"), [("id_token_hint", id_token.as_str())]).unwrap();
    form_with(&ask(&mut both, &logout).await, "decision");
    // The cookie of one is no cookie of the other.
    assert_eq!(at_second.error(&second.silently(&mut browser, &at_second, "openid", &[]).await), "login_required");
    let (name, _) = session_cookie(&browser);
    let silent = at_second.authorize("openid", &[("prompt", "none")]);
    assert!(!name.is_empty() && at_second.error(&browser.navigate(&silent, FRAME).await.left()) == "login_required");
    // Nor are the tickets: the sign-in page of one, sent to the other out of one browser.
    let mut mixed = second.browser();
    let own = form_with(&second.sign_in_page(&mut mixed, &second.relying_party(PAGE)).await, "password");
    for name in ["ticket", "csrf"] {
        let value = theirs.field(name).unwrap().value.clone();
        let form = own.clone().fill(name, &value).fill("username", "alice").fill("password", PASSWORD);
        let answer = mixed.clone().submit_as(&form, None, OWN_FORM).await;
        assert!(answer.location().is_none_or(|to| !to.as_str().contains("ticket")), "{name}");
        if name == "csrf" {
            error_page(&answer, name);
        }
    }
    let after = state(&first).await;
    assert_eq!((after.codes, after.live_families, after.generations), (before.codes, before.live_families, before.generations));

    // The controls: all of it is good at home.
    assert_eq!(at_first.introspect(&tokens.access).await["active"], true);
    at_first.exchange(&code).await;
    at_first.refresh(tokens.refresh()).await;
    at_first.code(&first.silently(&mut browser, &at_first, "openid", &[("id_token_hint", &id_token)]).await);
    second.running.close().await;
    second.store.close().await;
}
