//! How parameters and tokens come to the endpoints: forms, JSON where Auth0's libraries send it, each parameter once, the access token in one place.

use poem::http::Method;
use serde_json::{Value, json};
use url::Url;

use crate::support::app::{App, MACHINE, OWN_PAGE, PASSWORD, SECRET, SERVER};
use crate::support::browser::{Browser, LINK, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::dpop::NO_TOKEN;
use crate::support::network::{Answer, parameter};
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(
    json_is_read_where_auth0_sends_it,
    json_is_read_nowhere_else,
    a_parameter_comes_once_everywhere,
    unknown_parameters_are_ignored_everywhere,
    a_userinfo_token_comes_in_one_place,
    several_resources_are_narrowed,
    an_audience_is_a_resource_by_auth0s_name,
    descriptions_hold_what_the_rfc_allows,
    a_refusal_before_it_is_read_is_in_the_addresss_own_kind,
    a_refused_request_is_in_the_visitors_language
);

async fn post_json(party: &RelyingParty, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    party.network.send(Method::POST, &party.endpoint(path), &all, body).await
}

/// auth0-spa-js with `useFormData: false`: the same members as the form would have, some of them of no meaning here.
async fn json_is_read_where_auth0_sends_it(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let code = party.code(&app.authorize_as(&mut browser, &party.authorize("openid", &[]), "alice").await);
    let exchange = json!({
        "client_id": OWN_PAGE, "grant_type": "authorization_code", "code": code, "code_verifier": party.verifier, "redirect_uri": party.redirect_uri,
        "organization": null, "custom": {"a": [1, {}]}, "max_age": 3600,
    });
    let headers = [("auth0-client", "eyJuYW1lIjoiYXV0aDAtc3BhLWpzIn0="), ("origin", "https://own.example.test")];
    let first = tokens(&post_json(&party, "oauth/token", &headers, &exchange.to_string()).await);
    let refresh = json!({"client_id": OWN_PAGE, "grant_type": "refresh_token", "refresh_token": first.refresh(), "redirect_uri": party.redirect_uri});
    let url = party.endpoint("oauth/token");
    let answer = party.network.send(Method::POST, &url, &[("content-type", "application/json; charset=utf-8")], refresh.to_string()).await;
    let second = tokens(&answer);

    // A name that comes twice is refused and spends nothing; a shape that is not a text is named.
    let twice = format!(r#"{{"client_id":"{OWN_PAGE}","grant_type":"refresh_token","refresh_token":"x","refresh_token":"{}"}}"#, second.refresh());
    let shape = json!({"client_id": OWN_PAGE, "grant_type": "refresh_token", "refresh_token": [second.refresh()]}).to_string();
    let array = json!([["client_id", OWN_PAGE]]).to_string();
    for body in [twice.as_str(), &shape, &array, "", "{"] {
        let answer = post_json(&party, "oauth/token", &headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"), "{body}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let third = party.refresh(second.refresh()).await;

    // Revocation too; and a client with a secret, which may be in the header or, by its registration, in the body.
    let gone = post_json(&party, "oauth/revoke", &headers, &json!({"client_id": OWN_PAGE, "token": third.refresh()}).to_string()).await;
    assert_eq!((gone.status.as_u16(), gone.text()), (200, ""));
    party.refused(third.refresh()).await;
    let machine = app.relying_party(MACHINE);
    let basic = basic(MACHINE, SECRET);
    tokens(&post_json(&machine, "oauth/token", &[("authorization", &basic)], r#"{"grant_type":"client_credentials"}"#).await);
    let in_body = json!({"grant_type": "client_credentials", "client_id": MACHINE, "client_secret": SECRET}).to_string();
    assert_eq!(post_json(&machine, "oauth/token", &[], &in_body).await.error(), "invalid_client", "registered for Basic");
}

fn basic(id: &str, secret: &str) -> String {
    use base64::Engine;
    let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", part(id), part(secret))))
}

/// What looks at a cookie, or is for servers, reads forms only: no JSON body gets past the rules for forms.
async fn json_is_read_nowhere_else(database: Database) {
    let app = App::start(database).await;
    let (party, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &server, "openid").await;
    let body = json!({"token": first.access}).to_string();
    let answer = post_json(&server, "oauth/introspect", &[("authorization", &basic(SERVER, SECRET))], &body).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"));
    assert_eq!(server.introspect(&first.access).await["active"], true, "the control");

    let page = app.sign_in_page(&mut app.browser(), &party).await;
    let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let fields: serde_json::Map<String, Value> = form.pairs(None).into_iter().map(|(name, value)| (name, value.into())).collect();
    let request: serde_json::Map<String, Value> = party.parameters("openid").into_iter().map(|(name, value)| (name, value.into())).collect();
    for (path, body) in [("login", fields), ("authorize", request.clone()), ("oidc/logout", request.clone()), ("consent", request)] {
        for media_type in ["application/json", "text/plain"] {
            let answer = app.network.send(Method::POST, &party.endpoint(path), &[("content-type", media_type)], json!(body).to_string()).await;
            assert_eq!(answer.status.as_u16(), 400, "{path} {media_type}");
            assert_eq!(answer.header("set-cookie"), None, "{path} {media_type}");
        }
    }
}

/// A request, and what says that it was refused for its form.
struct Place {
    name: &'static str,
    path: &'static str,
    method: Method,
    authorization: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Place {
    async fn send(&self, browser: &mut Browser, issuer: &str, parameters: &[(String, String)]) -> Answer {
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let mut url = Url::parse(&format!("{issuer}{}", self.path)).unwrap();
        match (&self.authorization, &self.method) {
            (_, method) if *method == Method::GET => {
                url.set_query(Some(&text));
                browser.request(Method::GET, &url, LINK, String::new()).await
            }
            (None, _) => browser.request(Method::POST, &url, OWN_FORM, text).await,
            (Some(authorization), _) => {
                let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization.as_str())];
                browser.network().send(Method::POST, url.as_str(), &headers, text).await
            }
        }
    }
}

/// Every endpoint that reads parameters, with a good request for each.
async fn places(app: &App, browser: &mut Browser) -> Vec<Place> {
    let server = app.relying_party(SERVER);
    let first = app.sign_in(browser, &server, "openid").await;
    let code = server.code(&app.silently(browser, &server, "openid", &[]).await);
    let authorization = Some(basic(SERVER, SECRET));
    let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    let authorize = [server.parameters("openid"), own(&[("prompt", "none")])].concat();
    let exchange = own(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &server.redirect_uri), ("code_verifier", &server.verifier)]);
    let refresh = own(&[("grant_type", "refresh_token"), ("refresh_token", first.refresh()), ("scope", "openid")]);
    let logout = own(&[("id_token_hint", first.id.as_deref().unwrap()), ("client_id", SERVER), ("state", "s"), ("ui_locales", "de")]);
    let auth0_logout = own(&[("client_id", SERVER), ("returnTo", "https://server.example.test/signed-out")]);
    let place = |name, path, method, authorization: &Option<String>, parameters| Place { name, path, method, authorization: authorization.clone(), parameters };
    vec![
        place("authorize by GET", "authorize", Method::GET, &None, authorize.clone()),
        place("authorize by POST", "authorize", Method::POST, &None, authorize),
        place("exchange", "oauth/token", Method::POST, &authorization, exchange),
        place("refresh", "oauth/token", Method::POST, &authorization, refresh),
        place("introspection", "oauth/introspect", Method::POST, &authorization, own(&[("token", &first.access), ("token_type_hint", "access_token")])),
        place("userinfo", "userinfo", Method::POST, &Some(String::new()), own(&[("access_token", &first.access)])),
        place("revocation", "oauth/revoke", Method::POST, &authorization, own(&[("token", first.refresh()), ("token_type_hint", "refresh_token")])),
        place("logout by POST", "oidc/logout", Method::POST, &None, logout.clone()),
        place("Auth0's logout", "v2/logout", Method::GET, &None, auth0_logout),
        place("logout by GET", "oidc/logout", Method::GET, &None, logout),
    ]
}

/// RFC 6749 §3.1, §3.2; RFC 7009 §2.1 and RFC 7662 §2.1 are forms of the same. RU-13.
async fn a_parameter_comes_once_everywhere(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    let mut tried = 0;
    for place in places(&app, &mut browser).await {
        for (name, value) in place.parameters.clone() {
            // The same value or another one, before or after the good one.
            for (position, value) in [(place.parameters.len(), value.clone()), (place.parameters.len(), format!("{value}x")), (0, "x".to_owned())] {
                let mut parameters = place.parameters.clone();
                parameters.insert(position, (name.clone(), value));
                let answer = place.send(&mut browser, &app.issuer, &parameters).await;
                assert_eq!(answer.status.as_u16(), 400, "{}: {name} twice", place.name);
                assert!(answer.text().contains("more than once"), "{}: {name} twice: {}", place.name, answer.text());
                tried += 1;
            }
        }
        // The control: once is right, and the tries before have spent and ended nothing.
        let answer = place.send(&mut browser, &app.issuer, &place.parameters).await;
        let accepted = match place.name {
            "authorize by GET" | "authorize by POST" => answer.location().is_some_and(|to| parameter(&to, "code").is_some()),
            "Auth0's logout" | "logout by POST" | "logout by GET" => answer.status.is_redirection() || answer.status.is_success(),
            _ => answer.status.is_success(),
        };
        assert!(accepted, "{}: {} {}", place.name, answer.status, answer.text());
    }
    assert!(tried > 100, "{tried}");
}

/// RFC 6749 §3.1, §3.2: what is not known is ignored.
async fn unknown_parameters_are_ignored_everywhere(database: Database) {
    let app = App::start(database).await;
    let mut browser = app.browser();
    for place in places(&app, &mut browser).await {
        let extra = [("extra", "foobar"), ("x-y", ""), ("unknown", "1"), ("üñ", "ß")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parameters = [place.parameters.clone(), extra.to_vec()].concat();
        let answer = place.send(&mut browser, &app.issuer, &parameters).await;
        assert!(answer.status.is_success() || answer.status.is_redirection(), "{}: {} {}", place.name, answer.status, answer.text());
        assert!(!answer.text().contains("foobar"), "{}", place.name);
        if place.path == "authorize" {
            assert!(parameter(&answer.location().unwrap(), "code").is_some(), "{}", place.name);
        }
    }
}

/// RFC 6750 §2: the header, or a form body by POST, never both, never the query. TI-09.
async fn a_userinfo_token_comes_in_one_place(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let first = app.sign_in(&mut app.browser(), &party, "openid").await;
    let url = party.endpoint("userinfo");
    let in_query = format!("{url}?access_token={}", first.access);
    let (form, bearer) = (format!("access_token={}", first.access), format!("Bearer {}", first.access));
    let (header, other) = (("authorization", bearer.as_str()), ("authorization", "Basic eDp5"));
    let (is_form, is_json) = (("content-type", "application/x-www-form-urlencoded"), ("content-type", "application/json"));
    let json = json!({"access_token": first.access}).to_string();
    let send = async |method: Method, url: &str, headers: &[(&str, &str)], body: &str| app.network.send(method, url, headers, body).await;
    let sub = app.user("alice").await.id.to_string();

    for (method, headers, body) in [
        (Method::GET, vec![header], ""),
        (Method::POST, vec![header], ""),
        (Method::POST, vec![header, is_form], ""),
        (Method::POST, vec![header, is_form], "x=y"),
        (Method::POST, vec![header, is_json], json.as_str()),
        (Method::POST, vec![is_form], form.as_str()),
        (Method::POST, vec![other, is_form], form.as_str()),
    ] {
        let answer = send(method.clone(), &url, &headers, body).await;
        assert_eq!(answer.status.as_u16(), 200, "{method} {headers:?} {body}: {}", answer.text());
        assert_eq!(answer.json()["sub"], sub.as_str());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // §3.1: without a token no error code; of a request that brings two, invalid_request.
    for (method, url, headers, body) in [
        (Method::GET, &url, vec![], ""),
        (Method::GET, &in_query, vec![], ""),
        (Method::GET, &url, vec![is_form], form.as_str()),
        (Method::POST, &in_query, vec![is_form], ""),
        (Method::POST, &url, vec![is_json], json.as_str()),
        (Method::POST, &url, vec![("content-type", "text/plain")], form.as_str()),
        (Method::POST, &url, vec![other], ""),
    ] {
        let answer = send(method.clone(), url, &headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (401, ""), "{method} {url} {headers:?} {body}");
        assert_eq!(answer.header("www-authenticate"), Some(NO_TOKEN));
    }
    for (method, url, headers, body) in [
        (Method::POST, &url, vec![header, is_form], form.as_str()),
        (Method::GET, &in_query, vec![header], ""),
        (Method::POST, &in_query, vec![is_form], form.as_str()),
    ] {
        let answer = send(method.clone(), url, &headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"), "{method} {url} {headers:?}");
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_request\""));
    }
    let wrong = send(Method::POST, &url, &[is_form], "access_token=x").await;
    assert_eq!((wrong.status.as_u16(), wrong.error().as_str()), (401, "invalid_token"));
}

/// RFC 8707 §2, §2.1, §2.2: several at the authorization endpoint; the token request and each refresh narrow what was granted, never widen it.
async fn several_resources_are_narrowed(database: Database) {
    let all = ["https://a.example.test/", "https://b.example.test/", "https://c.example.test/"];
    let app = App::start_with(database, |settings| {
        let client = settings.clients.iter_mut().find(|client| client.id.as_str() == OWN_PAGE).unwrap();
        client.metadata.resources = all.map(str::to_owned).to_vec();
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let asked = |resources: &[&str]| {
        let mut url = party.authorize("openid", &[("prompt", "none")]);
        url.query_pairs_mut().extend_pairs(resources.iter().map(|resource| ("resource", *resource)));
        url
    };
    let audience = async |token: &str| party.claims(token).await["aud"].clone();
    let with = async |grant: &[(&str, &str)], resources: &[&str]| {
        let fields: Vec<_> = grant.iter().copied().chain(resources.iter().map(|resource| ("resource", *resource))).collect();
        party.post("oauth/token", &fields).await
    };
    // `openid` adds the issuer, for userinfo.
    let code = party.code(&browser.visit(asked(&[all[0], all[1], all[0]]).as_str()).await.left());
    let redeem = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &party.redirect_uri), ("code_verifier", &party.verifier)];
    for unasked in [&[all[2]][..], &[all[0], all[2]], &["https://evil.test/"]] {
        let answer = with(&redeem, unasked).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_target"), "{unasked:?}");
    }
    let first = tokens(&with(&redeem, &[all[1], all[1]]).await);
    assert_eq!(audience(&first.access).await, json!([all[1], app.issuer]));
    let refresh = |token: &str| vec![("grant_type".to_owned(), "refresh_token".to_owned()), ("refresh_token".to_owned(), token.to_owned())];
    let mut newest = first;
    for (named, expected) in
        [(&[][..], json!([all[0], all[1], app.issuer])), (&[all[0]], json!([all[0], app.issuer])), (&[all[1], all[0]], json!([all[1], all[0], app.issuer]))]
    {
        let grant = refresh(newest.refresh());
        let grant: Vec<(&str, &str)> = grant.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let refused = with(&grant, &[all[2]]).await;
        assert_eq!((refused.status.as_u16(), refused.error().as_str()), (400, "invalid_target"));
        newest = tokens(&with(&grant, named).await);
        assert_eq!(audience(&newest.access).await, expected);
    }
    // Not registered: refused where it is asked for.
    let refused = browser.visit(asked(&[all[0], "https://evil.test/"]).as_str()).await.left();
    assert_eq!(party.error(&refused), "invalid_target");
    // Several in a JSON body are an array.
    let code = party.code(&browser.visit(asked(&all).as_str()).await.left());
    let body = json!({
        "client_id": OWN_PAGE, "grant_type": "authorization_code", "code": code, "redirect_uri": party.redirect_uri, "code_verifier": party.verifier,
        "resource": [all[0], all[2]],
    });
    let tokens = tokens(&post_json(&party, "oauth/token", &[], &body.to_string()).await);
    assert_eq!(audience(&tokens.access).await, json!([all[0], all[2], app.issuer]));
}

/// Auth0's libraries name an API by `audience`: wherever a `resource` may be, and where there is none.
async fn an_audience_is_a_resource_by_auth0s_name(database: Database) {
    let [first, second, foreign] = ["https://a.example.test/", "https://b.example.test/", "https://evil.test/"];
    let app = App::start_with(database, |settings| {
        for client in &mut settings.clients {
            client.metadata.resources = vec![first.to_owned(), second.to_owned()];
        }
    })
    .await;
    let (party, machine) = (app.relying_party(OWN_PAGE), app.relying_party(MACHINE));
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let audience = async |token: &str| party.claims(token).await["aud"][0].clone();
    // Silently, and with what is asked for since nothing is said at the exchange; `resource` counts for more, whatever the other says.
    for (asked, expected) in [
        (&[][..], first),
        (&[("audience", second)], second),
        (&[("audience", second), ("resource", first)], first),
        (&[("audience", foreign), ("resource", second)], second),
    ] {
        let tokens = party.exchange(&party.code(&app.silently(&mut browser, &party, "openid", asked).await)).await;
        assert_eq!(audience(&tokens.access).await, expected, "{asked:?}");
        assert_eq!(audience(&party.refresh(tokens.refresh()).await.access).await, expected, "{asked:?}");
    }
    for odd in [foreign, "default", "https://a.example.test/ https://b.example.test/"] {
        let refused = app.silently(&mut browser, &party, "openid", &[("audience", odd)]).await;
        assert_eq!((party.error(&refused).as_str(), parameter(&refused, "state").is_some()), ("invalid_target", true), "{odd}");
    }
    // And with a page between the request and the code.
    let mut fresh = app.browser();
    let code = party.code(&app.authorize_as(&mut fresh, &party.authorize("openid", &[("audience", second)]), "alice").await);
    // At the exchange and at refreshing it is one of the grant's; what is refused spends nothing.
    let redeem = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &party.redirect_uri), ("code_verifier", &party.verifier)];
    let with = async |party: &RelyingParty, grant: &[(&str, &str)], named: &str| party.post("oauth/token", &[grant, &[("audience", named)]].concat()).await;
    let refused = |answer: &Answer| assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_target"), "{}", answer.text());
    refused(&with(&party, &redeem, first).await);
    let granted = tokens(&with(&party, &redeem, second).await);
    assert_eq!(audience(&granted.access).await, second);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", granted.refresh())];
    refused(&with(&party, &refresh, first).await);
    refused(&with(&party, &refresh, foreign).await);
    assert_eq!(audience(&tokens(&with(&party, &refresh, second).await).access).await, second);
    // A machine, as Auth0 has it say which API.
    let own = [("grant_type", "client_credentials")];
    refused(&with(&machine, &own, foreign).await);
    assert_eq!(party.claims(&tokens(&with(&machine, &own, second).await).access).await["aud"], second);
    // Once, like any other parameter.
    let twice = machine.post("oauth/token", &[own[0], ("audience", first), ("audience", second)]).await;
    assert_eq!(twice.error(), "invalid_request");
}

/// RFC 6749 §4.1.2.1, §5.2: MUST NOT include characters outside the set %x20-21 / %x23-5B / %x5D-7E.
async fn descriptions_hold_what_the_rfc_allows(database: Database) {
    let app = App::start(database).await;
    let (party, server) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER));
    let mut browser = app.browser();
    app.sign_in(&mut browser, &party, "openid").await;
    let mut descriptions = Vec::new();
    for (name, value) in [
        ("scope", "ä\"\\"),
        ("scope", "nothing-of-this"),
        ("prompt", "none login"),
        ("prompt", "\"\\\n"),
        ("max_age", "-1"),
        ("response_mode", "é"),
        ("response_type", "ü"),
        ("request", "x"),
        ("claims", "{\"\\"),
        ("code_challenge", "\u{7}"),
        ("id_token_hint", "x\r\ny"),
        ("resource", "\"ß"),
    ] {
        let url = browser.visit(party.authorize("openid", &[(name, value)]).as_str()).await.left();
        if name != "claims" || parameter(&url, "error").is_some() {
            party.error(&url);
            descriptions.push(parameter(&url, "error_description").unwrap());
        }
    }
    let good = basic(SERVER, SECRET);
    for (path, authorization, body) in [
        ("oauth/token", good.as_str(), "grant_type=%22%5C"),
        ("oauth/token", &good, "grant_type=client_credentials&client_secret=x"),
        ("oauth/token", &good, "grant_type=client_credentials&client_id=other"),
        ("oauth/token", &good, "grant_type=refresh_token&refresh_token=%C3%9F"),
        ("oauth/token", &good, "grant_type=authorization_code&code=%0D%0A"),
        ("oauth/token", &good, "a%22=1&a%22=2"),
        ("oauth/token", "Basic !!", "grant_type=x"),
        ("oauth/revoke", &good, ""),
        ("oauth/introspect", &good, ""),
        ("userinfo", "Bearer \"x\\", ""),
    ] {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization)];
        let answer = app.network.send(Method::POST, &server.endpoint(path), &headers, body).await;
        answer.error();
        descriptions.push(answer.json()["error_description"].as_str().unwrap().to_owned());
    }
    for description in descriptions {
        assert!(!description.is_empty() && description.chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~')), "{description:?}");
    }
}

