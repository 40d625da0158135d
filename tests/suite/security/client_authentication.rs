//! How clients prove who they are, and what forged proofs get (section M).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatekey::domain::client::{ClientAuthentication, ClientKind};
use gatekey::domain::secret::Secret;
use gatekey::service::admin::{Installation, NewClient};
use gatekey::settings::Settings;
use gatekey::store::clients;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;

use crate::support::app::{App, MACHINE, OWN_PAGE, SECRET, SERVER, client};
use crate::support::database::{Database, each_database};
use crate::support::entropy::SeededEntropy;
use crate::support::relying_party::{RelyingParty, Tokens, tokens};
use crate::support::statements;

each_database!(
    ca_01_two_proofs_at_once_are_refused,
    ca_02_only_the_registered_method_works,
    ca_03_no_secret_is_no_proof,
    ca_07_the_key_decides_the_algorithm,
    ca_08_a_token_does_not_choose_its_key,
    ca_10_an_assertion_beside_a_secret_is_refused,
    ca_12_secrets_are_strong_and_shown_once,
    ca_17_unknown_wrong_and_disabled_read_the_same,
    ca_18_no_answer_holds_a_secret,
);

/// A client that posts its secret.
const POSTING: &str = "posting";

async fn start(database: Database) -> App {
    App::start_with(database, |settings| {
        settings.clients.push(client(POSTING, ClientKind::Web, "https://posting.example.test", |c| c.authentication = ClientAuthentication::ClientSecretPost));
    })
    .await
}

fn basic(id: &str, secret: &str) -> String {
    let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", part(id), part(secret))))
}

/// A token request that is right but for its proof: status and error.
async fn try_as(app: &App, header: Option<&str>, fields: &[(&str, &str)]) -> (u16, String) {
    let headers: Vec<(&str, &str)> = header.map(|value| ("authorization", value)).into_iter().collect();
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let answer = app.network.post_form(&format!("{}oauth/token", app.issuer), &headers, &[&grant[..], fields].concat()).await;
    (answer.status.as_u16(), answer.error())
}

fn refused() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

/// The client was believed: it is the refresh token that is wrong.
fn believed() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

fn malformed() -> (u16, String) {
    (400, "invalid_request".to_owned())
}

/// RFC 6749 §2.3; OAuth 2.1 §2.4.
async fn ca_01_two_proofs_at_once_are_refused(database: Database) {
    let app = start(database).await;
    let right = basic(SERVER, SECRET);
    assert_eq!(try_as(&app, Some(&right), &[("client_secret", SECRET)]).await, malformed());
    assert_eq!(try_as(&app, Some(&right), &[("client_id", SERVER), ("client_secret", "x")]).await, malformed());
    assert_eq!(try_as(&app, Some(&right), &[("client_id", OWN_PAGE)]).await, malformed());
    assert_eq!(try_as(&app, None, &[("client_id", OWN_PAGE), ("client_id", SERVER)]).await, malformed());
    assert_eq!(try_as(&app, None, &[("client_id", POSTING), ("client_secret", "x"), ("client_secret", SECRET)]).await, malformed());
    let two = [("authorization", right.as_str()), ("authorization", &basic(SERVER, "x"))];
    for path in ["oauth/token", "oauth/introspect", "oauth/revoke"] {
        let answer = app.network.post_form(&format!("{}{path}", app.issuer), &two, &[("token", "x")]).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"), "{path}");
    }
    // The controls: one proof, and the same name beside it.
    assert_eq!(try_as(&app, Some(&right), &[]).await, believed());
    assert_eq!(try_as(&app, Some(&right), &[("client_id", SERVER)]).await, believed());
}

