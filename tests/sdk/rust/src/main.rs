//! An application that administers the server with what openapi-generator makes of the document.

use std::error::Error as Failure;
use std::sync::Arc;

use gatekey_admin::apis::Error;
use gatekey_admin::apis::clients_api::{ClientCreateParams, ClientReplaceParams, ClientShowParams, ClientsApi, ClientsApiClient};
use gatekey_admin::apis::configuration::Configuration;
use gatekey_admin::apis::lifetime_policy_api::{LifetimeExplainParams, LifetimePolicyApi, LifetimePolicyApiClient, LifetimeRulePutParams};
use gatekey_admin::apis::server_api::{ServerApi, ServerApiClient};
use gatekey_admin::apis::sessions_api::{SessionEndParams, SessionListParams, SessionShowParams, SessionsApi, SessionsApiClient};
use gatekey_admin::apis::users_api::{UserCreateParams, UserShowParams, UsersApi, UsersApiClient};
use gatekey_admin::models::{
    ClientKind, ClientMetadata, LifetimeQuestion, LifetimeSelector, LimitName, Limits, NewOAuthClient, Problem, RuleChange, User, UserMetadata, UserProfile,
};
use gatekey_protocol::apis as protocol;
use gatekey_protocol::apis::tokens_api::{TokenIssueError, TokenIssueParams, TokensApi, TokensApiClient};
use gatekey_protocol::models::{OAuthError, TokenResponse};
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
    callback: String,
    sign_in: String,
}

