//! The demo: an issuer, a small single-page application and a small API on this machine, to see sessions, silent renewal and rotation at work.
//! It uses the library as any host would; nothing in it is open to the demo only.
//!
//! 1. Take the three ports. 2. Build the issuer. 3. Put the API behind `require_token`. 4. Serve until told to stop.

mod api;
mod app;
mod data;
mod listen;
mod settings;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use poem::http::{Method, header};
use poem::middleware::Cors;
use poem::{EndpointExt, Route, Server, get};

use crate::issuer::{BuildError, Issuer};

/// What the user may choose. Port 0 takes any free one.
#[derive(Debug, Clone)]
pub struct Options {
    pub issuer_port: u16,
    pub app_port: u16,
    pub api_port: u16,
    /// Keeps the database and the master key here; without it they are gone when the demo ends.
    pub data: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { issuer_port: 8080, app_port: 8081, api_port: 8082, data: None }
    }
}

/// Why the demo cannot run. Each prints as one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("`{one}` and `{other}` are both {port}: each of the three servers has a port of its own, so choose three that differ")]
    SamePort { port: u16, one: &'static str, other: &'static str },
    #[error("port {port} is in use: stop the program that has it, or choose another port, such as `{flag} {other}`")]
    PortInUse { port: u16, flag: &'static str, other: u16 },
    #[error("cannot listen on port {port} ({error}): choose another port with `{flag}`")]
    Listen { port: u16, flag: &'static str, error: std::io::Error },
    #[error("the directory `{0}` cannot be made or used ({1}): name another with `--data`")]
    Data(PathBuf, std::io::Error),
    #[error("{0}")]
    Settings(String),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("the page's settings cannot be written: {0}")]
    About(#[from] serde_json::Error),
    #[error("a server of the demo stopped: {0}")]
    Serve(#[from] std::io::Error),
}

/// The addresses of a running demo.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub app: String,
    /// The same application, of another site than the issuer.
    pub app_elsewhere: String,
    pub issuer: String,
    pub api: String,
}

/// How long requests under way may take when the demo ends.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs the demo until Ctrl-C or SIGTERM, and says what to open.
pub async fn run(options: Options) -> Result<(), DemoError> {
    let kept = options.data.clone();
    serve(
        options,
        |at| {
            let data = kept.map_or_else(|| "in a temporary directory, gone when the demo ends".to_owned(), |path| format!("in {}", path.display()));
            println!(
                "\n  Gatekey demo\n\n  Open      {}\n  or        {} (another site than the issuer's)\n  Sign in   as {} with the password {}\n\n  Issuer    {}\n  API       {}\n  Data      {data}\n\n  Ctrl-C ends it.\n",
                at.app,
                at.app_elsewhere,
                settings::USERNAME,
                settings::PASSWORD,
                at.issuer,
                at.api,
            );
        },
        told_to_stop(),
    )
    .await
}

/// Runs the demo until `stop` is done; `started` learns the addresses once all three servers accept connections.
pub async fn serve(options: Options, started: impl FnOnce(&Addresses), stop: impl Future<Output = ()>) -> Result<(), DemoError> {
    let [issuer_place, app_place, api_place] =
        listen::three([(options.issuer_port, "--issuer-port"), (options.app_port, "--app-port"), (options.api_port, "--api-port")])?;
    let origins = [app_place.origin(), app_place.other_site()];
    let addresses = Addresses { app: app_place.url(), app_elsewhere: format!("{}/", app_place.other_site()), issuer: issuer_place.url(), api: api_place.url() };

    let data = data::Data::open(options.data)?;
    let issuer = Issuer::builder(settings::settings(&addresses.issuer, &origins, &addresses.api, data.path())?).build().await?;

    let page = app::App::new(&app::About {
        issuer: addresses.issuer.clone(),
        api: addresses.api.clone(),
        same_site: addresses.app.clone(),
        cross_site: addresses.app_elsewhere.clone(),
        client_id: settings::CLIENT_ID,
        scope: settings::SCOPES,
        renew_before: settings::RENEW_BEFORE,
        username: settings::USERNAME,
        password: settings::PASSWORD,
    })?;
    // The page comes from other origins: it may call the API with a token and read why it was refused.
    let cross_origin = Cors::new()
        .allow_origins(origins)
        .allow_method(Method::GET)
        .allow_header(header::AUTHORIZATION)
        .allow_header("dpop")
        .expose_header(header::WWW_AUTHENTICATE)
        .allow_credentials(false);
    let api = Route::new().at("/notes", get(api::notes)).with(issuer.require_token(&addresses.api).scope(api::SCOPE)).with(cross_origin);

    let (stop_all, stopped) = tokio::sync::watch::channel(false);
    let told = || {
        let mut stopped = stopped.clone();
        async move {
            // A sender that is gone means the same.
            let _ = stopped.wait_for(|stop| *stop).await;
        }
    };
    let mut servers = pin!(async {
        tokio::try_join!(
            Server::new_with_acceptor(issuer_place.acceptor).run_with_graceful_shutdown(issuer.mounted(), told(), Some(DRAIN)),
            Server::new_with_acceptor(app_place.acceptor).run_with_graceful_shutdown(page, told(), Some(DRAIN)),
            Server::new_with_acceptor(api_place.acceptor).run_with_graceful_shutdown(api, told(), Some(DRAIN)),
        )
    });
    started(&addresses);
    let served = tokio::select! {
        // One of them failed; the others go with it.
        served = &mut servers => served,
        () = stop => {
            stop_all.send_replace(true);
            servers.await
        }
    };
    issuer.close().await;
    served?;
    Ok(())
}

/// Ctrl-C, or SIGTERM where there is one.
async fn told_to_stop() {
    let interrupt = async {
        // Without a handler the signal simply ends the program, which is what was asked for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