/// ASVS 10.4.16: a method is the registration's choice, never the caller's.
async fn ca_02_only_the_registered_method_works(database: Database) {
    let app = start(database).await;
    for (id, method) in [(SERVER, "basic"), (POSTING, "post"), (OWN_PAGE, "none")] {
        let expected = |used: &str| if used == method { believed() } else { refused() };
        assert_eq!(try_as(&app, Some(&basic(id, SECRET)), &[]).await, expected("basic"), "{id}");
        // As clients send it that leave the form encoding of RFC 6749 §2.3.1 out.
        let as_it_stands = format!("Basic {}", STANDARD.encode(format!("{id}:{SECRET}")));
        assert_eq!(try_as(&app, Some(&as_it_stands), &[]).await, expected("basic"), "{id}");
        assert_eq!(try_as(&app, None, &[("client_id", id), ("client_secret", SECRET)]).await, expected("post"), "{id}");
        assert_eq!(try_as(&app, None, &[("client_id", id)]).await, expected("none"), "{id}");
        assert_eq!(try_as(&app, Some(&format!("Bearer {SECRET}")), &[("client_id", id)]).await, refused(), "{id}");
    }
    // At the endpoints beside it, too.
    for path in ["oauth/introspect", "oauth/revoke"] {
        let url = format!("{}{path}", app.issuer);
        let wrong = app.network.post_form(&url, &[], &[("client_id", SERVER), ("client_secret", SECRET), ("token", "x")]).await;
        assert_eq!((wrong.status.as_u16(), wrong.error().as_str()), (401, "invalid_client"), "{path}");
        let right = app.network.post_form(&url, &[("authorization", &basic(SERVER, SECRET))], &[("token", "x")]).await;
        assert_eq!(right.status.as_u16(), 200, "{path}");
    }
}

/// A client that was given a secret, or none yet, is confidential; nothing in the place of the secret proves it.
async fn ca_03_no_secret_is_no_proof(database: Database) {
    let app = start(database).await;
    for secret in ["", " ", "\0", "null", "undefined", &SECRET[..SECRET.len() - 1], &format!("{SECRET} "), &format!("{SECRET}\0"), &SECRET.to_uppercase()] {
        assert_eq!(try_as(&app, Some(&basic(SERVER, secret)), &[]).await, refused(), "{secret:?}");
        assert_eq!(try_as(&app, None, &[("client_id", POSTING), ("client_secret", secret)]).await, refused(), "{secret:?}");
    }
    assert_eq!(try_as(&app, Some("Basic c2VydmVy"), &[]).await, refused(), "no colon");
    assert_eq!(try_as(&app, Some("Basic"), &[("client_id", SERVER)]).await, refused());
    // A secret was never made for it: nothing fits. Not the empty one either, though its digest were registered.
    let id = gatekey::domain::id::ClientId::parse(SERVER).unwrap();
    for digest in [None, Some(Secret::new(String::new()).digest())] {
        let id = id.clone();
        app.write(move |db| {
            let mut client = clients::find(db, &id)?.unwrap();
            client.secret_digest = digest;
            clients::delete(db, &id)?;
            clients::insert(db, &client)
        })
        .await;
        for secret in ["", SECRET, "\0"] {
            assert_eq!(try_as(&app, Some(&basic(SERVER, secret)), &[]).await, refused(), "{secret:?}");
        }
        assert_eq!(try_as(&app, None, &[("client_id", SERVER)]).await, refused());
    }
    // The settings take neither: these are what a variable that is not set becomes on its way through a shell.
    for empty in ["", "\n"] {
        let digest: String = Secret::new(empty.to_owned()).digest().0.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("[[clients]]\nid = \"a\"\nkind = \"web\"\nredirect_uris = [\"https://a.test/cb\"]\nsecret_digest = \"sha256:{digest}\"\n");
        assert!(Settings::from_toml(&text).unwrap_err().to_string().contains("empty secret"));
    }
    // The control.
    assert_eq!(try_as(&app, None, &[("client_id", POSTING), ("client_secret", SECRET)]).await, believed());
}

