//! The code flow of one first-party page: sign-in, silent authorization, exchange, refresh.

use std::collections::HashMap;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Digest;

use super::{Answer, Http};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "http://localhost:9000/cb";

/// The page, as `gatekey.toml` declares it.
pub const CLIENT: &str = "[[clients]]\nid = \"spa\"\nname = \"A page\"\nkind = \"spa\"\nfirst_party = true\n\
     redirect_uris = [\"http://localhost:9000/cb\"]\nscope = \"openid offline_access notes:read\"\n";

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The path of an authorization request; no `prompt` if it is empty.
pub fn authorize(scope: &str, prompt: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(VERIFIER));
    let mut pairs = vec![
        ("client_id", "spa"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", scope),
        ("state", "s"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if !prompt.is_empty() {
        pairs.push(("prompt", prompt));
    }
    format!("/authorize?{}", form(&pairs))
}

/// A cookie jar.
#[derive(Debug, Clone, Default)]
pub struct Browser(HashMap<String, String>);

impl Browser {
    pub fn cookie(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub fn keep(&mut self, answer: &Answer) {
        self.0.extend(answer.cookies());
    }

    /// Through the sign-in page, as a person does it.
    pub fn sign_in(http: &mut Http, username: &str, password: &str) -> io::Result<Self> {
        let mut browser = Self::default();
        let answer = http.get(&authorize("openid", ""), &[])?;
        browser.keep(&answer);
        let path = answer.header("location").ok_or_else(|| unexpected(&answer))?.to_owned();
        let page = http.get(&path, &[("Cookie", &browser.cookie())])?;
        browser.keep(&page);
        let (csrf, ticket) = (page.hidden("csrf")?, page.hidden("ticket")?);
        let fields = form(&[("csrf", &csrf), ("ticket", &ticket), ("username", username), ("password", password)]);
        let answer = http.post("/login", &[("Cookie", &browser.cookie())], &fields)?;
        if answer.status != 303 {
            return Err(unexpected(&answer));
        }
        browser.keep(&answer);
        Ok(browser)
    }
}

impl Answer {
    /// The value of a hidden field of the page.
    pub fn hidden(&self, name: &str) -> io::Result<String> {
        let value = self.body.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.map(str::to_owned).ok_or_else(|| unexpected(self))
    }
}

fn unexpected(answer: &Answer) -> io::Error {
    io::Error::other(format!("an unexpected answer, {}: {}", answer.status, answer.body))
}

/// `prompt=none`: the answer holds a code, or says why not.
pub fn silent(http: &mut Http, browser: &Browser, scope: &str) -> io::Result<Answer> {
    http.get(&authorize(scope, "none"), &[("Cookie", &browser.cookie())])
}

/// The form that exchanges a code.
pub fn redeem(code: &str) -> String {
    form(&[("grant_type", "authorization_code"), ("client_id", "spa"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)])
}

/// The form that refreshes.
pub fn refresh(token: &str) -> String {
    form(&[("grant_type", "refresh_token"), ("client_id", "spa"), ("refresh_token", token)])
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub id: Option<String>,
}

impl Tokens {
    pub fn of(answer: &Answer) -> io::Result<Self> {
        let json = answer.json()?;
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let missing = || io::Error::other(format!("a token is missing: {}", answer.body));
        Ok(Self { access: text("access_token").ok_or_else(missing)?, refresh: text("refresh_token").ok_or_else(missing)?, id: text("id_token") })
    }

    /// A new grant, by a code got silently.
    pub fn silently(http: &mut Http, browser: &Browser, scope: &str) -> io::Result<Self> {
        let answer = silent(http, browser, scope)?;
        let code = answer.code().ok_or_else(|| unexpected(&answer))?;
        Self::of(&http.post("/oauth/token", &[], &redeem(&code))?)
    }

    /// The family that a refresh token names in the clear: key id (4 bytes), family id (16), generation (8), MAC.
    pub fn family(token: &str) -> uuid::Uuid {
        let mut id = [0; 16];
        id.copy_from_slice(&parts(token)[4..20]);
        uuid::Uuid::from_bytes(id)
    }

    pub fn generation(token: &str) -> u64 {
        let mut generation = [0; 8];
        generation.copy_from_slice(&parts(token)[20..28]);
        u64::from_be_bytes(generation)
    }
}

fn parts(token: &str) -> Vec<u8> {
    let bytes = token.strip_prefix("gk_rt_").and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.filter(|bytes| bytes.len() == 60).unwrap_or_else(|| panic!("`{token}` is no refresh token"))
}
