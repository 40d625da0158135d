//! `/storage-access`: the page that asks the browser for the session's cookie in a frame of another site (Storage Access API), where it takes a click.
//!
//! An application shows it in a frame and hears, by a message, whether it was granted. From then on its hidden frames renew as they are
//! ([`super::storage_access`]). Only an origin that the client is registered with may hold the frame, and only that origin is told.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Request, Response};

use super::asked_for::{NotAskedFor, asked_for};
use super::form_action::FormAction;
use super::pages::{Page, StorageAccess};
use super::visit::Visit;
use super::{App, headers};
use crate::protocol::error::OAuthError;

pub async fn page(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    ask(&app, &request, &visit).await.unwrap_or_else(|why| why.page(&app, &visit))
}

async fn ask(app: &App, request: &Request, visit: &Visit) -> Result<Response, NotAskedFor> {
    let params = visit.query_params()?;
    let asked = asked_for(app, request, &params).await?;
    let metadata = &asked.client.metadata;
    if !metadata.may_be_framed {
        return Err(OAuthError::invalid_request("This application is registered with `may_be_framed = false`: it does not renew in frames.").into());
    }
    let Some(origin) = asked.registered() else {
        let text = "Parameter `origin` is not one of the `web_origins` of this application: send the origin of the page that holds the frame.";
        return Err(OAuthError::invalid_request(text).into());
    };
    // A query of this server's own `/authorize`, which judges it: no address.
    let next = params.get("request").map(|request| format!("{}authorize?{request}", app.base_path())).unwrap_or_default();
    // A browser that says nothing of frames gets the page for frames: the script in it sees where it is.
    let framed = visit.framed || visit.says_nothing_of_frames;
    let page = Page::StorageAccess(StorageAccess { application: &metadata.name, origin, next: &next, framed });
    let html = app.pages.render(&page, &visit.language(params.get("ui_locales")));
    if !framed {
        return Ok(headers::page(app, StatusCode::OK, html, FormAction::Here, None));
    }
    let looks = format!("; style-src 'self'; img-src {}", app.pages.img_src());
    Ok(headers::scripted_page(html, StorageAccess::SCRIPT, &looks, &[origin.to_owned()]))
}
