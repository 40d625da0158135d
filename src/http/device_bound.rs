//! `/dbsc/register` and `/dbsc/refresh`: where a browser shows the key that a session is bound to (Device Bound Session Credentials). No page
//! calls them: the browser does, by itself, when a sign-in offers it and when the second cookie is about to run out.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Request, Response};
use serde_json::json;

use super::error::json_error;
use super::visit::Visit;
use super::{App, cookies, headers};
use crate::domain::held_sessions::Held;
use crate::protocol::device_bound::{ALGORITHMS, Credential, Instructions, Scope};
use crate::protocol::error::OAuthError;
use crate::service::Failure;
use crate::service::device_bound::{self, Bound, Refreshed};

const REGISTRATION: HeaderName = HeaderName::from_static("secure-session-registration");
const RESPONSE: HeaderName = HeaderName::from_static("secure-session-response");
const CHALLENGE: HeaderName = HeaderName::from_static("secure-session-challenge");
const SESSION_ID: HeaderName = HeaderName::from_static("sec-secure-session-id");

/// Offers the browser to bind the session that has begun with this answer.
pub fn offer(app: &App, response: &mut Response, held: &Held) {
    let Some(challenge) = device_bound::offer(&app.core, held) else { return };
    let offer = format!("({});path=\"{}dbsc/register\";challenge=\"{challenge}\"", ALGORITHMS.join(" "), app.base_path());
    if let Ok(offer) = HeaderValue::from_str(&offer) {
        response.headers_mut().insert(REGISTRATION, offer);
    }
}

pub async fn register(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let Some(token) = string(request.headers(), &RESPONSE) else {
        return json_error(&Failure::Refused(OAuthError::invalid_request("The header `Secure-Session-Response` is missing, or there twice.")));
    };
    match device_bound::register(&app.core, visit.sessions, token).await {
        Ok(bound) => instructions(&app, &bound),
        Err(failure) => json_error(&failure),
    }
}

pub async fn refresh(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    let Some(identifier) = string(request.headers(), &SESSION_ID) else {
        return json_error(&Failure::Refused(OAuthError::invalid_request("The header `Sec-Secure-Session-Id` is missing, or there twice.")));
    };
    match device_bound::refresh(&app.core, visit.sessions, identifier, string(request.headers(), &RESPONSE)).await {
        Ok(Refreshed::Bound(bound)) => instructions(&app, &bound),
        Ok(Refreshed::Challenge(challenge)) => asked(&challenge, identifier),
        // No cookie is cleared: the session that has it now may be another one.
        Ok(Refreshed::Over) => headers::json(StatusCode::OK, &json!({ "continue": false })),
        Err(failure) => json_error(&failure),
    }
}

/// 403 is what makes the browser sign at once; any other error would make it drop the session, or wait.
fn asked(challenge: &str, identifier: &str) -> Response {
    let mut response = Response::builder().status(StatusCode::FORBIDDEN).header(header::CACHE_CONTROL, "no-store").finish();
    // The identifier was sealed here: it has no sign that would have to be escaped.
    if let Ok(challenge) = HeaderValue::from_str(&format!("\"{challenge}\";id=\"{identifier}\"")) {
        response.headers_mut().insert(CHALLENGE, challenge);
    }
    response
}

fn instructions(app: &App, bound: &Bound) -> Response {
    let base_path = app.base_path();
    let attributes = cookies::device_attributes(app);
    let instructions = Instructions {
        session_identifier: &bound.identifier,
        refresh_url: format!("{base_path}dbsc/refresh"),
        scope: Scope::of(app.core.settings.issuer.origin(), base_path),
        credentials: [Credential { kind: "cookie", name: app.cookies.device(bound.slot), attributes: &attributes }],
        allowed_refresh_initiators: &bound.initiators,
    };
    let mut response = headers::json(StatusCode::OK, &instructions);
    headers::set_cookie(&mut response, &cookies::device(app, bound.slot, &bound.proof));
    response
}

/// The text of a header that is there once: a string of RFC 9651 §3.3.3 whose parameters mean nothing here, or, as the first browsers sent it, bare. What
/// is read holds no sign that such a string would escape.
fn string<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    if values.next().is_some() {
        return None;
    }
    match value.strip_prefix('"') {
        Some(rest) => rest.split_once('"').map(|(text, _)| text),
        None => value.split(';').next().map(str::trim_end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_read_quoted_or_bare_and_once() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(SESSION_ID, HeaderValue::from_str(value).unwrap());
            }
            string(&headers, &SESSION_ID).map(str::to_owned)
        };
        for (values, expected) in [
            (&["\"abc-_1\""][..], Some("abc-_1")),
            (&["\"a.b.c\";more=1"], Some("a.b.c")),
            (&["abc"], Some("abc")),
            (&[" abc ;more=1"], Some("abc")),
            (&["\"abc"], None),
            (&["a", "a"], None),
            (&[], None),
        ] {
            assert_eq!(read(values).as_deref(), expected, "{values:?}");
        }
    }
}