/// RFC 9110 §15.5: people read a page, programs JSON, scripts what their browser lets them read, callers of the admin API a problem (RFC 9457).
async fn a_refusal_before_it_is_read_is_in_the_addresss_own_kind(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let (own, other) = (("origin", "https://own.example.test"), ("origin", "https://evil.test"));
    let refusals = [
        (("host", "evil.test"), 400, "The header 'host' is there more than once"),
        (("content-encoding", "gzip"), 415, "without a Content-Encoding"),
        (("content-length", "1000000"), 413, "longer than 64 KiB"),
    ];
    let pages = [
        "",
        "authorize",
        "login",
        "consent",
        "select-account",
        "account",
        "account/password",
        "oidc/logout",
        "v2/logout",
        "setup",
        "reset-password",
        "assets/x",
    ];
    let (scripts, everybodys) = (["oauth/token", "oauth/revoke", "userinfo"], [".well-known/openid-configuration", ".well-known/jwks.json"]);
    let (programs, admin) = (["oauth/introspect", "healthz", "readyz"], "admin/api/v1/sessions");
    for (odd, status, why) in refusals {
        let send = async |path: &str, origin: (&str, &str)| {
            let mut answers = Vec::new();
            for method in [Method::GET, Method::POST] {
                let answer = app.network.send(method, &party.endpoint(path), &[odd, origin], "").await;
                assert_eq!(answer.status.as_u16(), status, "{path} {odd:?}");
                assert!(answer.text().replace("&#x27;", "'").contains(why), "{path} {odd:?}: {}", answer.text());
                assert_eq!((answer.header("cache-control"), answer.header("location"), answer.header("set-cookie")), (Some("no-store"), None, None), "{path}");
                assert_eq!(answer.header("connection"), (status == 413).then_some("close"), "{path} {odd:?}");
                assert_eq!(answer.header("accept-encoding"), (status == 415).then_some("identity"), "{path} {odd:?}");
                answers.push(answer);
            }
            answers
        };
        let kind = |answer: &Answer| answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
        let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
        for path in pages {
            for answer in send(path, own).await {
                assert_eq!((kind(&answer).as_str(), allowed(&answer)), ("text/html", None), "{path}");
                assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{path}");
                assert!(answer.text().contains(answer.header("x-request-id").unwrap()), "{path}");
            }
        }
        for path in scripts.iter().chain(&everybodys).chain(&programs) {
            for (origin, registered) in [(own, true), (other, false)] {
                for answer in send(path, origin).await {
                    assert_eq!((kind(&answer).as_str(), answer.error().as_str()), ("application/json", "invalid_request"), "{path}");
                    let readable = match path {
                        path if scripts.contains(path) => registered.then(|| origin.1.to_owned()),
                        path if everybodys.contains(path) => Some("*".to_owned()),
                        _ => None,
                    };
                    assert_eq!(allowed(&answer), readable, "{path} {origin:?}");
                }
            }
        }
        for answer in send(admin, own).await {
            assert_eq!((kind(&answer).as_str(), allowed(&answer)), ("application/problem+json", None));
            assert_eq!((&answer.json()["type"], &answer.json()["status"]), (&json!("urn:gatekey:problem:request-malformed"), &json!(status)));
        }
    }
    // Of two origins neither reads it.
    for path in scripts {
        let answer = app.network.send(Method::POST, &party.endpoint(path), &[own, own], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (400, None), "{path}");
    }
    // A preflight too; and the control, which is let through.
    let preflight = async |headers: &[(&str, &str)]| app.network.send(Method::OPTIONS, &party.endpoint("oauth/token"), headers, "").await;
    assert_eq!(preflight(&[own, ("host", "evil.test")]).await.status.as_u16(), 400);
    assert_eq!(preflight(&[own]).await.status.as_u16(), 204);
}

async fn a_refused_request_is_in_the_visitors_language(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    for (path, language) in [("login?password=hush", "de"), ("authorize?token=hush", "en")] {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept-language", language)];
        let answer = app.network.send(Method::POST, &party.endpoint(path), &headers, "").await;
        assert_eq!(answer.status.as_u16(), 400, "{path}");
        assert!(answer.text().contains(&format!("lang=\"{language}\"")) && !answer.text().contains("hush"), "{path}: {}", answer.text());
    }
}