fn segment(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Everything that takes a signed token of ours: as a bearer token, at introspection, at revocation, as a hint at both places.
async fn nowhere(app: &App, party: &RelyingParty, token: &str, what: &str) {
    assert_eq!(party.userinfo(token).await.status.as_u16(), 401, "{what}");
    assert_eq!(party.introspect(token).await, json!({"active": false}), "{what}");
    assert_eq!(party.revoke(token).await.status.as_u16(), 200, "{what}");
    let admin = app.network.get(&format!("{}admin/api/v1/server", app.issuer), &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(admin.status.as_u16(), 401, "{what}");
    let silent = app.browser().visit(party.authorize("openid", &[("prompt", "none"), ("id_token_hint", token)]).as_str()).await.left();
    assert_eq!(party.error(&silent), "invalid_request", "{what}");
    let url = url::Url::parse_with_params(&party.endpoint("oidc/logout"), [("id_token_hint", token)]).unwrap();
    app.browser().visit(url.as_str()).await.page();
}

/// The tokens of a live grant, and that they live still.
async fn untouched(party: &RelyingParty, tokens: &Tokens) {
    assert_eq!(party.userinfo(&tokens.access).await.status.as_u16(), 200);
    assert_eq!(party.introspect(&tokens.access).await["active"], true);
}

/// RFC 8725 §3.1. Client assertions are not built; these are the tokens that are. More, signed with our own keys, is in
/// `src/jose/key_ring/tests/forgeries.rs`.
async fn ca_07_the_key_decides_the_algorithm(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(SERVER);
    let got = app.sign_in(&mut app.browser(), &party, "openid").await;
    let jwks: Value = serde_json::from_str(&party.jwks().await).unwrap();
    for (token, typ) in [(&got.access, "at+jwt"), (got.id.as_ref().unwrap(), "JWT")] {
        let payload = token.split('.').nth(1).unwrap();
        for key in jwks["keys"].as_array().unwrap() {
            let kid = &key["kid"];
            let pem = openssl_pem(key);
            for alg in [
                json!("none"),
                json!("None"),
                json!("nOnE"),
                json!("HS256"),
                json!("HS512"),
                json!(""),
                json!(null),
                json!(["ES256"]),
                json!("RS256"),
                json!("ES256"),
            ] {
                let mut header = json!({ "kid": kid, "typ": typ });
                if !alg.is_null() {
                    header["alg"] = alg.clone();
                }
                let input = format!("{}.{payload}", segment(&header));
                nowhere(&app, &party, &format!("{input}."), &format!("{alg} unsigned")).await;
                for secret in [pem.as_bytes(), key.to_string().as_bytes(), b"", b"\0"] {
                    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                    mac.update(input.as_bytes());
                    let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
                    nowhere(&app, &party, &forged, &format!("{alg} keyed with what is public")).await;
                }
                // The signature that is really there, under a header it was not made for.
                let moved = format!("{input}.{}", token.rsplit('.').next().unwrap());
                if moved != *token {
                    nowhere(&app, &party, &moved, &format!("{alg} with the signature of another header")).await;
                }
            }
        }
    }
    untouched(&party, &got).await;
}

fn openssl_pem(jwk: &Value) -> String {
    let number = |name: &str| openssl::bn::BigNum::from_slice(&URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()).unwrap();
    let pem = match jwk["kty"].as_str().unwrap() {
        "EC" => {
            let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
            openssl::ec::EcKey::from_public_key_affine_coordinates(&group, &number("x"), &number("y")).unwrap().public_key_to_pem()
        }
        "RSA" => openssl::rsa::Rsa::from_public_components(number("n"), number("e")).unwrap().public_key_to_pem(),
        other => panic!("{other}"),
    };
    String::from_utf8(pem.unwrap()).unwrap()
}

/// RFC 8725 §3.10: what a `kid` names is looked up among our keys and nowhere else, and keys brought along are not looked at.
async fn ca_08_a_token_does_not_choose_its_key(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(SERVER);
    let got = app.sign_in(&mut app.browser(), &party, "openid").await;
    // Whoever follows the token to its key rings here.
    let canary = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let url = format!("http://{}/key", canary.local_addr().unwrap());
    let own = openssl::ec::EcKey::generate(&openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap()).unwrap();
    let own = openssl::pkey::PKey::from_ec_key(own).unwrap();
    let sign = |header: &Value, payload: &str| {
        let input = format!("{}.{payload}", segment(header));
        let der = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &own).unwrap().sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let signature = openssl::ecdsa::EcdsaSig::from_der(&der).unwrap();
        let raw = [signature.r().to_vec_padded(32).unwrap(), signature.s().to_vec_padded(32).unwrap()].concat();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(raw))
    };
    let jwk = {
        let key = josekit::jwk::alg::ec::EcKeyPair::from_pem(own.private_key_to_pem_pkcs8().unwrap(), None).unwrap();
        Value::Object(key.to_jwk_public_key().as_ref().clone())
    };
    let (header, payload) = (URL_SAFE_NO_PAD.decode(got.access.split('.').next().unwrap()).unwrap(), got.access.split('.').nth(1).unwrap());
    let right: Value = serde_json::from_slice(&header).unwrap();
    let mut headers = vec![];
    for kid in [
        json!("' OR 1=1 --"),
        json!("../../../../etc/passwd"),
        json!("/dev/null"),
        json!("k".repeat(10_000)),
        json!(null),
        json!(1),
        json!([right["kid"]]),
        json!(""),
    ] {
        let mut header = right.clone();
        header["kid"] = kid;
        headers.push(header);
    }
    for (name, value) in [("jku", json!(url)), ("x5u", json!(url)), ("jwk", jwk), ("x5c", json!(["MII="])), ("x5t", json!("x")), ("crit", json!(["exp"]))] {
        let mut header = right.clone();
        header[name] = value;
        headers.push(header.clone());
        header.as_object_mut().unwrap().remove("kid");
        headers.push(header);
    }
    for header in &headers {
        nowhere(&app, &party, &sign(header, payload), &header.to_string()[..header.to_string().len().min(120)]).await;
    }
    // A kid twice: neither wins.
    let doubled = String::from_utf8(header).unwrap().replacen('{', "{\"kid\":\"other\",", 1);
    let (_, signature) = got.access.rsplit_once('.').unwrap();
    nowhere(&app, &party, &format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(doubled)), "kid twice").await;
    assert_eq!(canary.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "somebody went to the address in a token");
    untouched(&party, &got).await;
}

