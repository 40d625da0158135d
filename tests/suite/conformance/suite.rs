//! The conformance suite's side of a flow: its clients, its requests, and the checks that all of its modules share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use gatekey::domain::client::{ClientAuthentication, ClientKind};
use gatekey::domain::redirect_uri::RedirectUri;
use gatekey::domain::scope::Scope;
use gatekey::domain::signing_key::SigningAlg;
use poem::http::Method;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

use crate::support::app::{App, PASSWORD, SECRET, client};
use crate::support::browser::{Browser, LINK, Landing, form_with};
use crate::support::database::Database;
use crate::support::form::forms;
use crate::support::jwt;
use crate::support::network::Answer;

/// The variant of the response mode that a plan sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    DefaultResponseMode,
    FormPost,
}

pub struct Suite {
    pub app: App,
    pub browser: Browser,
    pub variant: Variant,
    /// The server's metadata.
    pub server: Value,
}

/// A client of the suite, as somebody who wants a certificate registers it.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    pub id: &'static str,
    pub authentication: ClientAuthentication,
}

/// `client_secret_basic`. The suite's clients know no PKCE, but in the one module that is about it.
pub const CLIENT: Client = Client { id: "conformance", authentication: ClientAuthentication::ClientSecretBasic };
pub const SECOND_CLIENT: Client = Client { id: "conformance-2", authentication: ClientAuthentication::ClientSecretBasic };
pub const POST_CLIENT: Client = Client { id: "conformance-post", authentication: ClientAuthentication::ClientSecretPost };

pub const CALLBACK: &str = "https://suite.example.test/test/a/gatekey/callback";
pub const POST_LOGOUT: &str = "https://suite.example.test/test/a/gatekey/post_logout_redirect";

/// Parameters of a request, by name.
pub type Parameters = BTreeMap<String, String>;

pub fn with(mut parameters: Parameters, name: &str, value: &str) -> Parameters {
    parameters.insert(name.to_owned(), value.to_owned());
    parameters
}

pub fn without(mut parameters: Parameters, name: &str) -> Parameters {
    assert!(parameters.remove(name).is_some(), "{name}");
    parameters
}

/// What came of an authorization request.
pub struct Visit {
    /// The pages that were shown on the way.
    pub pages: Vec<Answer>,
    /// The answer to the client, if it came to that.
    pub callback: Option<Parameters>,
}

impl Visit {
    /// How often a password was asked for.
    pub fn logins(&self) -> usize {
        self.pages.iter().filter(|page| page.text().contains("type=\"password\"")).count()
    }

    pub fn answer(&self) -> &Parameters {
        self.callback.as_ref().expect("an answer came to the redirect_uri")
    }

    /// The page where it ended instead.
    pub fn error_page(&self) -> &Answer {
        assert!(self.callback.is_none(), "no answer to the client: {:?}", self.callback);
        let page = self.pages.last().unwrap();
        assert_eq!(page.status.as_u16(), 400);
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        page
    }
}

/// A successful token response whose ID token has passed `PerformStandardIdTokenChecks`.
pub struct TokenSet {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub id_token: String,
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

impl Suite {
    pub async fn start(database: Database, variant: Variant) -> Self {
        let app = App::start_with(database, |settings| {
            for known in [CLIENT, SECOND_CLIENT, POST_CLIENT] {
                settings.clients.push(client(known.id, ClientKind::Web, "https://suite.example.test", |metadata| {
                    metadata.redirect_uris = vec![RedirectUri::parse(CALLBACK).unwrap()];
                    metadata.post_logout_redirect_uris = vec![RedirectUri::parse(POST_LOGOUT).unwrap()];
                    metadata.authentication = known.authentication;
                    metadata.scope = Scope::parse("openid profile email address phone offline_access").unwrap();
                    metadata.require_pkce = false;
                    metadata.id_token_signed_response_alg = SigningAlg::Rs256;
                }));
            }
            super::claims::fill_in(settings);
        })
        .await;
        let server = app.network.get(&format!("{}.well-known/openid-configuration", app.issuer), &[]).await;
        assert_eq!(server.status.as_u16(), 200);
        Self { browser: app.browser(), server: server.json(), app, variant }
    }

    pub fn endpoint(&self, name: &str) -> String {
        self.server[name].as_str().unwrap_or_else(|| panic!("the metadata has {name}")).to_owned()
    }

    /// `CreateAuthorizationRequestSteps`.
    pub fn request(&self, client: Client, scope: &str) -> Parameters {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let random = |what: &str| URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{what} {}", NEXT.fetch_add(1, Ordering::Relaxed))));
        let mut parameters = Parameters::new();
        for (name, value) in [
            ("client_id", client.id),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", &random("state")),
            ("nonce", &random("nonce")),
            ("response_type", "code"),
        ] {
            parameters.insert(name.to_owned(), value.to_owned());
        }
        if self.variant == Variant::FormPost {
            parameters.insert("response_mode".to_owned(), "form_post".to_owned());
        }
        parameters
    }

