//! The issuer: everything wired together, ready to be nested in a poem application.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, Response};
use tokio::task::AbortHandle;

use crate::admin::{self, account};
use crate::domain::client::ClientMetadata;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::duration::Lifetime;
use crate::domain::entropy::{Entropy, SystemEntropy};
use crate::domain::event::Actor;
use crate::http::openapi::served::Printed;
use crate::http::pages::PageError;
use crate::http::require_token::RequireToken;
use crate::http::{self, App, Described};
use crate::jose::keyed_digest::KeyedDigest;
use crate::jose::pairwise::Pairwise;
use crate::jose::refresh_token::Minter;
use crate::jose::rotation::Schedule;
use crate::jose::sealed::Sealer;
use crate::jose::sid::Deriver;
use crate::outbound::Outbound;
use crate::protocol::reach::Reach;
use crate::service::admin::{Admin, Idempotency, Installation, InstallationError, declare, declare_console};
use crate::service::device_bound::{self, Initiators};
use crate::service::found_over::{self, FoundOver};
use crate::service::keys::Keys;
use crate::service::known_clients::KnownClients;
use crate::service::passwords::Passwords;
use crate::service::statistics::{self, Tally};
use crate::service::sweep::{self, Swept};
use crate::service::throttle::Throttle;
use crate::service::web_origins::WebOrigins;
use crate::service::{Core, Failure, logout_notices, restored, setup};
use crate::settings::Settings;
use crate::store::StoreError;

/// An OpenID Connect issuer. Cheap to clone; two of them live in one process without knowing of each other.
#[derive(Clone)]
pub struct Issuer {
    app: Arc<App>,
    admin: Arc<Admin>,
    /// The work that nobody asks for.
    background: Option<AbortHandle>,
}

/// Why an issuer could not be built. Each prints as one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Installation(#[from] InstallationError),
    #[error(transparent)]
    Pages(#[from] PageError),
    #[error("{0}")]
    Start(String),
}

impl From<Failure> for BuildError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => Self::Start(error.description.into_owned()),
            Failure::Unavailable(reason) => Self::Start(reason),
        }
    }
}

/// Builds an [`Issuer`]; what is not supplied is the operating system's.
pub struct IssuerBuilder {
    settings: Settings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    background: bool,
}

impl IssuerBuilder {
    /// Another clock than the operating system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness than the operating system's. It must be as strong.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Whether what nobody asks for is done by itself, on the runtime that builds the issuer: telling applications that sessions have
    /// ended, and clearing away what is over. It is, unless this says no; then the host calls [`Issuer::deliver_logout_notices`] and
    /// [`Issuer::sweep`] now and then.
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Opens and migrates the database, reads or makes the keys, writes the declared clients and users.
    pub async fn build(self) -> Result<Issuer, BuildError> {
        crate::jose::begin();
        let Self { settings, clock, entropy, background } = self;
        let installation = Installation::open(&settings, entropy.as_ref()).await?;

        let restored_at = restored::notice(&installation.store, clock.now(), &entropy).await?;

        // Bound to the issuer: what one issuer gave out is nothing to another, even on one database and master key (MX-02).
        // And to a secret of the database's: the master key alone forges nothing, no more than the database alone.
        let salt = installation.salt(entropy.as_ref()).await?;
        let subkey = |purpose: &str| installation.master.subkey(&format!("{purpose}\0{}\0{}", settings.issuer.as_str(), salt.expose()));
        let passwords = Passwords::new(&settings.passwords, entropy.clone()).map_err(|error| BuildError::Start(error.to_string()))?;
        let admin = installation.admin(clock.clone(), entropy.clone());
        declare(&admin.acting_as(Actor::SettingsFile), &settings).await.map_err(|error| BuildError::Start(error.to_string()))?;
        let scopes = admin::scopes();
        declare_console(&admin.acting_as(Actor::Server), &settings, &scopes).await.map_err(|error| BuildError::Start(error.to_string()))?;
        let mut algorithms = settings.keys.algorithms.clone();
        let of_client = |metadata: &ClientMetadata| [Some(metadata.id_token_signed_response_alg), metadata.userinfo_signed_response_alg];
        algorithms.extend(settings.clients.iter().flat_map(|client| of_client(&client.metadata)).flatten());
        algorithms.sort();
        algorithms.dedup();
        let length = |lifetime| if let Lifetime::Limited(delta) = lifetime { Some(delta) } else { None };
        let schedule = Schedule { announce: length(settings.keys.announce).unwrap_or(TimeDelta::MAX), every: length(settings.keys.rotate_every) };
        let keys = Keys::open(&installation.store, installation.key_sealer(), &settings.lifetimes, algorithms, schedule, clock.as_ref(), &entropy).await?;
        let reach = Reach {
            private: settings.logout.allow_private_networks,
            listed: settings.logout.allow_networks.clone(),
            development: settings.issuer.origin().starts_with("http://"),
        };
        let outbound = Outbound::new(reach, settings.logout.ca_file.as_deref()).map_err(|error| BuildError::Start(error.to_string()))?;
        let core = Core {
            codes: Sealer::new(subkey("authorization codes")),
            tickets: Sealer::new(subkey("tickets")),
            refresh_tokens: Minter::new(subkey("refresh tokens")),
            pairwise: Pairwise::new(subkey("pairwise subjects")),
            sids: Deriver::new(subkey("session ids")),
            idempotency: Idempotency { names: KeyedDigest::new(subkey("idempotency keys")), answers: Sealer::new(subkey("idempotent answers")) },
            proofs: KeyedDigest::new(subkey("dpop proofs")),
            browser_states: KeyedDigest::new(subkey("browser states")),
            throttle: Throttle::new(KeyedDigest::new(subkey("throttle"))),
            web_origins: WebOrigins::default(),
            initiators: Initiators::default(),
            clients: Arc::new(KnownClients::new(settings.lifetimes)),
            found_over: FoundOver::default(),
            tally: Tally::default(),
            outbound,
            restored_at,
            settings,
            store: installation.store,
            clock,
            entropy,
            keys,
            passwords,
        };
        device_bound::warn(&core);
        let core = Arc::new(core);
        let app = Arc::new(App::new(core.clone(), Printed { admin: admin::document, account: account::document }, scopes)?);
        // It ends with the issuer: it only looks whether there still is one.
        let weak = || Arc::downgrade(&core);
        let (ending, telling, sweeping) = (found_over::run(weak()), logout_notices::run(weak()), sweep::run(weak()));
        let counting = statistics::run(weak());
        let background = background.then(|| tokio::spawn(async { tokio::join!(ending, telling, sweeping, counting) }).abort_handle());
        Ok(Issuer { app, admin: Arc::new(admin), background })
    }
}