/// `client_assertion` is not supported, and a request with one is not judged by the rest of it.
async fn ca_10_an_assertion_beside_a_secret_is_refused(database: Database) {
    let app = start(database).await;
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "ES256", "typ": "JWT" }).to_string());
    let payload = URL_SAFE_NO_PAD.encode(json!({ "iss": SERVER, "sub": SERVER, "aud": app.issuer }).to_string());
    let garbage = format!("{header}.{payload}.x");
    for assertion in [garbage.as_str(), "x"] {
        let fields = [kind, ("client_assertion", assertion)];
        assert_eq!(try_as(&app, Some(&basic(SERVER, SECRET)), &fields).await, refused());
        assert_eq!(try_as(&app, None, &[&fields[..], &[("client_id", POSTING), ("client_secret", SECRET)]].concat()).await, refused());
        assert_eq!(try_as(&app, None, &[&fields[..], &[("client_id", OWN_PAGE)]].concat()).await, refused());
        assert_eq!(try_as(&app, None, &fields).await, refused());
    }
    assert_eq!(try_as(&app, Some(&basic(SERVER, SECRET)), &[kind]).await, refused());
    assert_eq!(try_as(&app, Some(&basic(SERVER, SECRET)), &[]).await, believed());
}

/// Every comparison with something secret goes through `domain/secret.rs`, which takes constant time; a digest's `==` is one of them.
/// What a stopwatch can still tell is bounded by that: it compares SHA-256 digests, of which a caller cannot choose the bytes.
#[test]
fn ca_11_secrets_are_compared_in_one_place() {
    let mut places = vec![];
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                // The tests of a file come last.
                let code = text.split("#[cfg(test)]").next().and_then(|code| code.split("#[cfg(all(test").next()).unwrap();
                let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
                if code.contains("ConstantTimeEq") || code.contains("ct_eq") {
                    places.push(name.clone());
                }
                // Two that an operator typed, and what one declared against what is there: no caller is answered by these.
                if ["src/cli/input.rs", "src/service/admin/declare.rs"].contains(&name.as_str()) {
                    continue;
                }
                for line in code.lines().filter(|line| line.contains("==") || line.contains("!=")) {
                    assert!(!line.contains("expose()"), "{name} compares a secret by itself: {line}");
                }
            }
        }
    }
    places.sort();
    assert_eq!(places, ["src/domain/secret.rs"]);
    // The control: the one place compares whole values.
    let (a, b) = (Secret::new("a".repeat(43)), Secret::new("a".repeat(42) + "b"));
    assert!(a.digest() == a.digest() && a.digest() != b.digest());
    assert!(gatekey::domain::secret::same(b"ab", b"ab") && !gatekey::domain::secret::same(b"ab", b"ac") && !gatekey::domain::secret::same(b"ab", b"abc"));
}

