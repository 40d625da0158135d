//! N. DPoP (RFC 9449): what is no proof, what is one twice, and a bound token in the hands of who has not the key. RT-15 is in `dpop_refresh_tokens.rs`.

use std::sync::Arc;

use chrono::TimeDelta;
use gatekey::domain::admin_scope::{AdminRole, AdminScope};
use gatekey::domain::client::{ClientKind, ClientMetadata};
use gatekey::domain::scope::Scope;
use gatekey::settings::Settings;
use poem::http::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::app::{App, MACHINE, OWN_PAGE, SERVER, client};
use crate::support::attack::{State, state};
use crate::support::browser::Browser;
use crate::support::database::{Database, each_database, each_database_on_threads};
use crate::support::dpop::{Holder, bound, no_proof};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(
    dp_01_what_is_no_proof_gets_nothing,
    dp_02_a_proof_is_for_what_its_address_means,
    dp_02_an_address_is_what_parsers_make_of_it,
    dp_03_a_proof_is_used_once,
    dp_05_a_code_is_redeemed_with_the_key_that_asked,
    dp_06_a_bound_token_is_no_bearer_token,
    dp_07_no_grant_without_a_proof,
);

mod threads {
    use super::{dp_03_one_of_many_uses_a_proof, each_database_on_threads};
    each_database_on_threads!(dp_03_one_of_many_uses_a_proof);
}

const CREDENTIALS: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "jobs:read")];

