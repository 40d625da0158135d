//! Storage Access Headers: a browser that keeps third-party cookies back may have been allowed, by the user, to send them from this very page.
//! It then says `Sec-Fetch-Storage-Access: inactive`, and sends the request again with the cookies if the answer asks for that. So a page of another
//! site renews silently, in a frame, without a line of code in the application.
//!
//! It is asked for the origins that the client is registered with, and for nobody else's.

use poem::Response;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};

use super::App;
use super::visit::Visit;
use crate::domain::id::ClientId;
use crate::protocol::authorize::{Prompt, Prompts};
use crate::protocol::params::Params;
use crate::service::web_origins::is_own;

pub const REQUEST: &str = "sec-fetch-storage-access";
const ACTIVATE: HeaderName = HeaderName::from_static("activate-storage-access");

/// The answer that has the browser ask again with its cookies, if that is what a silent request lacks.
pub async fn retry(app: &App, visit: &Visit, params: &Params) -> Option<Response> {
    let waits = visit.storage_access_is_inactive && visit.framed && visit.sessions.is_empty();
    if !waits || !Prompts::parse(params.get("prompt")).ok()?.has(Prompt::None) {
        return None;
    }
    let client = ClientId::parse(params.get("client_id")?).ok()?;
    let origin = visit.origin.as_deref()?;
    if !Box::pin(is_own(&app.core, origin, &client)).await.unwrap_or(false) {
        return None;
    }
    let activate = HeaderValue::from_str(&format!("retry; allowed-origin=\"{origin}\"")).ok()?;
    let mut response = Response::builder().status(StatusCode::UNAUTHORIZED).header(header::CACHE_CONTROL, "no-store").finish();
    response.headers_mut().insert(ACTIVATE, activate);
    vary(visit, &mut response);
    Some(response)
}

/// The answer depends on what the browser said of its cookies.
pub fn vary(visit: &Visit, response: &mut Response) {
    if visit.framed {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Sec-Fetch-Storage-Access"));
    }
}