impl Issuer {
    pub fn builder(settings: Settings) -> IssuerBuilder {
        IssuerBuilder { settings, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), background: true }
    }

    /// All endpoints. Nest them at the path of the issuer's URL: at `/` for `https://login.example.com/`,
    /// at `/auth` for `https://example.com/auth/`. [`Issuer::mounted`] does it, and answers what `nest` of poem refuses by itself: a path
    /// that is no text.
    pub fn routes(&self) -> BoxEndpoint<'static, Response> {
        let core = &self.app.core;
        let admin = Described { path: admin::PATH, routes: admin::routes(core.clone(), self.admin.clone()), refused: admin::refused, for_pages: None };
        let account = Described { path: account::PATH, routes: account::routes(core.clone()), refused: admin::refused, for_pages: Some(account::METHODS) };
        http::routes(&self.app, vec![admin, account])
    }

    /// For an issuer below a path: RFC 8414 metadata, to be nested at the host's root. [`Issuer::mounted`] does both.
    pub fn well_known_routes(&self) -> BoxEndpoint<'static, Response> {
        http::well_known_routes(&self.app)
    }

    /// The whole server: the endpoints at the issuer's own path, and what belongs at the root.
    pub fn mounted(&self) -> poem::Route {
        let path = self.base_path().trim_end_matches('/');
        let route = http::below(path, self.routes());
        if path.is_empty() { route } else { route.at(format!("/.well-known/oauth-authorization-server{path}"), self.well_known_routes()) }
    }

    /// The same for a server that has nothing else: an issuer at the root needs no routing above its own.
    pub fn server(&self) -> BoxEndpoint<'static, Response> {
        match self.base_path() {
            "/" => self.routes(),
            _ => self.mounted().boxed(),
        }
    }

    /// A middleware that lets requests through only with a live access token of this issuer for `audience`, the resource (RFC 8707) that
    /// clients register for the API. There is no default: a token for signing in is not one for your API.
    pub fn require_token(&self, audience: &str) -> RequireToken {
        RequireToken::new(self.app.clone(), audience)
    }

    /// The OpenAPI document of the admin API, which is mounted at `admin/api/v1` below every issuer.
    pub fn admin_api_document() -> String {
        admin::document()
    }

    /// The OpenAPI document of the account API, which is mounted at `account/api/v1` below every issuer.
    pub fn account_api_document() -> String {
        account::document()
    }

    /// The OpenAPI document of the endpoints of OAuth 2.0 and OpenID Connect that programs call.
    pub fn protocol_document() -> String {
        http::openapi::document()
    }

    /// The issuer's identifier, byte for byte.
    pub fn url(&self) -> &str {
        self.app.core.issuer()
    }

    fn base_path(&self) -> &str {
        self.app.core.settings.issuer.base_path()
    }

    /// The address of the page that makes the first admin, while there is none: it can be used once, within a day.
    pub async fn first_admin_link(&self) -> Result<Option<String>, BuildError> {
        let link = setup::first_admin_link(&self.app.core).await?;
        Ok(link.map(|secret| self.app.core.settings.issuer.join(&format!("setup?link={}", secret.expose()))))
    }

    /// From now on `/readyz` says no, so that a load balancer sends nobody here any more.
    pub fn drain(&self) {
        self.app.ready.store(false, Ordering::Relaxed);
    }

    /// Ends the sessions that requests have found past their limits, and tells applications of those that have ended, until nothing is due: for
    /// a host that does the background work itself.
    pub async fn deliver_logout_notices(&self) {
        found_over::write_down(&self.app.core).await;
        logout_notices::deliver(&self.app.core).await;
    }

    /// Writes down what is past its limits, and deletes what need not be kept any more: at once, and all of it. The issuer does the same
    /// by itself once an hour.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        sweep::pass(&self.app.core, Duration::ZERO).await
    }

    /// Finishes what is queued for the database and closes it.
    pub async fn close(&self) {
        // A notice that was on its way is sent again by whoever goes on.
        if let Some(background) = &self.background {
            background.abort();
        }
        statistics::write_down(&self.app.core).await;
        self.app.core.store.close().await;
    }
}