pub fn renew(token: &str) -> [(&str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", token)]
}

/// Every way in which a proof can be none, of which each test of a signature would believe the rest: its header's changes, its claims'.
fn wrong(app: &App, holder: &Holder, other: &Holder) -> Vec<(&'static str, Value, Value)> {
    let now = app.seconds();
    let mut off_curve = holder.jwk.clone();
    off_curve["y"] = off_curve["x"].clone();
    vec![
        ("no typ", json!({ "typ": null }), json!({})),
        ("an access token's typ", json!({ "typ": "at+jwt" }), json!({})),
        ("a plain JWT", json!({ "typ": "JWT" }), json!({})),
        ("no alg", json!({ "alg": null }), json!({})),
        ("alg none", json!({ "alg": "none" }), json!({})),
        ("RS256", json!({ "alg": "RS256" }), json!({})),
        ("HS256", json!({ "alg": "HS256" }), json!({})),
        ("another kind of key", json!({ "alg": "EdDSA" }), json!({})),
        ("no jwk", json!({ "jwk": null }), json!({})),
        ("a private jwk", json!({ "jwk": holder.private_jwk() }), json!({})),
        ("a symmetric jwk", json!({ "jwk": { "kty": "oct", "k": "AAAA" } }), json!({})),
        ("a point that is not on the curve", json!({ "jwk": off_curve }), json!({})),
        ("a jwk of another", json!({ "jwk": other.jwk }), json!({})),
        ("an extension", json!({ "crit": ["x"], "x": 1 }), json!({})),
        ("no jti", json!({}), json!({ "jti": null })),
        ("an empty jti", json!({}), json!({ "jti": "" })),
        ("an endless jti", json!({}), json!({ "jti": "x".repeat(1000) })),
        ("no htm", json!({}), json!({ "htm": null })),
        ("another method", json!({}), json!({ "htm": "PUT" })),
        ("no htu", json!({}), json!({ "htu": null })),
        ("another endpoint", json!({}), json!({ "htu": format!("{}oauth/revoke", app.issuer) })),
        ("another host", json!({}), json!({ "htu": "https://evil.example.test/oauth/token" })),
        ("a path alone", json!({}), json!({ "htu": "/oauth/token" })),
        ("no iat", json!({}), json!({ "iat": null })),
        ("an hour ago", json!({}), json!({ "iat": now - 3600 })),
        ("in an hour", json!({}), json!({ "iat": now + 3600 })),
    ]
}

/// Texts that are no proof, whatever they say.
fn texts(holder: &Holder, app: &App) -> Vec<String> {
    let good = holder.for_token(app);
    let (input, signature) = good.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    vec!["x".to_owned(), "a.b.c".to_owned(), input.to_owned(), format!("{input}."), format!("{input}.{flipped}"), format!("{good}, {good}"), "y".repeat(5000)]
}

/// OIDF's negative set: at the token endpoint, by two grants, and at userinfo. Nothing is given, taken or spent; the right proof works after it.
async fn dp_01_what_is_no_proof_gets_nothing(database: Database) {
    let app = App::start(database).await;
    let (holder, other) = (Holder::new(), Holder::new());
    let (machine, page) = (app.relying_party(MACHINE), app.relying_party(OWN_PAGE));
    let held = holder.sign_in(&app, &page, "openid").await;
    let before = state(&app).await;
    let token_endpoint = page.endpoint("oauth/token");
    for (what, header, claims) in wrong(&app, &holder, &other) {
        let proof = || holder.proof_with(&app, "POST", &token_endpoint, None, &header, &claims);
        no_proof(&machine.post_with("oauth/token", &[("dpop", &proof())], &CREDENTIALS).await, 400, what);
        no_proof(&page.post_with("oauth/token", &[("dpop", &proof())], &renew(held.refresh())).await, 400, what);
    }
    for text in texts(&holder, &app) {
        no_proof(&machine.post_with("oauth/token", &[("dpop", &text)], &CREDENTIALS).await, 400, &text);
        no_proof(&page.post_with("oauth/token", &[("dpop", &text)], &renew(held.refresh())).await, 400, &text);
    }
    // Who is told that the time is wrong is told to look at the clock.
    let old = holder.proof_with(&app, "POST", &token_endpoint, None, &json!({}), &json!({ "iat": app.seconds() - 301 }));
    let answer = page.post_with("oauth/token", &[("dpop", &old)], &renew(held.refresh())).await;
    assert!(answer.json()["error_description"].as_str().unwrap().contains("clock"), "{}", answer.text());
    // Two of them, both good.
    let (one, two) = (holder.for_token(&app), holder.for_token(&app));
    let twice = page.post_with("oauth/token", &[("dpop", &one), ("dpop", &two)], &renew(held.refresh())).await;
    assert_eq!((twice.status.as_u16(), twice.error().as_str()), (400, "invalid_request"));

    let userinfo = page.endpoint("userinfo");
    let authorization = format!("DPoP {}", held.access);
    let at_userinfo = async |proof: &str| app.network.get(&userinfo, &[("authorization", &authorization), ("dpop", proof)]).await;
    let ath = json!({ "ath": "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" });
    let of_token = [("no ath", json!({}), json!({ "ath": null })), ("another token's ath", json!({}), ath)];
    for (what, header, claims) in wrong(&app, &holder, &other).into_iter().chain(of_token) {
        no_proof(&at_userinfo(&holder.proof_with(&app, "GET", &userinfo, Some(&held.access), &header, &claims)).await, 401, what);
    }
    for text in texts(&holder, &app) {
        no_proof(&at_userinfo(&text).await, 401, &text);
    }
    // Of another key it is a proof, and not of this token's.
    let answer = at_userinfo(&other.proof(&app, "GET", &userinfo, Some(&held.access))).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_token"));
    assert!(answer.header("www-authenticate").unwrap().starts_with("DPoP "), "{:?}", answer.headers);

    assert_eq!(state(&app).await, before);
    bound(&holder.ask(&app, &machine, &CREDENTIALS).await);
    assert_eq!(holder.userinfo(&app, &held.access).await.status.as_u16(), 200);
    bound(&holder.try_refresh(&app, &page, held.refresh()).await);
}

async fn dp_02_a_proof_is_for_what_its_address_means(database: Database) {
    let app = App::start(database).await;
    let (holder, machine) = (Holder::new(), app.relying_party(MACHINE));
    let ask = async |claims: &Value| {
        let proof = holder.proof_with(&app, "POST", &machine.endpoint("oauth/token"), None, &json!({}), claims);
        machine.post_with("oauth/token", &[("dpop", &proof)], &CREDENTIALS).await
    };
    for htu in [
        "https://id.example.test/oauth/token?x=1",
        "https://id.example.test/oauth/token#x",
        "https://ID.EXAMPLE.TEST/oauth/token",
        "HTTPS://id.example.test:443/oauth/token",
        "https://id.example.test/oauth/%74oken",
    ] {
        bound(&ask(&json!({ "htu": htu })).await);
    }
    bound(&ask(&json!({ "nonce": "unasked", "exp": 1, "extra": { "deep": [1] } })).await);
    for seconds in [-299, 299] {
        bound(&ask(&json!({ "iat": app.seconds() + seconds })).await);
    }
    for htu in ["https://id.example.test/oauth/token/", "http://id.example.test/oauth/token", "https://id.example.test:8443/oauth/token"] {
        no_proof(&ask(&json!({ "htu": htu })).await, 400, htu);
    }
    // What the request says of the host counts for nothing.
    let proof = holder.proof(&app, "POST", "https://evil.example.test/oauth/token", None);
    let elsewhere = RelyingParty { issuer: "https://evil.example.test/".to_owned(), ..machine.clone() };
    no_proof(&elsewhere.post_with("oauth/token", &[("dpop", &proof)], &CREDENTIALS).await, 400, "by the header Host");
}

/// At a host's own API, whose addresses may be any: what a browser sends and says of `|`, `^` and braces, and what other libraries do.
async fn dp_02_an_address_is_what_parsers_make_of_it(database: Database) {
    use poem::EndpointExt;
    let app = App::start_with(database, with_apis).await;
    let (holder, party) = (Holder::new(), app.relying_party(ADMIN_PAGE));
    let url = party.authorize("openid server:read", &[("resource", API)]);
    let code = party.code(&app.authorize_as(&mut app.browser(), &url, "alice").await);
    let token = bound(&holder.try_exchange(&app, &party, &code).await).access;
    let api = poem::Route::new().at("/notes/*which", poem::get(notes)).with(app.running.require_token(API).scope("server:read")).boxed();
    let host = crate::support::network::Network::new(api);
    let ask = async |sent: &str, said: &str| {
        let (sent, said) = (format!("{API}notes/{sent}"), format!("{API}notes/{said}"));
        let proof = holder.proof(&app, "GET", &said, Some(&token));
        host.get(&sent, &[("authorization", &format!("DPoP {token}")), ("dpop", &proof)]).await
    };
    for (sent, said) in
        [("a|b", "a|b"), ("a|b", "a%7Cb"), ("a%7cb", "a|b"), ("{a}", "{a}"), ("{a}", "%7Ba%7D"), ("a^b", "a^b"), ("a^b", "a%5Eb"), ("a%5Eb?q={|}", "a^b")]
    {
        assert_eq!(ask(sent, said).await.status.as_u16(), 200, "{sent} {said}");
    }
    for (sent, said) in [("a|b", "a%257Cb"), ("a%257Cb", "a|b"), ("a|b", "ab"), ("{a}", "a"), ("a^b", "a|b"), ("a[b", "a%5Bb")] {
        no_proof(&ask(sent, said).await, 401, &format!("{sent} {said}"));
    }
}

/// On either replica and after a restart; what is remembered goes when no proof of then is taken any more.
async fn dp_03_a_proof_is_used_once(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let holder = Holder::new();
    let (machine, page) = (app.relying_party(MACHINE), app.relying_party(OWN_PAGE));
    let (there, page_there) = (replica.relying_party(MACHINE), replica.relying_party(OWN_PAGE));
    let held = holder.sign_in(&app, &page, "openid").await;
    let proof = holder.for_token(&app);
    bound(&machine.post_with("oauth/token", &[("dpop", &proof)], &CREDENTIALS).await);
    for party in [&machine, &there] {
        no_proof(&party.post_with("oauth/token", &[("dpop", &proof)], &CREDENTIALS).await, 400, "used before");
    }
    // Nor with another grant than it was used with.
    for party in [&page, &page_there] {
        no_proof(&party.post_with("oauth/token", &[("dpop", &proof)], &renew(held.refresh())).await, 400, "used by a machine");
    }
    let renewing = holder.for_token(&app);
    let next = bound(&page.post_with("oauth/token", &[("dpop", &renewing)], &renew(held.refresh())).await);
    no_proof(&there.post_with("oauth/token", &[("dpop", &renewing)], &CREDENTIALS).await, 400, "used with a refresh token");
    no_proof(&page_there.post_with("oauth/token", &[("dpop", &renewing)], &renew(next.refresh())).await, 400, "used with its predecessor");
    // The same name in a proof that was made anew.
    let named = |seconds: i64| {
        holder.proof_with(&app, "POST", &page.endpoint("oauth/token"), None, &json!({}), &json!({ "jti": "name", "iat": app.seconds() + seconds }))
    };
    bound(&machine.post_with("oauth/token", &[("dpop", &named(0))], &CREDENTIALS).await);
    no_proof(&machine.post_with("oauth/token", &[("dpop", &named(1))], &CREDENTIALS).await, 400, "the same jti");
    // Another key may have the same name.
    let other = Holder::new();
    let of_other = other.proof_with(&app, "POST", &page.endpoint("oauth/token"), None, &json!({}), &json!({ "jti": "name" }));
    bound(&machine.post_with("oauth/token", &[("dpop", &of_other)], &CREDENTIALS).await);

    let userinfo = page.endpoint("userinfo");
    let once = holder.proof(&app, "GET", &userinfo, Some(&next.access));
    let headers = [("authorization", format!("DPoP {}", next.access)), ("dpop", once)];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(app.network.get(&userinfo, &headers).await.status.as_u16(), 200);
    for app in [&app, &replica] {
        no_proof(&app.network.get(&userinfo, &headers).await, 401, "used before");
    }

    let (settings, clock) = (app.settings.clone(), app.clock.clone());
    replica.stop().await;
    let app = App::on(app.stop().await, settings, clock, "third").await;
    let machine = app.relying_party(MACHINE);
    no_proof(&machine.post_with("oauth/token", &[("dpop", &proof)], &CREDENTIALS).await, 400, "after a restart");
    no_proof(&app.network.get(&userinfo, &headers).await, 401, "after a restart");
    // As long as it would be taken, and no longer.
    app.advance(TimeDelta::minutes(5));
    app.running.sweep().await.unwrap();
    no_proof(&machine.post_with("oauth/token", &[("dpop", &proof)], &CREDENTIALS).await, 400, "swept too early");
    app.advance(TimeDelta::minutes(10));
    no_proof(&machine.post_with("oauth/token", &[("dpop", &proof)], &CREDENTIALS).await, 400, "too old");
    assert!(used_proofs(&app).await > 0);
    app.running.sweep().await.unwrap();
    assert_eq!(used_proofs(&app).await, 0);
    bound(&holder.ask(&app, &machine, &CREDENTIALS).await);
    assert_eq!(used_proofs(&app).await, 1);
    // Where no proof came nothing is written.
    tokens(&machine.post("oauth/token", &CREDENTIALS).await);
    no_proof(&machine.post_with("oauth/token", &[("dpop", "x")], &CREDENTIALS).await, 400, "none");
    assert_eq!(used_proofs(&app).await, 1);
}

async fn used_proofs(app: &App) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    use diesel::RunQueryDsl;
    let count = app.store.scan(|db| Ok(diesel::sql_query("SELECT count(*) AS count FROM used_proofs").get_result::<Count>(db)?));
    count.await.unwrap().count
}

