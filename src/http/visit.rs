//! What every request brings along, read once; and what every request leaves: an id, a log line, an answer even to an error.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use poem::endpoint::{BoxEndpoint, DynEndpoint};
use poem::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use poem::{Endpoint, EndpointExt, Middleware, Request, Response, Result};
use tracing::Instrument;
use uuid::fmt::Simple;

use super::arrival::{self, MAX_BODY};
use super::error::{RETRY_AFTER, error_page};
use super::forwarded::visitor;
use super::pages::{ErrorKind, Language, Pages};
use super::request_id::RequestIds;
use super::{App, cookies, storage_access};
use crate::domain::held_sessions::{self, DeviceProof, Held, HeldSessions, MOST_ACCOUNTS, Slot};
use crate::domain::secret::Secret;
use crate::protocol::bearer::Scheme;
use crate::protocol::error::OAuthError;
use crate::protocol::fedcm::DESTINATION;
use crate::protocol::params::Params;
use crate::service::authorize::Cookies;
use crate::service::device_bound;
use crate::service::known_browser::KnownBrowser;
use crate::service::login::Origin;
use crate::service::ticket::Browser;

pub const PROOF: HeaderName = HeaderName::from_static("dpop");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id under which the log tells the rest.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
struct Network(Option<IpAddr>);

/// A request as the handlers see it.
pub struct Visit {
    pub query: String,
    /// What the session cookies tell, and their values by slot.
    pub sessions: HeldSessions,
    values: [Option<Secret<String>>; MOST_ACCOUNTS],
    pub browser: Option<Browser>,
    known_browser: Option<String>,
    /// What its state cookie says.
    pub state: Option<String>,
    pub request_id: Arc<str>,
    accept_language: Option<String>,
    authorization: Option<String>,
    proof: Option<String>,
    user_agent: Option<String>,
    network: Option<IpAddr>,
    fetch_site: Option<String>,
    /// The browser loads this into a frame of a page (Fetch Metadata).
    pub framed: bool,
    /// The browser says nothing of where it loads this into.
    pub says_nothing_of_frames: bool,
    /// Fills the window, as far as the browser says what it is for (Fetch Metadata).
    pub top_level: bool,
    /// The browser asks of its own accord, for FedCM: no page can make it say so.
    pub by_fedcm: bool,
    /// Its cookies for this server are kept back here, and the user has allowed that they are sent (Storage Access Headers).
    pub storage_access_is_inactive: bool,
    pub origin: Option<String>,
}

impl Visit {
    pub fn of(app: &App, request: &Request) -> Self {
        let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let sent = cookies::Sent::of(request.headers(), &app.cookies);
        let asks_for_device = device_bound::is_on(&app.core);
        let device = |slot: Slot| match asks_for_device {
            true => device_bound::proof(&app.core, sent.devices.get(slot.index()).copied().flatten()),
            false => DeviceProof::NotAsked,
        };
        let destination = request.header("sec-fetch-dest");
        Self {
            query: request.uri().query().unwrap_or_default().to_owned(),
            sessions: Slot::ALL
                .into_iter()
                .zip(sent.sessions)
                .filter_map(|(slot, value)| Some(Held { device: device(slot), ..Held::parse(slot, value?) }))
                .collect(),
            values: sent.sessions.map(|value| value.map(|value| Secret::new(value.to_owned()))),
            browser: sent.browser.and_then(Browser::parse),
            known_browser: sent.known.map(str::to_owned),
            state: sent.state.map(str::to_owned),
            request_id: request.data::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            accept_language: header(header::ACCEPT_LANGUAGE),
            authorization: request.headers().get(header::AUTHORIZATION).map(credentials),
            proof: request.headers().get(PROOF).map(credentials),
            user_agent: header(header::USER_AGENT),
            network: request.data::<Network>().and_then(|network| network.0),
            fetch_site: request.header("sec-fetch-site").map(str::to_owned),
            framed: destination.is_some_and(|destination| FRAMES.contains(&destination)),
            says_nothing_of_frames: destination.is_none(),
            top_level: destination.is_none_or(|destination| destination == "document"),
            by_fedcm: destination == Some(DESTINATION),
            storage_access_is_inactive: request.header(storage_access::REQUEST) == Some("inactive"),
            origin: header(header::ORIGIN),
        }
    }