fn open(url: &str) -> Result<(), Box<dyn Failure>> {
    println!("{}", json!({ "open": url }));
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn say(step: &str, mut what: Value) {
    what["step"] = json!(step);
    println!("{what}");
}

impl Settings {
    async fn ask(&self, scope: &str) -> Result<TokenResponse, protocol::Error<TokenIssueError>> {
        let issuer = protocol::configuration::Configuration {
            base_path: self.issuer.trim_end_matches('/').to_owned(),
            basic_auth: Some((self.client_id.clone(), Some(self.client_secret.clone()))),
            ..Default::default()
        };
        let wanted =
            TokenIssueParams::builder().grant_type("client_credentials".to_owned()).scope(scope.to_owned()).resource(vec!["urn:gatekey:admin".to_owned()]);
        TokensApiClient::new(Arc::new(issuer)).token_issue(wanted.build()).await
    }

    async fn token(&self, scope: &str) -> Result<TokenResponse, Box<dyn Failure>> {
        self.ask(scope).await.map_err(|error| format!("no token: {error:?}").into())
    }

    /// With the token in a header of the HTTP client: `oauth_access_token` of the configuration would be sent once for each OAuth flow that the
    /// document names, and the server refuses a request with two `Authorization` headers.
    fn api(&self, token: &TokenResponse) -> Result<Arc<Configuration>, Box<dyn Failure>> {
        let bearer = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {}", token.access_token))?)]);
        let client = reqwest::Client::builder().default_headers(bearer).build()?;
        Ok(Arc::new(Configuration { base_path: format!("{}admin/api/v1", self.issuer), client, ..Configuration::new() }))
    }
}

/// What was said instead of what was asked for.
fn refused<T, E>(answer: Result<T, Error<E>>) -> Result<Value, Box<dyn Failure>> {
    match answer {
        Err(Error::ResponseError(answer)) => {
            let Problem { r#type, title, status, detail, errors } = serde_json::from_str(&answer.content)?;
            let members: Vec<_> = errors.into_iter().flatten().map(|member| member.pointer).collect();
            Ok(json!({ "answered": answer.status.as_u16(), "type": r#type, "title": title, "status": status, "detail": detail, "members": members }))
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

fn told(user: &User) -> Value {
    let User { id, username, profile, groups, has_password, .. } = user;
    json!({ "id": id, "username": username, "name": profile.name, "email": profile.email, "groups": groups, "has_password": has_password })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Failure>> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let settings: Settings = serde_json::from_str(&line)?;

    let all = settings.token(&settings.scope).await?;
    say("token", json!({ "token_type": all.token_type, "scope": all.scope }));
    let refusal = match settings.ask("keys:read").await {
        Err(protocol::Error::ResponseError(answer)) => Some(serde_json::from_str::<OAuthError>(&answer.content)?.error),
        _ => None,
    };
    say("no_token", json!({ "error": refusal }));
    let api = settings.api(&all)?;

    let server = granted(ServerApiClient::new(api.clone()).server_show().await)?;
    say("server", json!({ "version": server.version, "issuer": server.issuer, "database": server.database }));

    let metadata = |callback: &str| {
        let redirect_uris = Some(vec![callback.to_owned()]);
        ClientMetadata { redirect_uris, first_party: Some(true), ..ClientMetadata::new("Notes".to_owned(), ClientKind::Spa) }
    };
    let clients = ClientsApiClient::new(api.clone());
    let notes = ClientCreateParams::builder().new_o_auth_client(NewOAuthClient::new("notes".to_owned(), metadata(&settings.callback))).build();
    let registered = granted(clients.client_create(notes.clone()).await)?;
    let got = &registered.client.metadata;
    say("client_created", json!({ "id": registered.client.id, "kind": got.kind, "grant_types": got.grant_types, "secret": registered.client_secret }));
    say("conflict", refused(clients.client_create(notes).await)?);
    let elsewhere = NewOAuthClient::new("other".to_owned(), metadata("http://app.example.com/callback"));
    say("invalid", refused(clients.client_create(ClientCreateParams::builder().new_o_auth_client(elsewhere).build()).await)?);

    let users = UsersApiClient::new(api.clone());
    let profile = UserProfile { name: Some("Brenda Example".to_owned()), email: Some("brenda@example.com".to_owned()), ..UserProfile::new() };
    let brenda = UserMetadata { profile: Some(Box::new(profile)), groups: Some(vec!["staff".to_owned()]), ..UserMetadata::new("Brenda".to_owned()) };
    let once = UserCreateParams::builder().user_metadata(brenda.clone()).idempotency_key("brenda, once".to_owned()).build();
    let made = granted(users.user_create(once.clone()).await)?;
    say("user_created", told(&made));
    say("user_again", told(&granted(users.user_create(once).await)?));
    say("user", told(&granted(users.user_show(UserShowParams::builder().id(made.id.to_string()).build()).await)?));
    say("user_conflict", refused(users.user_create(UserCreateParams::builder().user_metadata(brenda).build()).await)?);

    // The functions do not give the response's headers, so the tag is one that fits whatever is there, and one that fits nothing.
    let mut changed = *granted(clients.client_show(ClientShowParams::builder().id("notes".to_owned()).build()).await)?.metadata;
    changed.name = "Notebook".to_owned();
    let replaced = |tag: &str| ClientReplaceParams::builder().id("notes".to_owned()).client_metadata(changed.clone()).if_match(tag.to_owned()).build();
    let renamed = granted(clients.client_replace(replaced("*")).await)?.metadata;
    say("client_replaced", json!({ "name": renamed.name, "redirect_uris": renamed.redirect_uris }));
    say("stale", refused(clients.client_replace(replaced("\"of another time\"")).await)?);

    let lifetimes = LifetimePolicyApiClient::new(api.clone());
    let selector = LifetimeSelector { client: Some("notes".to_owned()), ..LifetimeSelector::new() };
    let limits = Limits { session_idle: Some("PT10M".to_owned()), ..Limits::new() };
    let change = LifetimeRulePutParams::builder().rule_change(RuleChange::new(selector, limits)).if_match("*".to_owned()).build();
    let rule = granted(lifetimes.lifetime_rule_put(change).await)?;
    say("rule", json!({ "client": rule.selector.client, "session_idle": rule.limits.session_idle }));
    let question = LifetimeQuestion { client: Some("notes".to_owned()), ..LifetimeQuestion::new() };
    let explained = granted(lifetimes.lifetime_explain(LifetimeExplainParams::builder().lifetime_question(question).build()).await)?;
    let idle = explained.limits.into_iter().find(|one| one.limit == LimitName::SessionIdle).ok_or("no such limit")?;
    let candidates: Vec<_> = idle
        .candidates
        .into_iter()
        .map(|one| json!({ "source": one.source, "client": one.selector.and_then(|selector| selector.client), "value": one.value }))
        .collect();
    say("explained", json!({ "value": idle.value, "candidates": candidates }));

    for _ in 0..2 {
        open(&settings.sign_in)?;
    }

    let sessions_api = SessionsApiClient::new(api);
    let (mut sessions, mut pages, mut after) = (Vec::new(), 0, None::<String>);
    loop {
        let page = granted(sessions_api.session_list(SessionListParams::builder().limit(1).maybe_after(after).build()).await)?;
        sessions.extend(page.items);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let items: Vec<_> =
        sessions.iter().map(|one| json!({ "id": one.id, "user_id": one.user_id, "created_at": one.created_at, "remembered": one.remembered })).collect();
    say("sessions", json!({ "pages": pages, "items": items }));

    let id = sessions.first().ok_or("no session")?.id.to_string();
    let shown = granted(sessions_api.session_show(SessionShowParams::builder().id(id.clone()).build()).await)?;
    say("session", json!({ "id": shown.id, "user_id": shown.user_id, "ended_at": shown.ended_at }));

    let end = SessionEndParams::builder().id(id).build();
    let reader = SessionsApiClient::new(settings.api(&settings.token("sessions:read").await?)?);
    say("forbidden", refused(reader.session_end(end.clone()).await)?);

    let ended = granted(sessions_api.session_end(end).await)?;
    say("ended", json!({ "id": ended.id, "ended_at": ended.ended_at, "end_reason": ended.end_reason }));

    say("not_found", refused(sessions_api.session_show(SessionShowParams::builder().id(settings.nobody.to_string()).build()).await)?);
    Ok(())
}