/// The same request from 64 callers at the same moment, in turn by each of the parties.
pub async fn all_at_once(parties: &[RelyingParty], proof: &str, fields: &[(&str, &str)]) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(64));
    let fields: Vec<(String, String)> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut callers = vec![];
    for i in 0..64 {
        let (party, barrier, proof, fields) = (parties[i % parties.len()].clone(), barrier.clone(), proof.to_owned(), fields.clone());
        callers.push(tokio::spawn(async move {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            barrier.wait().await;
            party.post_with("oauth/token", &[("dpop", &proof)], &fields).await
        }));
    }
    let mut answers = vec![];
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    answers
}

async fn dp_03_one_of_many_uses_a_proof(database: Database) {
    let app = App::start(database).await;
    let replica = app.replica("second").await;
    let (holder, parties) = (Holder::new(), [app.relying_party(MACHINE), replica.relying_party(MACHINE)]);
    for round in 0..5 {
        let (won, lost): (Vec<_>, Vec<_>) =
            all_at_once(&parties, &holder.for_token(&app), &CREDENTIALS).await.into_iter().partition(|answer| answer.status.is_success());
        assert_eq!(won.len(), 1, "round {round}");
        bound(&won[0]);
        lost.iter().for_each(|answer| no_proof(answer, 400, "lost"));
        assert_eq!(used_proofs(&app).await, round + 1);
    }
    replica.stop().await;
}

