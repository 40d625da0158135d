//! What the attack cases share: a look at the state, and what an attacker may be answered.

use std::collections::BTreeMap;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl};
use poem::http::Method;
use url::Url;

use super::app::App;
use super::browser::{Browser, LINK, Navigation};
use super::form::{forms, tags};
use super::network::Answer;

/// How much there is of everything: an attack that failed has left all of it as it was.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct State {
    #[diesel(sql_type = BigInt)]
    pub users: i64,
    #[diesel(sql_type = BigInt)]
    pub clients: i64,
    #[diesel(sql_type = BigInt)]
    pub sessions: i64,
    #[diesel(sql_type = BigInt)]
    pub live_sessions: i64,
    #[diesel(sql_type = BigInt)]
    pub live_client_sessions: i64,
    #[diesel(sql_type = BigInt)]
    pub consents: i64,
    /// Characters of scope that users have allowed.
    #[diesel(sql_type = BigInt)]
    pub allowed: i64,
    /// Codes that came to the token endpoint, redeemed or burnt.
    #[diesel(sql_type = BigInt)]
    pub codes: i64,
    #[diesel(sql_type = BigInt)]
    pub live_codes: i64,
    #[diesel(sql_type = BigInt)]
    pub families: i64,
    #[diesel(sql_type = BigInt)]
    pub live_families: i64,
    #[diesel(sql_type = BigInt)]
    pub generations: i64,
}

pub async fn state(app: &App) -> State {
    let query = "SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM clients) AS clients,
        (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM sessions WHERE ended_at IS NULL) AS live_sessions,
        (SELECT count(*) FROM client_sessions WHERE ended_at IS NULL) AS live_client_sessions,
        (SELECT count(*) FROM consents) AS consents, (SELECT CAST(COALESCE(SUM(length(scope)), 0) AS BIGINT) FROM consents) AS allowed,
        (SELECT count(*) FROM redeemed_codes) AS codes, (SELECT count(*) FROM redeemed_codes WHERE ended_at IS NULL) AS live_codes,
        (SELECT count(*) FROM refresh_families) AS families, (SELECT count(*) FROM refresh_families WHERE ended_at IS NULL) AS live_families,
        (SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT) FROM refresh_families) AS generations";
    app.store.scan(move |db| Ok(diesel::sql_query(query).get_result(db)?)).await.unwrap()
}

/// E1: a page of the issuer says what is wrong. Nobody is sent anywhere, nothing is given away, nobody is signed in or out.
pub fn error_page(answer: &Answer, what: &str) {
    assert!(matches!(answer.status.as_u16(), 400 | 403), "{what}: {} {}", answer.status, answer.text());
    assert_eq!(answer.header("location"), None, "{what}");
    assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{what}");
    gives_nothing_away(answer, what);
}

/// No code or token in it, no control byte in a header, no session cookie.
pub fn gives_nothing_away(answer: &Answer, what: &str) {
    assert!(!answer.text().contains("gk_ac_") && !answer.text().contains("gk_rt_") && !answer.text().contains("access_token"), "{what}: {}", answer.text());
    for (name, value) in &answer.headers {
        assert!(value.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte)), "{what}: {name}: {value:?}");
        assert!(!String::from_utf8_lossy(value.as_bytes()).contains("gk_ac_"), "{what}: {name}: {value:?}");
    }
    assert!(!touches_the_session(answer), "{what}: {:?}", answer.headers);
}

/// Whether an answer sets or clears the session cookie.
pub fn touches_the_session(answer: &Answer) -> bool {
    answer.headers.get_all("set-cookie").iter().any(|cookie| is_of_the_session(cookie.to_str().unwrap().split('=').next().unwrap()))
}

/// The other cookies are named after it, with a word more.
fn is_of_the_session(cookie: &str) -> bool {
    cookie.starts_with("__Host-gatekey-") && cookie.matches('-').count() == 2
}

/// The first answer to a link, wherever it leads.
pub async fn ask(browser: &mut Browser, url: &Url) -> Answer {
    ask_as(browser, url, LINK).await
}

pub async fn ask_as(browser: &mut Browser, url: &Url, navigation: Navigation) -> Answer {
    browser.request(Method::GET, url, navigation, String::new()).await
}

/// What an application is told, and where, in whichever response mode: out of the query, the fragment or the form; of a message the place is an origin.
pub fn told(answer: &Answer) -> (String, BTreeMap<String, String>) {
    let Some(location) = answer.location() else {
        if let Some(message) = message(answer) {
            return message;
        }
        let form = forms(&answer.url, answer.text()).remove(0);
        return (form.action.to_string(), form.fields.into_iter().map(|field| (field.name, field.value)).collect());
    };
    let text = location.fragment().or(location.query()).unwrap_or_default();
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
        assert!(fields.insert(name.clone(), value).is_none(), "{name} came twice: {location}");
    }
    let mut place = location.clone();
    place.set_fragment(None);
    place.set_query(None);
    (place.to_string(), fields)
}

/// What a page of `response_mode=web_message` hands over, and to which origin.
pub fn message(answer: &Answer) -> Option<(String, BTreeMap<String, String>)> {
    let (_, data) = tags(answer.text()).into_iter().find(|(tag, data)| tag == "script" && data.iter().any(|(name, _)| name == "data-message"))?;
    let of = |name: &str| data.iter().find(|(key, _)| key == name).unwrap().1.clone();
    let message: serde_json::Value = serde_json::from_str(&of("data-message")).unwrap();
    let keys: Vec<&String> = message.as_object().unwrap().keys().collect();
    assert!(keys.len() == 2 && message["type"] == "authorization_response", "{message}");
    let response = message["response"].as_object().unwrap();
    Some((of("data-origin"), response.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()))
}

/// The name and value of the session cookie.
pub fn session_cookie(browser: &Browser) -> (String, String) {
    let cookie = browser.jar.all().iter().find(|cookie| is_of_the_session(&cookie.name)).expect("somebody is signed in");
    (cookie.name.clone(), cookie.value.clone())
}
