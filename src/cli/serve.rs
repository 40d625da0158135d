//! `gatekey serve`: the issuer as a server.
//!
//! 1. Take the address, so that a second server stops before it touches anything. 2. Build the issuer. 3. Say what to open.
//! 4. Serve until a signal. 5. Drain: `/readyz` off, clients asked to close, requests under way finished, the database closed.

mod connections;
mod impatient;

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;

use super::{Address, Done, Failure, Place, logging, output, process};
use crate::issuer::Issuer;
use crate::settings::issuer::IssuerUrl;
use crate::settings::{Flags, Settings};
use connections::Connections;

/// How long a server that was told to stop goes on answering, each answer with `Connection: close`. A connection that is closed while a
/// request travels on it would break that request, so the busy ones are ended by their clients and only quiet ones are closed here.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long requests under way may take after that; with closing the database it is gone within ten seconds.
const DRAIN: Duration = Duration::from_secs(7);
/// Files that are no connections: the database's, the log, the runtime's own.
const OTHER_FILES: u64 = 64;
const CLOSE: Duration = Duration::from_secs(1);

/// Run the issuer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gatekey serve                                          with gatekey.toml, or without any settings
  gatekey serve --config /etc/gatekey/gatekey.toml
  gatekey serve --issuer https://id.example.com/ --listen 127.0.0.1:8080")]
pub(super) struct Serve {
    #[command(flatten)]
    address: Address,
    /// The address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

impl Serve {
    pub(super) fn run(self, place: &Place) -> Done {
        let flags = Flags { listen: self.listen, ..place.at(self.address).flags() };
        let settings = Settings::load(place.config.as_deref(), flags)?;
        logging::start(&settings.log);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let served = runtime.block_on(serve(settings));
        // A request that did not end in time must not keep the process.
        runtime.shutdown_timeout(Duration::from_millis(500));
        served
    }
}

async fn serve(settings: Settings) -> Done {
    let listen = settings.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| cannot_listen(listen, &error))?;
    let (most, request_timeout) = (connections_allowed(&settings), settings.server.request_timeout);
    // From here on a signal is heard: one during a long migration still ends in order.
    let stop = stop_signal()?;
    let url = settings.issuer.clone();
    let issuer = Issuer::builder(settings).build().await?;
    let address = listener.local_addr()?;
    output::print(&format!("Gatekey {} serves {} on {address}\n", env!("CARGO_PKG_VERSION"), issuer.url()))?;
    if let Some(elsewhere) = elsewhere(&url, address) {
        // Beside the address and the link that it is about, and nowhere twice.
        output::print(&format!("Warning: {elsewhere}\n"))?;
    }
    if let Some(link) = issuer.first_admin_link().await? {
        output::print(&format!("There is no administrator yet. Open this within a day to become it (it works once):\n  {link}\n"))?;
    }

    let draining = issuer.clone();
    let stopped = async move {
        let stop = stop.await;
        draining.drain();
        tracing::info!(event = "server.draining", "stopping: clients are asked to close, requests under way are finished");
        if stop == Stop::InOrder {
            tokio::time::sleep(FAREWELL).await;
        }
    };
    let (told, hears) = tokio::sync::oneshot::channel::<()>();
    let signal = async move {
        stopped.await;
        let _ = told.send(());
    };
    let served = Connections { listener, most, request_timeout }.serve(issuer.server(), signal);
    let overdue = async {
        // An error here means that the server ended first.
        match hears.await {
            Ok(()) => tokio::time::sleep(DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = served => {}
        () = overdue => tracing::warn!("some requests did not finish in time"),
    }
    if tokio::time::timeout(CLOSE, issuer.close()).await.is_err() {
        tracing::warn!("the database did not close in time");
    }
    tracing::info!(event = "server.stopped", "stopped");
    Ok(())
}

/// A plain http issuer is on this machine, and where nothing forwards its port every link that is given out is dead.
fn elsewhere(issuer: &IssuerUrl, address: SocketAddr) -> Option<String> {
    let (there, here) = (issuer.port()?, address.port());
    (issuer.is_local() && there != here).then(|| {
        format!(
            "every link of {issuer} leads to port {there}, but this server listens on port {here}. Unless something forwards {there} to {here}, \
             start it with `--issuer {}` or with `--listen {}`",
            issuer.at_port(here),
            SocketAddr::new(address.ip(), there)
        )
    })
}

/// As many as the settings say, or as the system has files for.
fn connections_allowed(settings: &Settings) -> usize {
    let wanted = u64::from(settings.server.max_connections);
    let others = OTHER_FILES + 2 * u64::from(settings.database.pool_size);
    let allowed = match process::open_files(wanted + others) {
        Some(files) if files < wanted + others => {
            let allowed = files.saturating_sub(others).max(1);
            tracing::warn!(open_files = files, connections = allowed, "the system allows too few open files for server.max_connections: raise `ulimit -n`");
            allowed
        }
        _ => wanted,
    };
    usize::try_from(allowed).unwrap_or(usize::MAX).min(tokio::sync::Semaphore::MAX_PERMITS)
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Failure {
    Failure(match error.kind() {
        ErrorKind::AddrInUse => {
            format!("{address} is in use: stop the program that has it, or choose another port with --listen, `listen` in gatekey.toml or GATEKEY_LISTEN")
        }
        ErrorKind::PermissionDenied => format!("this user may not listen on {address}: choose a port above 1023 with --listen"),
        ErrorKind::AddrNotAvailable => format!("{address} is not an address of this machine: choose another with --listen, such as 0.0.0.0:{}", address.port()),
        _ => format!("cannot listen on {address} ({error}): choose another address with --listen"),
    })
}

/// Why the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// A service manager: there are clients to be told.
    InOrder,
    /// A person at the terminal, who waits.
    Now,
}

/// SIGTERM (a service manager) or SIGINT (Ctrl-C); listened for from the moment of the call.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = Stop>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => Stop::InOrder,
            _ = interrupt.recv() => Stop::Now,
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = Stop>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        Stop::Now
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_is_served_elsewhere_is_told() {
        let told = |issuer: &str, address: &str| elsewhere(&IssuerUrl::parse(issuer).unwrap(), address.parse().unwrap());
        let warning = told("http://localhost:8080/auth/", "127.0.0.1:9090").unwrap();
        for word in ["http://localhost:8080/auth/ leads", "port 9090", "`--issuer http://localhost:9090/auth/`", "`--listen 127.0.0.1:8080`"] {
            assert!(warning.contains(word), "`{word}` is not in: {warning}");
        }
        assert!(told("http://localhost/", "127.0.0.1:8080").unwrap().contains("port 80,"));
        assert_eq!(told("http://localhost:8080/", "127.0.0.1:8080"), None);
        assert_eq!(told("http://localhost/", "[::]:80"), None);
        assert_eq!(told("https://id.example.com/", "127.0.0.1:8080"), None, "a proxy is in front");
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_with_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = TcpListener::bind(address).await.unwrap_err();
        let Failure(message) = cannot_listen(address, &error);
        assert!(message.starts_with(&format!("{address} is in use")) && message.contains("--listen"), "{message}");
    }
}
