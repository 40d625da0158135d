//! A relying party: what an OAuth client does, by hand, so that a test can also do it wrongly.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

use super::jwt;
use super::network::{Answer, Network, parameter};

#[derive(Clone)]
pub struct RelyingParty {
    pub network: Network,
    pub issuer: String,
    pub client_id: String,
    pub secret: Option<String>,
    pub redirect_uri: String,
    pub verifier: String,
    pub state: String,
    pub nonce: String,
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub id: Option<String>,
    pub json: Value,
}

impl Tokens {
    pub fn refresh(&self) -> &str {
        self.refresh.as_deref().expect("a refresh token")
    }
}

impl RelyingParty {
    pub fn new(network: &Network, issuer: &str, client_id: &str, redirect_uri: &str) -> Self {
        Self {
            network: network.clone(),
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            secret: None,
            redirect_uri: redirect_uri.to_owned(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(), // RFC 7636 Appendix B
            state: "a state with = + / & and %2F".to_owned(),
            nonce: "n-0S6_WzA2Mj=+/".to_owned(),
        }
    }

    pub fn with_secret(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }

    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{}", self.issuer, path)
    }

    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }

    /// The parameters of a correct request for a scope.
    pub fn parameters(&self, scope: &str) -> Vec<(String, String)> {
        let challenge = self.challenge();
        [
            ("client_id", self.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", &self.redirect_uri),
            ("scope", scope),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The authorization URL of a correct request, with parameters set over it; an empty value leaves one out.
    pub fn authorize(&self, scope: &str, changes: &[(&str, &str)]) -> Url {
        let mut parameters = self.parameters(scope);
        for (name, value) in changes {
            parameters.retain(|(key, _)| key != name);
            if !value.is_empty() {
                parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        Url::parse_with_params(&self.endpoint("authorize"), parameters).unwrap()
    }

    /// The code of a successful response, whose `state` and `iss` are right (RFC 6749 §4.1.2, RFC 9207 §2).
    pub fn code(&self, response: &Url) -> String {
        self.check_response(response);
        parameter(response, "code").unwrap_or_else(|| panic!("no code: {response}"))
    }

    /// The error of a refusal, whose `state` and `iss` are right (RFC 6749 §4.1.2.1).
    pub fn error(&self, response: &Url) -> String {
        self.check_response(response);
        assert_eq!(parameter(response, "code"), None);
        parameter(response, "error").unwrap_or_else(|| panic!("no error: {response}"))
    }

    fn check_response(&self, response: &Url) {
        assert!(response.as_str().starts_with(&self.redirect_uri), "{response}");
        assert_eq!(parameter(response, "state").as_deref(), Some(self.state.as_str()), "SN-01");
        assert_eq!(parameter(response, "iss").as_deref(), Some(self.issuer.as_str()), "MX-01");
    }

    /// A POST with this client's authentication, if it has one.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(path, &[], fields).await
    }

    /// The same with more headers.
    pub async fn post_with(&self, path: &str, more: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let basic = self.secret.as_ref().map(|secret| {
            // RFC 6749 §2.3.1: each part form-encoded first.
            let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            format!("Basic {}", STANDARD.encode(format!("{}:{}", part(&self.client_id), part(secret))))
        });
        let headers: Vec<(&str, &str)> = basic.as_deref().map(|value| ("authorization", value)).into_iter().chain(more.iter().copied()).collect();
        let mut all = fields.to_vec();
        if self.secret.is_none() {
            all.push(("client_id", &self.client_id));
        }
        self.network.post_form(&self.endpoint(path), &headers, &all).await
    }

    /// What a code is redeemed with.
    pub fn exchange_fields<'a>(&'a self, code: &'a str) -> [(&'static str, &'a str); 4] {
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &self.redirect_uri), ("code_verifier", &self.verifier)]
    }

    pub async fn try_exchange(&self, code: &str) -> Answer {
        self.post("oauth/token", &self.exchange_fields(code)).await
    }

    pub async fn exchange(&self, code: &str) -> Tokens {
        tokens(&self.try_exchange(code).await)
    }

    pub async fn try_refresh(&self, refresh_token: &str) -> Answer {
        self.post("oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Tokens {
        tokens(&self.try_refresh(refresh_token).await)
    }

    /// Fails unless the refresh is refused, and in the one way it may be.
    pub async fn refused(&self, refresh_token: &str) {
        let answer = self.try_refresh(refresh_token).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{}", answer.text());
        assert_eq!(answer.json()["error_description"], "Unknown or invalid refresh token.");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }

    pub async fn userinfo(&self, access_token: &str) -> Answer {
        self.network.get(&self.endpoint("userinfo"), &[("authorization", &format!("Bearer {access_token}"))]).await
    }

    /// Whether introspection says that a token is active (RFC 7662 §2.2). Only confidential clients may ask.
    pub async fn introspect(&self, token: &str) -> Value {
        let answer = self.post("oauth/introspect", &[("token", token)]).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        answer.json()
    }

    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("oauth/revoke", &[("token", token)]).await
    }

    pub async fn jwks(&self) -> String {
        self.network.get(&self.endpoint(".well-known/jwks.json"), &[]).await.text().to_owned()
    }

    /// The claims of an ID token or access token whose signature verifies.
    pub async fn claims(&self, token: &str) -> Map<String, Value> {
        jwt::verify(&self.jwks().await, token).1
    }
}

/// Reads a successful token response (RFC 6749 §5.1).
pub fn tokens(answer: &Answer) -> Tokens {
    tokens_by("Bearer", answer)
}

/// The same of tokens that are presented by this scheme.
pub fn tokens_by(scheme: &str, answer: &Answer) -> Tokens {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "RFC 6749 §5.1");
    let json = answer.json();
    assert_eq!(json["token_type"], scheme);
    assert!(json["expires_in"].as_i64().unwrap() > 0);
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    Tokens { access: text("access_token").unwrap(), refresh: text("refresh_token"), id: text("id_token"), json }
}