/// RFC 9449 §10. As a wrong verifier: whoever has the code and not the key has made it useless, and has nothing.
async fn dp_05_a_code_is_redeemed_with_the_key_that_asked(database: Database) {
    let app = App::start(database).await;
    let (holder, thief) = (Holder::new(), Holder::new());
    for client in [OWN_PAGE, SERVER] {
        let party = app.relying_party(client);
        let mut browser = app.browser();
        let control = app.sign_in(&mut browser, &party, "openid").await;
        let thumbprint = holder.thumbprint();
        let code = async |browser: &mut Browser| party.code(&app.silently(browser, &party, "openid", &[("dpop_jkt", &thumbprint)]).await);
        let before = state(&app).await;
        for stolen in 0..3 {
            let code = code(&mut browser).await;
            let answer = match stolen {
                0 => party.try_exchange(&code).await,
                1 => thief.try_exchange(&app, &party, &code).await,
                // The owner's proof for another request is none of theirs.
                _ => {
                    let elsewhere = holder.proof(&app, "POST", &party.endpoint("oauth/revoke"), None);
                    let answer = party.post_with("oauth/token", &[("dpop", &elsewhere)], &party.exchange_fields(&code)).await;
                    no_proof(&answer, 400, "for another request");
                    thief.try_exchange(&app, &party, &code).await
                }
            };
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{}", answer.text());
            let late = holder.try_exchange(&app, &party, &code).await;
            assert_eq!(late.error(), "invalid_grant", "burnt, as by a wrong verifier");
        }
        assert_eq!(state(&app).await, State { codes: before.codes + 3, ..before }, "{client}");
        let own = code(&mut browser).await;
        let got = bound(&holder.try_exchange(&app, &party, &own).await);
        assert_eq!(party.claims(&got.access).await["cnf"], json!({ "jkt": thumbprint }));
        party.refresh(control.refresh()).await;
        // By the sign-in page, too.
        let mut fresh = app.browser();
        let url = party.authorize("openid", &[("dpop_jkt", &thumbprint)]);
        let code = party.code(&app.authorize_as(&mut fresh, &url, "alice").await);
        assert_eq!(thief.try_exchange(&app, &party, &code).await.error(), "invalid_grant");
        // What is no thumbprint is refused, not left out.
        for odd in ["x", &"A".repeat(42), &"A".repeat(44), &format!("{}=", "A".repeat(43)), &"!".repeat(43)] {
            assert_eq!(party.error(&app.silently(&mut browser, &party, "openid", &[("dpop_jkt", odd)]).await), "invalid_request", "{odd}");
        }
    }
}

