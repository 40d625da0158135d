//! The page of `response_mode=web_message`: it hands the authorization response to the page that opened it in a window or holds it in a frame.
//!
//! The message goes to the origin of the validated redirect URI and to no other: a browser delivers it to nobody else, whoever opened the window.
//! The page's script is the same for everybody and allowed by its hash, and what it hands over stands beside it as data, so nothing of a
//! request is ever code. Nothing here may set a `Cross-Origin-Opener-Policy`: it would cut a window off from who opened it.

use poem::Response;
use serde_json::{Value, json};

use super::authorize::host_of;
use super::pages::{Page, WebMessage};
use super::visit::Visit;
use super::{App, headers};

/// `ancestors`: who may hold the page in a frame.
pub fn respond(app: &App, visit: &Visit, origin: &str, ancestors: &[String], fields: Vec<(&'static str, String)>) -> Response {
    let response: serde_json::Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    let message = json!({ "type": "authorization_response", "response": response }).to_string();
    let host = host_of(origin);
    let page = WebMessage { message: &message, origin, application: &host };
    // A frame is not seen, a window may be: it says what to do if it does not close by itself.
    let html = if visit.framed { page.bare() } else { app.pages.render(&Page::WebMessage(page), &visit.language(None)) };
    let looks = format!("; style-src 'self'; img-src {}", app.pages.img_src());
    headers::scripted_page(html, WebMessage::SCRIPT, &looks, ancestors)
}