    pub fn cookies(&self) -> Cookies<'_> {
        Cookies { sessions: self.sessions, browser: self.browser.as_ref(), framed: self.framed }
    }

    /// The value of a session cookie as it came.
    pub fn session_value(&self, slot: Slot) -> Option<&Secret<String>> {
        self.values.get(slot.index())?.as_ref()
    }

    /// That of the same session as the last chosen.
    pub fn chosen_value(&self, app: &App, slot: Slot) -> Option<Secret<String>> {
        let secret = Secret::new(held_sessions::split(self.session_value(slot)?.expose()).0.to_owned());
        let held = self.sessions.iter().find(|held| held.slot == slot)?;
        Some(cookies::value(&secret, &Held { chosen: self.sessions.next_choice(app.core.now()), ..held }))
    }

    /// Which accounts the browser has been signed in with.
    pub fn known_browser(&self, app: &App) -> Option<KnownBrowser> {
        KnownBrowser::open(&app.core, self.known_browser.as_deref()?)
    }

    pub fn language(&self, ui_locales: Option<&str>) -> Language {
        Pages::choose_language(ui_locales, self.accept_language.as_deref())
    }

    pub fn query_params(&self) -> Result<Params, OAuthError> {
        Params::parse(&self.query)
    }

    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The access token of `Authorization`, and by which scheme it came.
    pub fn access_token(&self) -> Option<(Scheme, &str)> {
        Scheme::split(self.authorization.as_deref()?)
    }

    /// The header `DPoP` (RFC 9449 §4.1).
    pub fn proof(&self) -> Option<&str> {
        self.proof.as_deref()
    }

    pub fn came_from(&self) -> Origin {
        Origin { user_agent: self.user_agent.clone(), network: self.network }
    }

    /// Whether another site made the browser send this (Fetch Metadata).
    pub fn is_cross_site(&self) -> bool {
        self.fetch_site.as_deref() == Some("cross-site")
    }

    /// Whether a form can have come from a page of this server. Browsers send at least one of the two headers with a POST;
    /// the CSRF token is judged besides.
    pub fn is_same_origin(&self, app: &App) -> bool {
        let site = self.fetch_site.as_deref().is_none_or(|site| site == "same-origin");
        let origin = self.origin.as_deref().is_none_or(|origin| origin == app.core.settings.issuer.origin());
        site && origin
    }
}

/// A header that holds credentials. Bytes that are no text become what no credentials hold: they were sent, and are wrong, not left out.
pub fn credentials(value: &HeaderValue) -> String {
    let replaced = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER };
    value.to_str().map_or_else(|_| value.as_bytes().iter().map(replaced).collect(), str::to_owned)
}

/// What `Sec-Fetch-Dest` says of everything that is shown inside another page.
const FRAMES: [&str; 5] = ["iframe", "frame", "embed", "object", "fencedframe"];

pub const FORM: &str = "application/x-www-form-urlencoded";

