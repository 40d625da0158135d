//! `/diagnose`: a page that a developer opens from the application, by a link or in a frame, and that says what its silent renewal has and lacks.
//!
//! Anybody may ask, so it tells nobody what a client is registered with, nor anything of users: only whether what the request itself brought
//! is right. What only the browser knows is asked of it by the page's script and judged here, by the same rules as everything else.

use std::sync::Arc;

use chrono::DateTime;
use poem::http::{StatusCode, header};
use poem::{Request, Response};
use serde_json::json;

use super::asked_for::{AskedFor, NotAskedFor, asked_for};
use super::pages::{Diagnose, FindingRow, Page};
use super::visit::Visit;
use super::{App, headers};
use crate::protocol::diagnosis::browser::{self, Arrived, BrowserFacts, Fedcm, FramingHeaders, PageFacts};
use crate::protocol::diagnosis::{Code, Finding};
use crate::protocol::params::Params;
use crate::service::diagnosis::page_facts;

pub async fn page(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    told(&app, &request, &visit).await.unwrap_or_else(|why| why.page(&app, &visit))
}

async fn told(app: &App, request: &Request, visit: &Visit) -> Result<Response, NotAskedFor> {
    let params = visit.query_params()?;
    let asked = asked_for(app, request, &params).await?;
    let facts = facts(app, &asked, request);
    let (page, way) = (browser::page(&facts), browser::way(&facts));
    if way.iter().any(|finding| finding.code == Code::HostDiffers) {
        // For whoever runs the server: it may be the name of a machine behind the proxy.
        let (host, forwarded_host) = (facts.arrived.host.map(short), facts.arrived.forwarded_host.map(short));
        tracing::info!(host, forwarded_host, "a request arrived under another host name than the issuer's");
    }
    let (page, way) = (rows(&page), rows(&way));
    let metadata = &asked.client.metadata;
    let origin = asked.origin.as_deref();
    let diagnose = Diagnose { client: asked.client.id.as_str(), application: &metadata.name, issuer: app.core.issuer(), origin, page: &page, way: &way };
    let html = app.pages.render(&Page::Diagnose(diagnose), &visit.language(params.get("ui_locales")));
    let holder: Vec<String> = asked.registered().filter(|_| metadata.may_be_framed).map(str::to_owned).into_iter().collect();
    let more = format!("; connect-src 'self'; style-src 'self'; img-src {}", app.pages.img_src());
    Ok(headers::scripted_page(html, Diagnose::SCRIPT, &more, &holder))
}

/// As much of a host name as there can be (RFC 1035 §2.3.4); a header may hold very much more.
fn short(host: &str) -> &str {
    host.get(..255).unwrap_or(host)
}

/// What the script of the page found, judged. JSON, for that script.
pub async fn of_browser(app: Arc<App>, request: Request) -> Response {
    let visit = Visit::of(&app, &request);
    if !visit.is_same_origin(&app) {
        return headers::json(StatusCode::FORBIDDEN, &json!({ "error": "access_denied", "error_description": "Only the page /diagnose asks this." }));
    }
    judged(&app, &request, &visit).await.unwrap_or_else(|why| why.page(&app, &visit))
}

async fn judged(app: &App, request: &Request, visit: &Visit) -> Result<Response, NotAskedFor> {
    let params = visit.query_params()?;
    let asked = asked_for(app, request, &params).await?;
    let facts = facts(app, &asked, request);
    let found = browser::browser(&facts, &browser_facts(&params, visit), app.core.now());
    Ok(headers::json(StatusCode::OK, &json!({ "findings": rows(&found) })))
}

fn browser_facts<'a>(params: &'a Params, visit: &Visit) -> BrowserFacts<'a> {
    let is = |name, word| params.get(name) == Some(word);
    BrowserFacts {
        seen: params.get("seen"),
        asked_at: params.get("asked_at").and_then(|millis| DateTime::from_timestamp_millis(millis.parse().ok()?)),
        framed: is("framed", "true"),
        cookie: !visit.sessions.is_empty(),
        access: params.get("access").map(|access| access == "true"),
        inactive: visit.storage_access_is_inactive,
        fedcm: match params.get("fedcm") {
            Some("available") => Fedcm::Available,
            Some("not-allowed") => Fedcm::NotAllowed,
            _ => Fedcm::Missing,
        },
        headers: FramingHeaders { frame_options: params.get("frame_options"), policy: params.get("policy"), opener_policy: params.get("opener_policy") },
    }
}

fn facts<'a>(app: &'a App, asked: &'a AskedFor, request: &'a Request) -> PageFacts<'a> {
    let arrived = Arrived {
        host: request.header(header::HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str())),
        forwarded_host: request.header("x-forwarded-host"),
        forwarded_proto: request.header("x-forwarded-proto"),
        forwarded_for: request.headers().contains_key("x-forwarded-for"),
        from_trusted: None,
    };
    let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
    page_facts(&app.core, &asked.client, asked.origin.as_deref(), peer, arrived)
}

fn rows(found: &[Finding]) -> Vec<FindingRow<'static>> {
    found.iter().map(FindingRow::from).collect()
}
