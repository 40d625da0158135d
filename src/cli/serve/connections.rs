//! Accepts connections and serves HTTP/1.1 on them, with a bound on how many there are and on how long each may dawdle.
//!
//! hyper reads the requests: poem's own server sets no time for the head of one, so that a stranger who sends a byte now and then
//! would hold a connection for ever; nor for taking its answer (`impatient.rs`). HTTP/2 is for the proxy in front, which brings TLS too; without it there are no streams to flood.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use poem::Response;
use poem::endpoint::{BoxEndpoint, DynEndpoint};
use poem::http::uri::Scheme;
use poem::http::{self, StatusCode, header};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::impatient::Impatient;

/// A request line of 64 KiB, hyper's own limit, and as much of headers.
const LONGEST_HEAD: usize = 128 * 1024;
/// Connections beyond the limit that are told so at once; more than these are closed without a word.
const REFUSED_AT_ONCE: usize = 64;
/// How long one of them may take to ask.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Connections {
    pub listener: TcpListener,
    /// At once.
    pub most: usize,
    /// For the head of a request, for being idle, and for taking an answer.
    pub request_timeout: Duration,
}

impl Connections {
    /// Serves until `stop`; then takes no more and ends when what is under way has been answered.
    pub async fn serve(self, endpoint: BoxEndpoint<'static, Response>, stop: impl Future<Output = ()>) {
        let endpoint: Arc<dyn DynEndpoint<Output = Response>> = endpoint.into();
        let (places, refusals) = (Arc::new(Semaphore::new(self.most)), Arc::new(Semaphore::new(REFUSED_AT_ONCE)));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.request_timeout).max_buf_size(LONGEST_HEAD);
        let graceful = GracefulShutdown::new();
        let mut warned_at: Option<Instant> = None;
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener) => accepted,
            };
            let (stream, local, remote) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors: asking again at once would do nothing else.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if let Ok(place) = places.clone().try_acquire_owned() {
                let endpoint = endpoint.clone();
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let endpoint = endpoint.clone();
                    let request = (request, LocalAddr(local.into()), RemoteAddr(remote.into()), Scheme::HTTP);
                    // By the trait object itself: through `Endpoint` the request would be carried from one future into the next, five times.
                    async move {
                        let answer = DynEndpoint::call(&*endpoint, request.into()).await;
                        Ok::<http::Response<_>, Infallible>(answer.unwrap_or_else(poem::Error::into_response).into())
                    }
                });
                let connection = graceful.watch(http.serve_connection(TokioIo::new(Impatient::new(stream, self.request_timeout)), service));
                tokio::spawn(async move {
                    // An error here is the other side's: it went away, or was too slow.
                    let _ = connection.await;
                    drop(place);
                });
                continue;
            }
            if warned_at.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
                warned_at = Some(Instant::now());
                tracing::warn!(event = "server.full", connections = self.most, "as many connections as server.max_connections allows: more are refused");
            }
            if let Ok(place) = refusals.clone().try_acquire_owned() {
                let mut brief = http.clone();
                let connection = brief
                    .header_read_timeout(REFUSED_WITHIN)
                    .serve_connection(TokioIo::new(stream), service_fn(async |_: http::Request<Incoming>| Ok::<http::Response<_>, Infallible>(full().into())));
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(REFUSED_WITHIN, connection).await;
                    drop(place);
                });
            }
        }
        drop(self.listener);
        graceful.shutdown().await;
    }
}

/// With TCP_NODELAY: an answer in two writes would wait for the other side's delayed acknowledgement, some 40 ms.
async fn accept(listener: &TcpListener) -> std::io::Result<(TcpStream, SocketAddr, SocketAddr)> {
    let (stream, remote) = listener.accept().await?;
    let local = stream.local_addr()?;
    stream.set_nodelay(true)?;
    Ok((stream, local, remote))
}

/// Plain text, as every overload: client libraries drop a refresh token on a JSON error.
fn full() -> Response {
    Response::builder()
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .header(header::RETRY_AFTER, "1")
        .header(header::CONNECTION, "close")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body("There are too many connections. Try again in a second.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_connections_do_not_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), accept(&listener));
        let (stream, local, _) = accepted.unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(local, address);
        drop(client.unwrap());
    }
}
