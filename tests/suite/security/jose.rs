//! Tokens, JSON and text that are built to be misread (section V).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatekey::settings::Settings;
use openssl::ecdsa::EcdsaSig;
use serde_json::{Value, json};
use std::time::Instant;

use crate::support::app::{App, OWN_PAGE, PASSWORD, SERVER};
use crate::support::browser::{Landing, OWN_FORM, form_with};
use crate::support::database::{Database, each_database};
use crate::support::network::Answer;
use crate::support::relying_party::{RelyingParty, Tokens};

each_database!(
    jo_02_no_encrypted_token_is_opened,
    jo_03_a_token_of_a_million_parts_is_refused_by_its_length,
    jo_04_a_member_twice_is_refused,
    jo_05_deep_nesting_is_refused,
    jo_08_headers_with_rules_of_their_own_are_refused,
    jo_10_the_jwks_is_public_halves_alone,
    jo_11_odd_text_is_refused_or_kept_exactly,
    jo_12_signatures_at_the_edges_are_refused,
);

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Refused wherever a signed token of ours is taken, and within what an honest request takes.
async fn nowhere(app: &App, party: &RelyingParty, token: &str, what: &str) {
    let began = Instant::now();
    assert_eq!(party.userinfo(token).await.status.as_u16(), 401, "{what}");
    if token.len() < 60_000 {
        assert_eq!(party.introspect(token).await, json!({"active": false}), "{what}");
        assert_eq!(party.revoke(token).await.status.as_u16(), 200, "{what}");
        let silent = app.browser().visit(party.authorize("openid", &[("prompt", "none"), ("id_token_hint", token)]).as_str()).await.left();
        assert_eq!(party.error(&silent), "invalid_request", "{what}");
    }
    let admin = app.network.get(&format!("{}admin/api/v1/server", app.issuer), &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(admin.status.as_u16(), 401, "{what}");
    assert!(began.elapsed().as_secs() < 5, "{what} took {:?}", began.elapsed());
}

async fn signed_in(app: &App) -> (RelyingParty, Tokens) {
    let party = app.relying_party(SERVER);
    let tokens = app.sign_in(&mut app.browser(), &party, "openid").await;
    (party, tokens)
}

/// The tokens of a live grant, and that they live still.
async fn untouched(party: &RelyingParty, tokens: &Tokens) {
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
    assert_eq!(party.introspect(&tokens.access).await["active"], true);
    party.refresh(tokens.refresh()).await;
}

/// There is no JWE here, so no password-based one with two thousand million rounds.
async fn jo_02_no_encrypted_token_is_opened(database: Database) {
    let app = App::start(database).await;
    let (party, tokens) = signed_in(&app).await;
    let kid = header_of(&tokens.access)["kid"].clone();
    for alg in ["PBES2-HS256+A128KW", "PBES2-HS512+A256KW", "dir", "RSA1_5", "ECDH-ES"] {
        for p2c in [1u64, 1 << 31, u64::MAX] {
            let header = json!({ "alg": alg, "enc": "A128GCM", "p2c": p2c, "p2s": "AAAA", "kid": kid, "typ": "at+jwt" }).to_string();
            nowhere(&app, &party, &format!("{0}.{1}.{1}.{1}.{1}", encode(&header), encode("x")), alg).await;
            nowhere(&app, &party, &format!("{0}.{1}.{1}", encode(&header), encode("{}")), alg).await;
        }
    }
    untouched(&party, &tokens).await;
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

async fn jo_03_a_token_of_a_million_parts_is_refused_by_its_length(database: Database) {
    let app = App::start(database).await;
    let (party, tokens) = signed_in(&app).await;
    let parts: Vec<&str> = tokens.access.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for (what, token) in [
        ("a million dots", ".".repeat(1_000_000)),
        ("fifty thousand dots", ".".repeat(50_000)),
        ("a header of 10 MB", format!("{}.{payload}.{signature}", "A".repeat(10_000_000))),
        ("a header of 50 kB", format!("{}.{payload}.{signature}", "A".repeat(50_000))),
        ("six parts", format!("{header}.{payload}.{signature}.{header}.{payload}.{signature}")),
        ("five parts", format!("{header}.{payload}.{signature}.x.x")),
        ("two parts", format!("{header}.{payload}")),
        ("one part", header.to_owned()),
        ("empty parts", "..".to_owned()),
        ("an empty header", format!(".{payload}.{signature}")),
        ("an empty signature", format!("{header}.{payload}.")),
    ] {
        nowhere(&app, &party, &token, what).await;
    }
    untouched(&party, &tokens).await;
}

/// RFC 7515 §4: of a header. Everything that is JSON and comes from outside reads a member once.
async fn jo_04_a_member_twice_is_refused(database: Database) {
    let app = App::start(database).await;
    let (party, tokens) = signed_in(&app).await;
    let (_, rest) = tokens.access.split_once('.').unwrap();
    let header = header_of(&tokens.access);
    for (name, other) in [("alg", "none"), ("alg", "ES256"), ("kid", "other"), ("typ", "JWT"), ("typ", "at+jwt")] {
        for (a, b) in [(other, header[name].as_str().unwrap()), (header[name].as_str().unwrap(), other)] {
            let mut left = header.clone();
            left.as_object_mut().unwrap().remove(name);
            let twice = left.to_string().replacen('{', &format!("{{\"{name}\":\"{a}\",\"{name}\":\"{b}\","), 1);
            nowhere(&app, &party, &format!("{}.{rest}", encode(twice)), name).await;
        }
    }
    // A payload is only read below our own signature, and our own payloads come from a map.
    let (head, signature) = (tokens.access.split('.').next().unwrap(), tokens.access.rsplit('.').next().unwrap());
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(tokens.access.split('.').nth(1).unwrap()).unwrap()).unwrap();
    let twice = payload.replacen('{', "{\"sub\":\"mallory\",", 1);
    nowhere(&app, &party, &format!("{head}.{}.{signature}", encode(twice)), "payload").await;
    // A JSON body at the token endpoint.
    let refresh = tokens.refresh();
    let twice = format!("{{\"grant_type\":\"refresh_token\",\"client_id\":\"{OWN_PAGE}\",\"refresh_token\":\"x\",\"refresh_token\":\"{refresh}\"}}");
    let answer = app.network.send(poem::http::Method::POST, &party.endpoint("oauth/token"), &[("content-type", "application/json")], twice).await;
    assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"));
    // The claims parameter (OIDC Core §5.5).
    let own = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &own, "openid").await;
    for twice in [
        r#"{"id_token":{"sub":{"value":"mallory"}},"id_token":{}}"#,
        r#"{"userinfo":{"name":null,"name":null}}"#,
        r#"{"id_token":{"acr":{"essential":true,"essential":false}}}"#,
    ] {
        let response = app.silently(&mut browser, &own, "openid", &[("claims", twice)]).await;
        assert_eq!(own.error(&response), "invalid_request", "{twice}");
    }
    own.code(&app.silently(&mut browser, &own, "openid", &[("claims", r#"{"userinfo":{"name":null},"id_token":{"name":null}}"#)]).await);
    untouched(&party, &tokens).await;
}

async fn jo_05_deep_nesting_is_refused(database: Database) {
    let app = App::start(database).await;
    let (party, tokens) = signed_in(&app).await;
    let (_, rest) = tokens.access.split_once('.').unwrap();
    for depth in [130, 5_000, 11_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = if depth > 1000 { open.repeat(depth) } else { format!("{}1{}", open.repeat(depth), close.repeat(depth)) };
            nowhere(&app, &party, &format!("{}.{rest}", encode(&deep)), "header").await;
            nowhere(&app, &party, &format!("{}.{}.AAAA", encode(header_of(&tokens.access).to_string()), encode(&deep)), "payload").await;
            let body = format!("{{\"grant_type\":{deep}");
            let answer = app.network.send(poem::http::Method::POST, &party.endpoint("oauth/token"), &[("content-type", "application/json")], body).await;
            assert!(matches!(answer.status.as_u16(), 400 | 413), "{}", answer.status);
            assert_eq!(answer.error(), "invalid_request");
            if depth < 1000 {
                let response = app.silently(&mut app.browser(), &party, "openid", &[("claims", &deep)]).await;
                assert_eq!(party.error(&response), "invalid_request");
            }
        }
    }
    untouched(&party, &tokens).await;
}

/// RFC 7515 §4.1.11, RFC 7797 §6, RFC 8725 §2: one form of token, with three header members.
async fn jo_08_headers_with_rules_of_their_own_are_refused(database: Database) {
    let app = App::start(database).await;
    let (party, tokens) = signed_in(&app).await;
    let parts: Vec<&str> = tokens.access.split('.').collect();
    let header = header_of(&tokens.access);
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        format!("{}.{}.{}", encode(header.to_string()), parts[1], parts[2])
    };
    for token in [
        with("crit", json!(["b64"])),
        with("crit", json!([])),
        with("b64", json!(false)),
        with("cty", json!("JWT")),
        with("zip", json!("DEF")),
        with("x", json!(1)),
    ] {
        nowhere(&app, &party, &token, "header").await;
    }
    let nested = format!("{}.{}.{}", parts[0], encode(&tokens.access), parts[2]);
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    let general =
        json!({ "payload": parts[1], "signatures": [{ "protected": parts[0], "signature": parts[2] }, { "protected": parts[0], "signature": "AAAA" }] })
            .to_string();
    for (what, token) in [("nested", nested), ("flattened JSON", flattened), ("general JSON", general), ("JSON in base64url", encode(json!({}).to_string()))] {
        nowhere(&app, &party, &token, what).await;
    }
    untouched(&party, &tokens).await;
}

/// RFC 7517 §9.2; FAPI 2.0 §5.4.1-2, -3.
async fn jo_10_the_jwks_is_public_halves_alone(database: Database) {
    let app = App::start(database).await;
    let (party, tokens) = signed_in(&app).await;
    let jwks: Value = serde_json::from_str(&party.jwks().await).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(jwks.as_object().unwrap().len(), 1);
    assert!(keys.len() >= 2);
    for key in keys {
        let known = ["kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"];
        assert!(key.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{key}");
        assert_eq!(key["use"], "sig");
        match key["kty"].as_str().unwrap() {
            "RSA" => assert!(URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap().len() >= 256),
            "EC" => assert_eq!(key["crv"], "P-256"),
            "OKP" => assert_eq!(key["crv"], "Ed25519"),
            other => panic!("{other}"),
        }
    }
    assert!(keys.iter().any(|key| key["kid"] == header_of(&tokens.access)["kid"]), "the control: the key that signs is among them");
}

fn honest(answer: &Answer, what: &str) {
    assert!(!answer.status.is_server_error(), "{what}: {} {}", answer.status, answer.text());
}

const ODD: &[&str] = &["\0", "a\0b", "\u{feff}x", "\u{1f600}\u{10ffff}", "%", "_", "' OR '1'='1", "\\", "\r\n", "é\u{301}", "\u{202e}abc", "\u{2028}"];

/// In every parameter, on both databases alike. See also AC-16, DS-04.
async fn jo_11_odd_text_is_refused_or_kept_exactly(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser, &party, "openid").await;
    let long = "x".repeat(9_000);
    for odd in ODD.iter().copied().chain([long.as_str()]) {
        for name in [
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "prompt",
            "max_age",
            "code_challenge",
            "login_hint",
            "id_token_hint",
            "ui_locales",
            "resource",
            "claims",
        ] {
            if let Landing::Page(page) = app.browser().visit(party.authorize("openid", &[(name, odd)]).as_str()).await {
                honest(&page, &format!("{name}={:?}", &odd[..odd.len().min(20)]));
            }
        }
        for (grant, name) in [
            ("authorization_code", "code"),
            ("authorization_code", "redirect_uri"),
            ("authorization_code", "code_verifier"),
            ("refresh_token", "refresh_token"),
            ("refresh_token", "scope"),
            (odd, "x"),
        ] {
            honest(&party.post("oauth/token", &[("grant_type", grant), (name, odd)]).await, name);
        }
        let unknown = [("grant_type", "refresh_token"), ("client_id", odd), ("refresh_token", tokens.refresh())];
        honest(&app.network.post_form(&party.endpoint("oauth/token"), &[], &unknown).await, "client_id");
        honest(&app.relying_party(SERVER).post("oauth/introspect", &[("token", odd)]).await, "introspect");
        honest(&party.revoke(odd).await, "revoke");
        if !odd.contains(['\0', '\r']) && odd.is_ascii() {
            honest(&party.userinfo(odd).await, "userinfo");
        }
        let logout = url::Url::parse_with_params(
            &party.endpoint("oidc/logout"),
            [("id_token_hint", odd), ("state", odd), ("client_id", odd), ("post_logout_redirect_uri", odd)],
        )
        .unwrap();
        honest(&app.browser().visit(logout.as_str()).await.page(), "logout");

        let mut stranger = app.browser();
        let form = form_with(&app.sign_in_page(&mut stranger, &party).await, "password");
        for wrong in [
            form.clone().fill("username", odd).fill("password", PASSWORD),
            form.clone().fill("username", "alice").fill("password", odd),
            form.clone().fill("ticket", odd),
        ] {
            let answer = stranger.submit_as(&wrong, None, OWN_FORM).await;
            honest(&answer, "sign-in");
            assert_eq!(answer.location(), None);
        }
        // What is given back is given back to the byte.
        if odd.len() < 4096 {
            let response = app.silently(&mut browser, &party, "openid", &[("state", odd), ("nonce", odd)]).await;
            assert_eq!(crate::support::network::parameter(&response, "state").as_deref(), Some(odd));
            let code = crate::support::network::parameter(&response, "code").unwrap();
            let id_token = party.exchange(&code).await.id.unwrap();
            assert_eq!(party.claims(&id_token).await["nonce"], odd);
        }
    }
    // Bytes that are no UTF-8, raw and percent-encoded: refused, not replaced. Overlong, surrogates, cut off, Latin-1.
    for bytes in ["%ff", "%c0%af", "%ed%a0%80", "%e2%82", "%f5%80%80%80", "caf%e9"] {
        let body = format!("grant_type=refresh_token&client_id={OWN_PAGE}&refresh_token={}&x={bytes}", tokens.refresh());
        let form = [("content-type", "application/x-www-form-urlencoded")];
        for path in ["oauth/token", "oauth/revoke", "login"] {
            let answer = app.network.send(poem::http::Method::POST, &party.endpoint(path), &form, body.clone()).await;
            assert!(answer.status.is_client_error(), "{path} {bytes}: {}", answer.status);
        }
        let mut url = party.authorize("openid", &[]).to_string();
        url.push_str(&format!("&x={bytes}"));
        assert_eq!(app.browser().visit(&url).await.page().status.as_u16(), 400, "{bytes}");
    }
    // Names of people, from the settings: PostgreSQL's text knows no NUL, so neither database gets one.
    for field in ["name", "given_name", "family_name"] {
        let text = format!("[[users]]\nusername = \"u\"\n{field} = \"a\\u0000b\"\n");
        assert!(Settings::from_toml(&text).is_err(), "{field}");
    }
    assert!(Settings::from_toml("[[clients]]\nid = \"a\"\nkind = \"spa\"\nname = \"a\\u0000b\"\nredirect_uris = [\"https://a.test/cb\"]\n").is_err());
    // The control.
    party.refresh(tokens.refresh()).await;
}

/// RFC 7518 §3.4. A high `s` is not among them: ECDSA gives both halves of a signature alike, JWS asks for neither, and nothing here
/// tells tokens apart by the bytes of their signature, which is what a second spelling could be used for.
async fn jo_12_signatures_at_the_edges_are_refused(database: Database) {
    let app = App::start(database).await;
    let (party, tokens) = signed_in(&app).await;
    let (input, signature) = tokens.access.rsplit_once('.').unwrap();
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!((header_of(&tokens.access)["alg"].as_str(), raw.len()), (Some("ES256"), 64));
    let big = |bytes: &[u8]| openssl::bn::BigNum::from_slice(bytes).unwrap();
    let der = EcdsaSig::from_private_components(big(&raw[..32]), big(&raw[32..])).unwrap().to_der().unwrap();
    let order = {
        let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
        let (mut order, mut context) = (openssl::bn::BigNum::new().unwrap(), openssl::bn::BigNumContext::new().unwrap());
        group.order(&mut order, &mut context).unwrap();
        order
    };
    let n = order.to_vec_padded(32).unwrap();
    let mut one = vec![0; 32];
    one[31] = 1;
    let join = |r: &[u8], s: &[u8]| [r, s].concat();
    for (what, forged) in [
        ("r = s = 0", vec![0; 64]),
        ("r = s = n", join(&n, &n)),
        ("r = 0", join(&[0; 32], &raw[32..])),
        ("s = 0", join(&raw[..32], &[0; 32])),
        ("r = s = 1", join(&one, &one)),
        ("r and s swapped", join(&raw[32..], &raw[..32])),
        ("DER", der),
        ("cut", raw[..63].to_vec()),
        ("longer", join(&raw, &[0])),
        ("padded", [&[0][..], &raw[..32], &[0], &raw[32..]].concat()),
        ("nothing", vec![]),
    ] {
        nowhere(&app, &party, &format!("{input}.{}", encode(forged)), what).await;
    }
    let mut other_half = openssl::bn::BigNum::new().unwrap();
    other_half.checked_sub(&order, &big(&raw[32..])).unwrap();
    let twin = format!("{input}.{}", encode(join(&raw[..32], &other_half.to_vec_padded(32).unwrap())));
    assert_eq!(party.userinfo(&twin).await.status.as_u16(), 200);
    // It is the same token: what ends the one ends the other, whichever is named.
    party.revoke(&twin).await;
    for token in [&tokens.access, &twin] {
        assert_eq!(party.userinfo(token).await.status.as_u16(), 401);
    }
    let (party, tokens) = signed_in(&app).await;
    untouched(&party, &tokens).await;
}