    /// `BuildPlainRedirectToAuthorizationEndpoint`, and the tester at the browser, who signs in and allows.
    pub async fn authorize(&mut self, request: &Parameters) -> Visit {
        let url = Url::parse_with_params(&self.endpoint("authorization_endpoint"), request).unwrap();
        let landing = self.browser.visit(url.as_str()).await;
        self.go_on(landing).await
    }

    /// The same as a POST: the parameters are in the body.
    pub async fn authorize_by_post(&mut self, request: &Parameters) -> Visit {
        let url = Url::parse(&self.endpoint("authorization_endpoint")).unwrap();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(request).finish();
        let answer = self.browser.request(Method::POST, &url, LINK, body).await;
        let landing = match answer.location() {
            Some(next) if next.origin() == url.origin() => self.browser.visit(next.as_str()).await,
            Some(next) => Landing::Left(next),
            None => Landing::Page(answer),
        };
        self.go_on(landing).await
    }

    /// The tester at the browser, from where it is.
    pub async fn go_on(&mut self, mut landing: Landing) -> Visit {
        let mut pages = Vec::new();
        for _ in 0..5 {
            let page = match landing {
                Landing::Left(url) => return Visit { pages, callback: Some(self.callback_by_redirect(&url)) },
                Landing::Page(page) => page,
            };
            let all = forms(&page.url, page.text());
            if let Some(form) = all.iter().find(|form| form.action.origin() != page.url.origin()) {
                // `CheckCallbackHttpMethodIsPost`, `CheckCallbackContentTypeIsFormUrlEncoded` (what a form without enctype is),
                // `RejectAuthCodeInUrlQuery`, `RejectErrorInUrlQuery`.
                assert_eq!((self.variant, form.method.as_str(), form.action.as_str()), (Variant::FormPost, "post", CALLBACK));
                assert!(!page.text().contains("enctype"));
                let fields = form.pairs(None);
                let callback: Parameters = fields.iter().cloned().collect();
                assert_eq!(callback.len(), fields.len(), "each parameter once");
                return Visit { pages, callback: Some(callback) };
            }
            let password = all.iter().any(|form| form.field("password").is_some());
            let decision = all.iter().any(|form| form.field("decision").is_some());
            pages.push(page.clone());
            landing = if password {
                let form = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
                self.browser.submit(&form, None).await
            } else if decision {
                self.browser.submit(&form_with(&page, "decision"), Some("allow")).await
            } else {
                return Visit { pages, callback: None };
            };
        }
        panic!("the tester is asked for ever");
    }

    fn callback_by_redirect(&self, url: &Url) -> Parameters {
        assert_eq!(&url[..url::Position::AfterPath], CALLBACK);
        assert_eq!(url.fragment(), None);
        let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let callback: Parameters = fields.iter().cloned().collect();
        assert_eq!(callback.len(), fields.len(), "each parameter once");
        // Only a request whose response mode cannot be known is answered in the default one.
        let unknown = callback.get("error").is_some_and(|error| error == "request_uri_not_supported");
        assert!(self.variant == Variant::DefaultResponseMode || unknown, "form_post was asked for");
        callback
    }

    /// `onAuthorizationCallbackResponse`: the code.
    pub fn code(&self, request: &Parameters, visit: &Visit) -> String {
        let answer = visit.answer();
        // `ValidateIssIfPresentInAuthorizationResponse`, and ours is always there (RFC 9207 §2).
        assert_eq!(answer.get("iss"), Some(&self.app.issuer));
        // `CheckIfAuthorizationEndpointError`, `CheckStateInAuthorizationResponse`.
        assert_eq!(answer.get("error"), None);
        assert_eq!(answer.get("state"), request.get("state"));
        answer["code"].clone()
    }

    /// `performGenericAuthorizationEndpointErrorResponseValidation`: the error.
    pub fn error(&self, request: &Parameters, visit: &Visit) -> String {
        let answer = visit.answer();
        assert_eq!(answer.get("state"), request.get("state"));
        assert_eq!(answer.get("iss"), Some(&self.app.issuer));
        // `RejectAuthCodeInAuthorizationEndpointResponse`, `CheckForUnexpectedParametersInErrorResponseFromAuthorizationEndpoint`.
        let expected = ["error", "error_description", "error_uri", "iss", "state"];
        assert!(answer.keys().all(|name| expected.contains(&name.as_str())), "{answer:?}");
        // `ValidateErrorDescriptionFromAuthorizationEndpointResponseError`.
        assert!(answer["error_description"].chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~')), "{answer:?}");
        answer["error"].clone()
    }

    /// A POST to the token endpoint with the client's authentication.
    pub async fn token_request(&self, client: Client, fields: &[(&str, &str)]) -> Answer {
        let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", part(client.id), part(SECRET))));
        let (mut all, mut headers) = (fields.to_vec(), Vec::new());
        match client.authentication {
            ClientAuthentication::ClientSecretPost => all.extend([("client_id", client.id), ("client_secret", SECRET)]),
            _ => headers.push(("authorization", basic.as_str())),
        }
        self.app.network.post_form(&self.endpoint("token_endpoint"), &headers, &all).await
    }

    pub async fn try_exchange(&self, client: Client, code: &str) -> Answer {
        self.token_request(client, &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)]).await
    }

