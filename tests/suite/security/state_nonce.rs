//! F. `state` and `nonce`: whatever the application sent comes back, byte for byte.

use poem::http::Method;

use crate::support::app::{App, OWN_PAGE};
use crate::support::attack::{ask, state as look, told};
use crate::support::browser::LINK;
use crate::support::database::{Database, each_database};
use crate::support::relying_party::RelyingParty;

each_database!(sn_01_state_comes_back, sn_02_nonce_is_copied, sn_03_no_token_in_the_front_channel);

/// RFC 6749 §4.1.2; FAPI 2.0 §5.3.2.2 note 4: it may be long.
async fn sn_01_state_comes_back(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let visible: String = (0x20u8..0x7f).map(char::from).collect();
    let states = [
        "x".to_owned(),
        "x".repeat(128),
        "x".repeat(2048),
        "é".repeat(1000),
        visible,
        "%00%0d%0a%25%zz+ +".to_owned(),
        "схема \u{1f600} e\u{301} \u{202e}".to_owned(),
        "a=b&c=d#e?f".to_owned(),
    ];
    for sent in &states {
        for mode in ["query", "fragment", "form_post", "web_message"] {
            for (prompt, outcome) in [("", "code"), ("none", "code"), ("bogus", "error")] {
                let answer = told(&ask(&mut browser, &party.authorize("openid", &[("state", sent), ("response_mode", mode), ("prompt", prompt)])).await).1;
                assert_eq!(&answer["state"], sent, "{mode} {outcome}");
                assert!(answer.contains_key(outcome), "{mode}: {answer:?}");
            }
        }
    }
    // Over the cap it cannot be given back exactly, so no answer goes to the application, neither a code nor an error, by whatever way it asks
    // for one; the person reads why.
    let (longest, long) = ("x".repeat(4096), "x".repeat(4097));
    let answer = told(&ask(&mut browser, &party.authorize("openid", &[("state", &longest)])).await).1;
    assert!(answer["state"] == longest && answer.contains_key("code"), "the control");
    let before = look(&app).await;
    for changes in [&[][..], &[("response_type", "token")], &[("prompt", "none")], &[("scope", "\u{7f}")], &[("response_mode", "fragment")]] {
        for state in [&long, &"é".repeat(2049), &"x".repeat(20_000)] {
            let request = [&[("state", state.as_str())], changes].concat();
            let mut url = party.authorize("openid", &request);
            let asked = ask(&mut browser, &url).await;
            let body = url.query().unwrap_or_default().to_owned();
            url.set_query(None);
            let posted = browser.request(Method::POST, &url, LINK, body).await;
            for answer in [asked, posted] {
                assert_eq!((answer.status.as_u16(), answer.header("location")), (400, None), "{changes:?}");
                assert!(answer.text().contains("state is longer than 4096 bytes") && !answer.text().contains("xxxx"), "{}", answer.text());
            }
        }
    }
    assert_eq!(look(&app).await, before);
    // Another that is too long is refused by an answer, which gives the state back.
    for more in [("claims", "c".repeat(5000)), ("ui_locales", "u".repeat(13_000)), ("nonce", "n".repeat(600))] {
        let answer = told(&ask(&mut browser, &party.authorize("openid", &[("state", &longest), (more.0, &more.1)])).await).1;
        assert_eq!((answer["error"].as_str(), answer["state"].as_str()), ("invalid_request", longest.as_str()), "{}", more.0);
    }
    // What is no UTF-8 cannot come back as it was: it is refused, not changed.
    let url = party.authorize("openid", &[("state", "")]);
    let raw = app.network.get(&format!("{url}&state=a%ffb"), &[]).await;
    assert_eq!((raw.status.as_u16(), raw.header("location")), (400, None));
}

/// OIDC Core §2, FAPI 2.0 §5.3.2.2-14: 64 characters at least are taken.
async fn sn_02_nonce_is_copied(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    for nonce in ["".to_owned(), "n".repeat(64), "n".repeat(65), "n".repeat(512), "n \"\\</script>é\u{0}".to_owned()] {
        let party = RelyingParty { nonce: nonce.clone(), ..party.clone() };
        let url = party.authorize("openid", &[("nonce", &nonce)]);
        let tokens = party.exchange(&party.code(&ask(&mut browser, &url).await.location().unwrap())).await;
        let claims = party.claims(tokens.id.as_ref().unwrap()).await;
        assert_eq!(claims.get("nonce").and_then(|nonce| nonce.as_str()).unwrap_or_default(), nonce);
    }
    let before = look(&app).await;
    for nonce in ["n".repeat(513), "n".repeat(4096), "é".repeat(257)] {
        let response = ask(&mut browser, &party.authorize("openid", &[("nonce", &nonce)])).await.location().unwrap();
        assert_eq!(party.error(&response), "invalid_request", "{}", nonce.len());
    }
    assert_eq!(look(&app).await, before);
}

/// OIDC Core §3.3.2.1: hybrid flows, with or without a nonce, do not exist here.
async fn sn_03_no_token_in_the_front_channel(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let before = look(&app).await;
    for response_type in ["code id_token", "id_token code", "id_token", "code id_token token"] {
        for changes in [&[("nonce", "")][..], &[], &[("response_mode", "fragment")], &[("response_mode", "form_post")]] {
            let (place, answer) = told(&ask(&mut browser, &party.authorize("openid", &[&[("response_type", response_type)], changes].concat())).await);
            assert_eq!((place.as_str(), answer["error"].as_str()), (party.redirect_uri.as_str(), "unsupported_response_type"), "{response_type}");
            assert!(!answer.keys().any(|name| matches!(name.as_str(), "code" | "id_token" | "access_token")), "{answer:?}");
        }
    }
    assert_eq!(look(&app).await, before);
    // The control: the code flow needs no nonce.
    party.code(&ask(&mut browser, &party.authorize("openid", &[("nonce", "")])).await.location().unwrap());
}
