//! An application that administers the server with what openapi-generator makes of the document.

use std::error::Error as Failure;

use gatekey_admin::apis::configuration::Configuration;
use gatekey_admin::apis::{Error, server_api, sessions_api};
use gatekey_admin::models::Problem;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Deserialize)]
struct Settings {
    issuer: String,
    client_id: String,
    client_secret: String,
    scope: String,
    nobody: Uuid,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    token_type: String,
    scope: String,
}

fn say(step: &str, mut what: Value) {
    what["step"] = json!(step);
    println!("{what}");
}

impl Settings {
    async fn token(&self, scope: &str) -> Result<Token, Box<dyn Failure>> {
        let body = [("grant_type", "client_credentials"), ("resource", "urn:gatekey:admin"), ("scope", scope)];
        let request = reqwest::Client::new().post(format!("{}oauth/token", self.issuer)).basic_auth(&self.client_id, Some(&self.client_secret)).form(&body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// With the token in a header of the HTTP client: `oauth_access_token` of the configuration would be sent once for each OAuth flow that the
    /// document names, and the server refuses a request with two `Authorization` headers.
    fn api(&self, token: &Token) -> Result<Configuration, Box<dyn Failure>> {
        let bearer = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {}", token.access_token))?)]);
        let client = reqwest::Client::builder().default_headers(bearer).build()?;
        Ok(Configuration { base_path: format!("{}admin/api/v1", self.issuer), client, ..Configuration::new() })
    }
}

/// What was said instead of what was asked for.
fn refused<T, E>(answer: Result<T, Error<E>>) -> Result<Value, Box<dyn Failure>> {
    match answer {
        Err(Error::ResponseError(answer)) => {
            let Problem { r#type, title, status, detail } = serde_json::from_str(&answer.content)?;
            Ok(json!({ "answered": answer.status.as_u16(), "type": r#type, "title": title, "status": status, "detail": detail }))
        }
        Err(other) => Err(other.to_string().into()),
        Ok(_) => Err("it was not refused".into()),
    }
}

/// What was asked for, or an end with what was said instead.
fn granted<T, E>(answer: Result<T, Error<E>>) -> Result<T, Box<dyn Failure>> {
    answer.map_err(|error| match error {
        Error::ResponseError(answer) => format!("{}: {}", answer.status, answer.content).into(),
        other => other.to_string().into(),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Failure>> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let settings: Settings = serde_json::from_str(&line)?;

    let all = settings.token(&settings.scope).await?;
    say("token", json!({ "token_type": all.token_type, "scope": all.scope }));
    let api = settings.api(&all)?;

    let server = granted(server_api::server_show(&api).await)?;
    say("server", json!({ "version": server.version, "issuer": server.issuer, "database": server.database }));

    let (mut sessions, mut pages, mut after) = (Vec::new(), 0, None::<String>);
    loop {
        let page = granted(sessions_api::session_list(&api, None, after.as_deref(), Some(1)).await)?;
        sessions.extend(page.items);
        pages += 1;
        after = page.next.map(|next| next.to_string());
        if after.is_none() {
            break;
        }
    }
    let items: Vec<_> =
        sessions.iter().map(|one| json!({ "id": one.id, "user_id": one.user_id, "created_at": one.created_at, "remembered": one.remembered })).collect();
    say("sessions", json!({ "pages": pages, "items": items }));

    let id = sessions.first().ok_or("no session")?.id.to_string();
    let shown = granted(sessions_api::session_show(&api, &id).await)?;
    say("session", json!({ "id": shown.id, "user_id": shown.user_id, "ended_at": shown.ended_at }));

    let reader = settings.api(&settings.token("sessions:read").await?)?;
    say("forbidden", refused(sessions_api::session_end(&reader, &id).await)?);

    let ended = granted(sessions_api::session_end(&api, &id).await)?;
    say("ended", json!({ "id": ended.id, "ended_at": ended.ended_at, "end_reason": ended.end_reason }));

    say("not_found", refused(sessions_api::session_show(&api, &settings.nobody.to_string()).await)?);
    Ok(())
}