    /// `requestAuthorizationCode`.
    pub async fn exchange(&self, client: Client, request: &Parameters, code: &str) -> TokenSet {
        let answer = self.try_exchange(client, code).await;
        self.token_set(client, request, &answer).await
    }

    /// Reads a token response, and runs `PerformStandardIdTokenChecks` over its ID token.
    pub async fn token_set(&self, client: Client, request: &Parameters, answer: &Answer) -> TokenSet {
        // `CheckTokenEndpointHttpStatus200`, `CheckTokenEndpointReturnedJsonContentType`, `CheckTokenEndpointCacheHeaders`.
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
        let json = answer.json();
        assert_eq!(json.get("error"), None);
        // `CheckTokenTypeIsBearer`, `ValidateExpiresIn`, `EnsureAccessTokenContainsAllowedCharactersOnly`.
        assert_eq!(json["token_type"], "Bearer");
        assert!(json["expires_in"].as_i64().unwrap() > 0);
        let access_token = json["access_token"].as_str().unwrap().to_owned();
        assert!(access_token.chars().all(|c| matches!(c, ' '..='~')));
        let id_token = json["id_token"].as_str().unwrap().to_owned();
        let (header, claims) = self.id_token(client, request, &id_token).await;
        let refresh_token = json["refresh_token"].as_str().map(str::to_owned);
        TokenSet { access_token, refresh_token, id_token, header, claims }
    }

    /// `PerformStandardIdTokenChecks`.
    async fn id_token(&self, client: Client, request: &Parameters, id_token: &str) -> (Map<String, Value>, Map<String, Value>) {
        let jwks = self.app.network.get(&self.endpoint("jwks_uri"), &[]).await;
        let (header, claims) = jwt::verify(jwks.text(), id_token);
        let now = self.app.seconds();
        let seconds = |name: &str| claims.get(name).map(|value| value.as_i64().unwrap_or_else(|| panic!("{name} is a whole number")));
        // `ValidateIdToken`: the suite allows for five minutes of skew, here there is none.
        assert_eq!(claims["iss"], self.server["issuer"]);
        assert_eq!(claims["aud"], client.id);
        assert!(seconds("exp").unwrap() > now && seconds("exp").unwrap() < now + TimeDelta::days(365).num_seconds());
        assert_eq!(seconds("iat"), Some(now));
        assert!(seconds("auth_time").is_none_or(|at| at <= now && at > now - TimeDelta::days(365).num_seconds()));
        assert!(claims.get("acr").is_none_or(|acr| acr.as_str().is_some_and(|acr| !acr.is_empty())));
        assert!(claims.get("azp").is_none_or(|azp| azp == client.id));
        // `ValidateIdTokenNonce`.
        assert_eq!(claims.get("nonce").and_then(Value::as_str), request.get("nonce").map(String::as_str));
        // `CheckForSubjectInIdToken`.
        let sub = claims["sub"].as_str().unwrap();
        assert!(!sub.is_empty() && sub.len() <= 255 && sub.is_ascii());
        // `ValidateIdTokenStandardClaims`, `EnsureIdTokenUpdatedAtValid`.
        super::claims::standard_claims(&claims, now);
        (header, claims)
    }

    /// `performAuthorizationFlow` from the start to the tokens.
    pub async fn flow(&mut self, client: Client, request: &Parameters) -> (Visit, TokenSet) {
        let visit = self.authorize(request).await;
        let code = self.code(request, &visit);
        let tokens = self.exchange(client, request, &code).await;
        // `requestProtectedResource`.
        assert_eq!(self.userinfo(&tokens.access_token).await.status.as_u16(), 200);
        (visit, tokens)
    }

    pub async fn userinfo(&self, access_token: &str) -> Answer {
        self.app.network.get(&self.endpoint("userinfo_endpoint"), &[("authorization", &format!("Bearer {access_token}"))]).await
    }

    /// `CheckTokenEndpointHttpStatus400`, `CheckTokenEndpointReturnedJsonContentType`, `CheckErrorFromTokenEndpointResponseErrorInvalidGrant`,
    /// `ValidateErrorDescriptionFromTokenEndpointResponseError`.
    pub fn invalid_grant(&self, answer: &Answer) {
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let description = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(description.chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~')), "{description}");
        assert_eq!(answer.json().get("error_uri"), None);
    }
}

/// What Shannon's formula makes of a text, in bits: `AbstractEnsureMinimumEntropy`.
pub fn entropy(text: &str) -> f64 {
    let mut counts = BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_insert(0u32) += 1;
    }
    let length = f64::from(u32::try_from(text.chars().count()).unwrap());
    -counts.values().map(|count| f64::from(*count) / length).map(|p| p * p.log2()).sum::<f64>() * length
}
