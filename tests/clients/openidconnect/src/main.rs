//! Drives an application that uses openidconnect. What is said and heard is told in tests/support/client_program.mjs.

mod application;

use std::io::{self, Write};

use openidconnect::core::{CoreAuthErrorResponseType, CoreAuthPrompt, CoreTokenResponse};
use openidconnect::{OAuth2TokenResponse, RefreshToken, RequestTokenError, TokenResponse, UserInfoError, reqwest, url::Url};
use serde::Deserialize;
use serde_json::{Value, json};

use application::{Application, Failure, TokenError};

#[derive(Deserialize)]
struct Settings {
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    redirect_uri: String,
    post_logout_redirect_uri: String,
    ca: String,
}

fn say(line: Value) -> Result<(), Failure> {
    println!("{line}");
    Ok(io::stdout().flush()?)
}

fn hear() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// The user's browser goes there; where it was left.
fn open(url: &Url) -> Result<Url, Failure> {
    say(json!({ "open": url.as_str() }))?;
    Ok(Url::parse(&hear()?)?)
}

fn sign_in(app: &Application, prompt: Option<CoreAuthPrompt>) -> Result<Result<CoreTokenResponse, CoreAuthErrorResponseType>, Failure> {
    let (url, pending) = app.authorization_url(prompt);
    app.finish(&open(&url)?, pending)
}

fn tokens(step: &str, tokens: &CoreTokenResponse) -> Result<RefreshToken, Failure> {
    say(json!({
        "step": step,
        "access_token": tokens.access_token().secret(),
        "refresh_token": tokens.refresh_token().map(RefreshToken::secret),
        "id_token": tokens.id_token().map(ToString::to_string),
    }))?;
    Ok(tokens.refresh_token().ok_or("no refresh token")?.clone())
}

/// The crate's own word for a refusal.
fn refused(step: &str, answer: Result<CoreTokenResponse, TokenError>) -> Result<(), Failure> {
    let (kind, error) = match answer {
        Ok(_) => ("nothing", None),
        Err(RequestTokenError::ServerResponse(answer)) => ("RequestTokenError::ServerResponse", Some(answer.error().as_ref().to_owned())),
        Err(RequestTokenError::Request(_)) => ("RequestTokenError::Request", None),
        Err(RequestTokenError::Parse(..)) => ("RequestTokenError::Parse", None),
        Err(RequestTokenError::Other(_)) => ("RequestTokenError::Other", None),
    };
    say(json!({ "step": step, "type": kind, "error": error }))
}

fn version() -> Option<&'static str> {
    include_str!("../Cargo.lock").split_once("name = \"openidconnect\"\nversion = \"")?.1.split_once('"').map(|(version, _)| version)
}

fn main() -> Result<(), Failure> {
    let settings: Settings = serde_json::from_str(&hear()?)?;
    let http = reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .add_root_certificate(reqwest::Certificate::from_pem(&std::fs::read(&settings.ca)?)?)
        .build()?;
    let with_secret = |secret: Option<&str>| Application::discover(http.clone(), &settings.issuer, &settings.client_id, secret, &settings.redirect_uri);
    let app = with_secret(settings.client_secret.as_deref())?;
    say(json!({ "step": "discovery", "library": "openidconnect", "version": version() }))?;

    let first = sign_in(&app, None)?.map_err(|error| error.as_ref().to_owned())?;
    let oldest = tokens("code_pkce", &first)?;
    let subject = app.subject(&first)?;
    say(json!({ "step": "id_token_verified", "sub": subject.as_str() }))?;
    let person = app.userinfo(&first, subject.clone())?;
    say(json!({ "step": "userinfo", "sub": person.subject().as_str(), "email": person.email().map(|email| email.as_str()) }))?;

    say(json!({ "lose": "the next answer of the token endpoint" }))?;
    hear()?;
    refused("answer_lost", app.refresh(&oldest))?;
    let second = tokens("retried", &app.refresh(&oldest)?)?;
    tokens("refresh_rotated", &app.refresh(&second)?)?;
    let third = tokens("refresh_replayed", &app.refresh(&second)?)?;
    refused("old_refresh_refused", app.refresh(&oldest))?;
    refused("family_ended", app.refresh(&third))?;

    let silent = sign_in(&app, Some(CoreAuthPrompt::None))?.map_err(|error| error.as_ref().to_owned())?;
    let token = tokens("silent", &silent)?;
    app.revoke(token.clone())?;
    say(json!({ "step": "revoked" }))?;
    refused("refresh_after_revocation", app.refresh(&token))?;
    match app.userinfo(&silent, subject) {
        Err(UserInfoError::Response(status, ..)) => {
            say(json!({ "step": "userinfo_after_revocation", "type": "UserInfoError::Response", "status": status.as_u16() }))?
        }
        other => say(json!({ "step": "userinfo_after_revocation", "type": format!("{other:?}") }))?,
    }

    let (url, state) = app.logout_url(silent.id_token().ok_or("no ID token")?, &settings.post_logout_redirect_uri)?;
    let left = open(&url)?;
    say(json!({ "step": "logout", "state_matches": left.query_pairs().any(|(name, value)| name == "state" && value == *state.secret()) }))?;
    match sign_in(&app, Some(CoreAuthPrompt::None))? {
        Err(error) => say(json!({ "step": "error", "type": format!("CoreAuthErrorResponseType::{error:?}"), "error": error.as_ref() }))?,
        Ok(_) => say(json!({ "step": "error", "type": "nothing" }))?,
    }
    if let Some(secret) = &settings.client_secret {
        refused("wrong_secret", with_secret(Some(&format!("{secret}x")))?.refresh(&token))?;
    }
    Ok(())
}