const ADMIN_PAGE: &str = "admin-page";
const API: &str = "https://api.example.test/";

fn with_apis(settings: &mut Settings) {
    let words = AdminScope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    settings.clients.push(client(ADMIN_PAGE, ClientKind::Spa, "https://admin.example.test", |c: &mut ClientMetadata| {
        c.first_party = true;
        c.scope = Scope::parse(&format!("openid account:profile:read {words}")).unwrap();
        c.resources = ["urn:gatekey:admin", "urn:gatekey:account", API].map(str::to_owned).to_vec();
    }));
    for user in &mut settings.users {
        user.role = (user.username == "alice").then_some(AdminRole::Administrator);
    }
}

#[poem::handler]
fn notes() -> &'static str {
    "notes"
}

/// Duende's CVE-2024-49755: `cnf` is looked at by every API of this server, and by the one that a host puts behind it.
async fn dp_06_a_bound_token_is_no_bearer_token(database: Database) {
    use poem::EndpointExt;
    let app = App::start_with(database, with_apis).await;
    let (holder, party) = (Holder::new(), app.relying_party(ADMIN_PAGE));
    let (mut browser, scope) = (app.browser(), "openid account:profile:read server:read");
    let mut token = async |audience: &str, holder: Option<&Holder>| {
        let response = app.authorize_as(&mut browser, &party.authorize(scope, &[("resource", audience)]), "alice").await;
        let code = party.code(&response);
        match holder {
            Some(holder) => bound(&holder.try_exchange(&app, &party, &code).await).access,
            None => party.exchange(&code).await.access,
        }
    };
    let host = crate::support::network::Network::new(
        poem::Route::new().at("/notes", poem::get(notes)).with(app.running.require_token(API).scope("server:read")).boxed(),
    );
    for (audience, network, url) in [
        ("urn:gatekey:admin", &app.network, party.endpoint("admin/api/v1/server")),
        ("urn:gatekey:account", &app.network, party.endpoint("account/api/v1/profile")),
        (API, &app.network, party.endpoint("userinfo")),
        (API, &host, "https://api.example.test/notes".to_owned()),
    ] {
        let (bound, plain) = (token(audience, Some(&holder)).await, token(audience, None).await);
        let proof = |token: &str| holder.proof(&app, "GET", &url, Some(token));
        let asked = async |scheme: &str, token: &str, proof: Option<&str>| {
            let authorization = format!("{scheme} {token}");
            let mut headers = vec![("authorization", authorization.as_str())];
            headers.extend(proof.map(|proof| ("dpop", proof)));
            network.get(&url, &headers).await
        };
        let refused = async |scheme: &str, token: &str, proof: Option<&str>, says: &str| {
            let answer = asked(scheme, token, proof).await;
            assert_eq!(answer.status.as_u16(), 401, "{url} {scheme}: {}", answer.text());
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with(says), "{url} {scheme}: {challenge}");
        };
        // Whatever else it brings, it is not taken by `Bearer`; and not by `DPoP` without a proof, or with one for something else.
        refused("Bearer", &bound, None, "Bearer realm=\"gatekey\", error=\"invalid_token\"").await;
        refused("bearer", &bound, Some(&proof(&bound)), "Bearer realm=\"gatekey\", error=\"invalid_token\"").await;
        refused("DPoP", &bound, None, "DPoP realm=\"gatekey\", error=\"invalid_dpop_proof\"").await;
        refused("DPoP", &bound, Some(&proof(&plain)), "DPoP realm=\"gatekey\", error=\"invalid_dpop_proof\"").await;
        let put = holder.proof(&app, "PUT", &url, Some(&bound));
        refused("DPoP", &bound, Some(&put), "DPoP realm=\"gatekey\", error=\"invalid_dpop_proof\"").await;
        let elsewhere = holder.proof(&app, "GET", &party.endpoint("elsewhere"), Some(&bound));
        refused("DPoP", &bound, Some(&elsewhere), "DPoP realm=\"gatekey\", error=\"invalid_dpop_proof\"").await;
        let others = Holder::new().proof(&app, "GET", &url, Some(&bound));
        refused("DPoP", &bound, Some(&others), "DPoP realm=\"gatekey\", error=\"invalid_token\"").await;
        // A token of no key is no token by `DPoP`, whoever's the proof.
        refused("DPoP", &plain, Some(&proof(&plain)), "DPoP realm=\"gatekey\", error=\"invalid_token\"").await;
        refused("DPoP", &plain, None, "DPoP realm=\"gatekey\", error=\"invalid_token\"").await;
        // The controls, remembered tokens too; and once.
        for _ in 0..2 {
            assert_eq!(asked("Bearer", &plain, None).await.status.as_u16(), 200, "{url}");
            let right = proof(&bound);
            assert_eq!(asked("DPoP", &bound, Some(&right)).await.status.as_u16(), 200, "{url}");
            refused("DPoP", &bound, Some(&right), "DPoP realm=\"gatekey\", error=\"invalid_dpop_proof\"").await;
            refused("Bearer", &bound, None, "Bearer ").await;
        }
    }
    // RFC 6750 §2.2: nor in a form.
    let bound = token(API, Some(&holder)).await;
    let url = party.endpoint("userinfo");
    let proof = holder.proof(&app, "POST", &url, Some(&bound));
    let answer = app.network.post_form(&url, &[("dpop", &proof)], &[("access_token", &bound)]).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_token"), "{}", answer.text());
    let answer = app.network.send(Method::POST, &url, &[("authorization", &format!("dpop {bound}")), ("dpop", &proof)], "").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
}