/// ASVS 11.5.1: 256 bits at least, kept as a digest.
async fn ca_12_secrets_are_strong_and_shown_once(database: Database) {
    let app = App::start(database).await;
    let entropy = Arc::new(SeededEntropy::new("admin"));
    let admin = Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy);
    let mut metadata = gatekey::domain::client::ClientMetadata::defaults(ClientKind::Machine, "Made");
    metadata.scope = gatekey::domain::scope::Scope::parse("jobs:read").unwrap();
    let id = gatekey::domain::id::ClientId::parse("made").unwrap();
    let (made, secret) = admin.create_client(NewClient { id: id.clone(), metadata }).await.unwrap();
    let secret = secret.unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(secret.expose()).unwrap().len(), 32);
    assert!(made.secret_digest == Some(secret.digest()));
    let rotated = admin.rotate_client_secret(&id).await.unwrap();
    assert_ne!(rotated.expose(), secret.expose());
    // What is kept does not have it, nor does anything that can be asked.
    let kept = admin.client(&id).await.unwrap();
    assert!(!format!("{kept:?}").contains(rotated.expose()));
    let grant = [("grant_type", "client_credentials")];
    let with = |secret: &str| RelyingParty { client_id: "made".to_owned(), secret: Some(secret.to_owned()), ..app.relying_party(MACHINE) };
    assert_eq!(with(secret.expose()).post("oauth/token", &grant).await.error(), "invalid_client", "the old one is gone");
    tokens(&with(rotated.expose()).post("oauth/token", &grant).await);
    // A weak one of the operator's own is refused, and not repeated.
    for weak in ["a", "password", &"x".repeat(31)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), weak).unwrap();
        let text = format!("[[clients]]\nid = \"a\"\nkind = \"web\"\nredirect_uris = [\"https://a.test/cb\"]\nsecret_file = \"{}\"\n", file.path().display());
        let error = Settings::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains("shorter than 32 characters") && !error.contains(&format!("`{weak}`")), "{error}");
    }
}