/// The content type without its parameters.
pub fn media_type(request: &Request) -> String {
    request.content_type().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a form; a body that is none, or too long, is a malformed request.
pub async fn form(request: &mut Request) -> Result<Params, OAuthError> {
    let media_type = media_type(request);
    let body = body(request).await?;
    match media_type.as_str() {
        FORM => {
            let text = std::str::from_utf8(&body).map_err(|_| OAuthError::invalid_request("The body is not UTF-8."))?;
            Params::parse(text)
        }
        "" if body.is_empty() => Params::parse(""),
        _ => Err(OAuthError::invalid_request("Send the parameters as `application/x-www-form-urlencoded`.")),
    }
}

/// The same, or a JSON object as Auth0's libraries may send it. For endpoints that look at no cookie: where one is looked at,
/// only forms are read.
pub async fn form_or_json(request: &mut Request) -> Result<Params, OAuthError> {
    if media_type(request) == "application/json" { Params::parse_json(&body(request).await?) } else { form(request).await }
}

async fn body(request: &mut Request) -> Result<Vec<u8>, OAuthError> {
    let body = request.take_body().into_bytes_limit(MAX_BODY).await;
    body.map(Into::into).map_err(|_| OAuthError::invalid_request("The body is longer than 64 KiB, or was cut off."))
}

/// The caller's address: the peer's, or behind a trusted proxy the last address the proxy did not add itself.
fn network(app: &App, request: &Request) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr()?.ip();
    let trusted = &app.core.settings.trust_proxy;
    // A line that is no text is no address.
    let lines: Vec<&str> = request.headers().get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default()).collect();
    Some(visitor(peer, lines.into_iter(), |address| trusted.contains(address)))
}

/// Gives each request an id and a log line, and turns what no handler answered into a page.
pub struct Observed {
    app: Arc<App>,
}

impl Observed {
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: app.clone() }
    }
}

impl<E: Endpoint<Output = Response> + 'static> Middleware<E> for Observed {
    type Output = ObservedEndpoint;
    fn transform(&self, inner: E) -> Self::Output {
        ObservedEndpoint { inner: inner.boxed(), app: self.app.clone(), ids: RequestIds::new(self.app.core.entropy.as_ref()) }
    }
}

pub struct ObservedEndpoint {
    /// Boxed, and called as what it is: the future of everything below would otherwise be a part of this one, and be copied with it.
    inner: BoxEndpoint<'static, Response>,
    app: Arc<App>,
    ids: RequestIds,
}

impl Endpoint for ObservedEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let core = &self.app.core;
        let mut text = [0; Simple::LENGTH];
        let id: Arc<str> = Arc::from(&*self.ids.next(core.now()).as_simple().encode_lower(&mut text));
        request.set_data(RequestId(id.clone()));
        // The query can hold a code or a ticket: only the path is logged (CO-14).
        let span = tracing::info_span!("request", id = %id, method = %request.method(), path = %request.original_uri().path());
        let visit_language = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
        let one_at_a_time = request.version() < Version::HTTP_2;
        let started = std::time::Instant::now();
        let network = network(&self.app, &request);
        request.set_data(Network(network));
        let answering = pin!(async {
            let refusal = arrival::receive(&self.app, &mut request).await.err();
            if let Some(refusal) = &refusal {
                request.set_data(refusal.clone());
            }
            let answer = DynEndpoint::call(&*self.inner, request).await;
            (answer, refusal)
        });
        let answered = crate::service::request::Request { id: id.clone(), network };
        let (result, refusal) = crate::service::request::answering(answered, answering).instrument(span.clone()).await;
        let mut response = match result {
            Ok(response) => response,
            Err(error) if error.status() == StatusCode::NOT_FOUND => {
                let language = Pages::choose_language(None, visit_language.as_ref().and_then(|value| value.to_str().ok()));
                error_page(&self.app, &id, &language, ErrorKind::NotFound, None, None)
            }
            Err(error) => error.into_response(),
        };
        if let Some(refusal) = refusal {
            refusal.mark(&mut response);
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            // RFC 9110 §15.6.4: also where a page of its own says it, such as the sign-in page.
            response.headers_mut().entry(header::RETRY_AFTER).or_insert(RETRY_AFTER);
        }
        if one_at_a_time && !self.app.ready.load(Ordering::Relaxed) {
            // RFC 9112 §9.6: whoever is told sends nothing more on this connection, so that closing it breaks no request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        span.in_scope(|| tracing::debug!(status = response.status().as_u16(), micros = started.elapsed().as_micros() as u64, "answered"));
        Ok(response)
    }
}