/// Keycloak #48428: whatever the grant, and whatever the client asks with.
async fn dp_07_no_grant_without_a_proof(database: Database) {
    let app = App::start(database).await;
    let holder = Holder::new();
    let (page, server, machine) = (app.relying_party(OWN_PAGE), app.relying_party(SERVER), app.relying_party(MACHINE));
    let mut browser = app.browser();
    // From before it was required.
    let of_before = [app.sign_in(&mut browser, &page, "openid").await, app.sign_in(&mut browser, &server, "openid").await];
    for id in [OWN_PAGE, SERVER, MACHINE] {
        crate::dpop::change_client(&app, id, |metadata| metadata.dpop_bound_access_tokens = true).await;
    }
    let before = state(&app).await;
    for (party, held) in [&page, &server].into_iter().zip(&of_before) {
        let code = party.code(&app.silently(&mut browser, party, "openid", &[]).await);
        no_proof(&party.try_exchange(&code).await, 400, "a code");
        no_proof(&party.try_refresh(held.refresh()).await, 400, "a refresh token");
        // It was not spent.
        let got = bound(&holder.try_exchange(&app, party, &code).await);
        no_proof(&party.try_refresh(got.refresh()).await, 400, "its refresh token");
        bound(&holder.try_refresh(&app, party, got.refresh()).await);
        // And the old one goes on, with a proof.
        bound(&holder.try_refresh(&app, party, held.refresh()).await);
        // There is no other way to a token than the code.
        for response_type in ["token", "id_token", "id_token token", "code token", "code id_token"] {
            let answer = app.silently(&mut browser, party, "openid", &[("response_type", response_type)]).await;
            assert_eq!(party.error(&answer), "unsupported_response_type", "{response_type}");
        }
    }
    no_proof(&machine.post("oauth/token", &CREDENTIALS).await, 400, "a machine");
    for grant in ["password", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange"] {
        assert_eq!(machine.post("oauth/token", &[("grant_type", grant)]).await.error(), "unsupported_grant_type");
    }
    let got = bound(&holder.ask(&app, &machine, &CREDENTIALS).await);
    assert_eq!(machine.claims(&got.access).await["cnf"], json!({ "jkt": holder.thumbprint() }));
    assert_eq!(
        state(&app).await,
        State {
            codes: before.codes + 2,
            live_codes: before.live_codes + 2,
            families: before.families + 2,
            live_families: before.live_families + 2,
            generations: before.generations + 6,
            ..before
        }
    );
}