/// RFC 6749 §5.2; ASVS 6.3.8 by analogy: the same status, words and work.
async fn ca_17_unknown_wrong_and_disabled_read_the_same(database: Database) {
    statements::count();
    let app = start(database).await;
    let entropy = Arc::new(SeededEntropy::new("admin"));
    let admin = Installation::open(&app.settings, entropy.as_ref()).await.unwrap().admin(app.clock.clone(), entropy);
    let id = gatekey::domain::id::ClientId::parse(SERVER).unwrap();
    let (right, now) = (app.relying_party(SERVER), app.now());
    assert_eq!(right.try_refresh("x").await.error(), "invalid_grant", "the control");
    let mut seen: Vec<(String, String, u64)> = vec![];
    let mut ask = async |party: RelyingParty| {
        let (mut text, mut challenge) = (String::new(), String::new());
        let cost = statements::least(&app.database, async || {
            let answer = party.try_refresh("x").await;
            assert_eq!(answer.status.as_u16(), 401);
            (text, challenge) = (answer.text().to_owned(), answer.header("www-authenticate").unwrap().to_owned());
        });
        let cost = cost.await;
        seen.push((text, challenge, cost));
    };
    ask(RelyingParty { client_id: "nobody".to_owned(), ..right.clone() }).await;
    ask(RelyingParty { secret: Some("x".repeat(48)), ..right.clone() }).await;
    admin.update_client(&id, Box::new(move |client| client.disabled_at = Some(now))).await.unwrap();
    ask(right.clone()).await;
    ask(RelyingParty { secret: Some("x".repeat(48)), ..right.clone() }).await;
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    admin.update_client(&id, Box::new(|client| client.disabled_at = None)).await.unwrap();
    assert_eq!(right.try_refresh("x").await.error(), "invalid_grant");
}

/// What can be asked today: the admin API, the pages, the user's own among them, metadata.
async fn ca_18_no_answer_holds_a_secret(database: Database) {
    let app = App::start_with(database, |settings| {
        let machine = settings.clients.iter_mut().find(|client| client.id.as_str() == MACHINE).unwrap();
        machine.metadata.scope = gatekey::domain::scope::Scope::parse("server:read sessions:read sessions:end").unwrap();
        machine.metadata.resources = vec!["urn:gatekey:admin".to_owned()];
    })
    .await;
    let party = app.relying_party(OWN_PAGE);
    let mut browser = app.browser();
    let got = app.sign_in(&mut browser, &party, "openid").await;
    let cookie = browser.jar.all().iter().find(|cookie| !cookie.name.ends_with("-browser") && !cookie.name.ends_with("-known")).unwrap().value.clone();
    let admins = tokens(&app.relying_party(MACHINE).post("oauth/token", &[("grant_type", "client_credentials")]).await).access;
    let bearer = format!("Bearer {admins}");
    let mut answers = vec![];
    for path in ["server", "sessions"] {
        let answer = app.network.get(&format!("{}admin/api/v1/{path}", app.issuer), &[("authorization", &bearer)]).await;
        assert_eq!(answer.status.as_u16(), 200);
        answers.push(answer);
    }
    let id = answers[1].json()["items"][0]["id"].as_str().unwrap().to_owned();
    answers.push(app.network.get(&format!("{}admin/api/v1/sessions/{id}", app.issuer), &[("authorization", &bearer)]).await);
    answers.push(browser.visit(&app.issuer).await.page());
    for path in ["account", "account/password"] {
        answers.push(browser.visit(&party.endpoint(path)).await.page());
    }
    answers.push(browser.visit(party.authorize("openid", &[("prompt", "login")]).as_str()).await.page());
    answers.push(party.userinfo(&got.access).await);
    answers.push(app.network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut secrets = vec![SECRET.to_owned(), cookie.clone(), crate::support::app::password_hash().to_owned(), got.refresh().to_owned(), "argon2".to_owned()];
    for secret in [SECRET, &cookie] {
        let digest = Secret::new(secret.to_owned()).digest().0;
        secrets.extend([hex(&digest), STANDARD.encode(digest), URL_SAFE_NO_PAD.encode(digest)]);
    }
    for answer in &answers {
        assert!(answer.status.is_success() && !answer.body.is_empty(), "{}", answer.url);
        for secret in &secrets {
            assert!(!answer.text().contains(secret), "{} holds {secret}", answer.url);
        }
    }
}
