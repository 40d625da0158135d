//! `/oidc/check-session`: the frame that an application asks whether its user is still the one signed in (Session Management 1.0 §3.3).
//!
//! The page and its script are the same for everybody: what is compared is in the browser's cookie, and nothing is asked of the server. It
//! may be framed by the page that asks for it, if that is of a registered application, and by nobody else.

use std::sync::Arc;

use poem::http::header;
use poem::{Request, Response};

use super::{App, headers};
use crate::domain::redirect_uri::origin_of;
use crate::service::web_origins::is_registered;

const SCRIPT: &str = include_str!("check_session/frame.js");

pub async fn get(app: Arc<App>, request: Request) -> Response {
    // Browsers send the origin of the page that a frame is in, unless that page forbids it.
    let framed_by = request.header(header::REFERER).and_then(origin_of);
    let mut ancestors = Vec::new();
    if let Some(origin) = framed_by
        && is_registered(&app.core, &origin, None).await.unwrap_or(false)
    {
        ancestors.push(origin);
    }
    let html = format!(
        "<!doctype html><html lang=\"en\" data-cookie=\"{}\"><meta charset=\"utf-8\"><title>Session</title><script>{SCRIPT}</script></html>",
        app.cookies.state
    );
    headers::scripted_page(html, SCRIPT, "", &ancestors)
}
