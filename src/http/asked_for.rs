//! For which application, and for which of its pages, a page is asked for: `client_id`, and `origin` or what the browser says of where it came from.

use std::sync::Arc;

use poem::http::header;
use poem::{Request, Response};

use super::App;
use super::error::{error_page, failure_page};
use super::pages::ErrorKind;
use super::visit::Visit;
use crate::domain::id::ClientId;
use crate::domain::redirect_uri::{WebOrigin, origin_of};
use crate::protocol::authorize::TargetError;
use crate::protocol::error::OAuthError;
use crate::protocol::params::Params;
use crate::service::Failure;
use crate::service::known_clients::KnownClient;

pub struct AskedFor {
    pub client: Arc<KnownClient>,
    /// As browsers write it; of nobody's word but the request's.
    pub origin: Option<String>,
}

impl AskedFor {
    /// Whether the origin is one that the client is registered with.
    pub fn registered(&self) -> Option<&str> {
        let origin = self.origin.as_deref()?;
        self.client.metadata.web_origins.iter().map(WebOrigin::as_str).find(|known| *known == origin)
    }
}

/// Why there is no page.
pub enum NotAskedFor {
    /// As `/authorize` says it.
    Client(TargetError),
    Failed(Failure),
}

impl From<OAuthError> for NotAskedFor {
    fn from(error: OAuthError) -> Self {
        Self::Failed(error.into())
    }
}

impl NotAskedFor {
    pub fn page(&self, app: &App, visit: &Visit) -> Response {
        match self {
            Self::Client(error) => {
                let kind = if *error == TargetError::UnknownClient { ErrorKind::UnknownClient } else { ErrorKind::InvalidRequest };
                error_page(app, &visit.request_id, &visit.language(None), kind, Some("invalid_request"), Some(&super::authorize::plain(&error.to_string())))
            }
            Self::Failed(failure) => failure_page(app, visit, failure),
        }
    }
}

pub async fn asked_for(app: &App, request: &Request, params: &Params) -> Result<AskedFor, NotAskedFor> {
    let id = params.get("client_id").ok_or(NotAskedFor::Client(TargetError::NoClientId))?;
    let unknown = NotAskedFor::Client(TargetError::UnknownClient);
    let Ok(id) = ClientId::parse(id) else { return Err(unknown) };
    let found = app.core.clients.get(&app.core.store, &id).await.map_err(|error| NotAskedFor::Failed(error.into()))?;
    let Some(client) = found.filter(|client| client.disabled_at.is_none()) else { return Err(unknown) };
    let origin = match params.get("origin") {
        Some(origin) => Some(WebOrigin::parse(origin).map_err(|error| OAuthError::invalid_request(error.to_string()))?.as_str().to_owned()),
        // Browsers send the origin of the page that a link or a frame is in, unless that page forbids it.
        None => request.header(header::REFERER).and_then(origin_of).filter(|origin| origin != app.core.settings.issuer.origin()),
    };
    Ok(AskedFor { client, origin })
}
