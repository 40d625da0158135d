//! The requests that this server makes itself. All of them go through here: the only layer that opens a connection to another server
//! than the database's.
//!
//! 1. The name is resolved once, and each address is judged ([`Reach`]).
//! 2. The connection is made to an address that was judged, so that no second look at the name can lead elsewhere.
//! 3. TLS checks the name.
//! 4. One request is written, and the head of its answer read. No redirect is followed, no proxy asked, no cookie kept; the body of the
//!    answer to a form is not read at all.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Body;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request, header};
use hyper_util::rt::TokioIo;
use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslMethod, SslVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use url::{Host, Url};

use crate::protocol::reach::Reach;

/// For all of it: name, connection, TLS, answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The head of an answer; hyper asks for this much at least.
const LONGEST_HEAD: usize = 8 * 1024;
/// Of a document that is read; more is cut off.
const LONGEST_BODY: usize = 64 * 1024;

pub struct Outbound {
    /// With the certificates of the system it is a MiB, and many servers never make a request: made for the first one, unless a file has to be
    /// read, which is refused at the start.
    tls: OnceLock<SslConnector>,
    reach: Reach,
}

/// Why nothing was delivered. None of it repeats what the other side said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    #[error("`{0}` is no address to send to")]
    NoUrl(String),
    #[error("plain http is for development only, where the issuer is http on this machine too: register an https address")]
    Cleartext,
    #[error("`{0}` has no address: its name was not found")]
    NoName(String),
    #[error("`{host}` has the address {address}, which is not a public one: if it is yours, list it in `allow_networks` of [logout]")]
    NotAllowed { host: String, address: IpAddr },
    #[error("no connection to `{host}`: {why}")]
    NoConnection { host: String, why: io::ErrorKind },
    #[error("no TLS with `{host}`: {why}")]
    NoTls { host: String, why: String },
    #[error("`{0}` did not answer within {s} seconds", s = PATIENCE.as_secs())]
    TimedOut(String),
    /// The same, of somebody who took the connection.
    #[error("`{0}` did not answer within {s} seconds", s = PATIENCE.as_secs())]
    Silent(String),
    #[error("`{0}` did not answer in HTTP")]
    NoHttp(String),
}

/// Why there can be no requests.
#[derive(Debug, thiserror::Error)]
pub enum NoTls {
    #[error("the certificates of `{file}` cannot be read ({error}): name a file of PEM certificates in `ca_file` of [logout]")]
    File { file: String, error: String },
    #[error("TLS cannot be used: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// An answer, whatever it says.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    headers: HeaderMap,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn connector(ca_file: Option<&Path>) -> Result<SslConnector, NoTls> {
    let mut tls = SslConnector::builder(SslMethod::tls_client())?;
    tls.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    // A vendored OpenSSL does not know where the system keeps its certificates. Those that cannot be read are none: nothing is then trusted.
    let system = openssl_probe::probe();
    if let Some(file) = &system.cert_file {
        let _ = tls.load_verify_locations(Some(file), None);
    }
    for folder in &system.cert_dir {
        let _ = tls.load_verify_locations(None, Some(folder));
    }
    if let Some(file) = ca_file {
        tls.set_ca_file(file).map_err(|error| NoTls::File { file: file.display().to_string(), error: said(&error) })?;
    }
    Ok(tls.build())
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

impl Outbound {
    /// `ca_file`: certificates that are trusted besides those of the system.
    pub fn new(reach: Reach, ca_file: Option<&Path>) -> Result<Self, NoTls> {
        let tls = ca_file.map(|file| connector(Some(file))).transpose()?;
        Ok(Self { tls: tls.map_or_else(OnceLock::new, OnceLock::from), reach })
    }

    fn tls(&self) -> Result<&SslConnector, NoTls> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let made = connector(None)?;
        // Of two first requests one makes it in vain.
        Ok(self.tls.get_or_init(|| made))
    }

    /// Posts a form. The status of the answer, whatever it is.
    pub async fn post_form(&self, url: &str, form: String) -> Result<u16, Undelivered> {
        Ok(self.ask(url, Method::POST, Some(form)).await?.status)
    }

    /// Reads a document.
    pub async fn get(&self, url: &str) -> Result<Answer, Undelivered> {
        self.ask(url, Method::GET, None).await
    }

    async fn ask(&self, url: &str, method: Method, form: Option<String>) -> Result<Answer, Undelivered> {
        let url = Url::parse(url).map_err(|_| Undelivered::NoUrl(url.to_owned()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let connected = AtomicBool::new(false);
        match tokio::time::timeout(PATIENCE, self.exchange(&url, method, form, &connected)).await {
            Ok(answer) => answer,
            Err(_) if connected.load(Ordering::Relaxed) => Err(Undelivered::Silent(host)),
            Err(_) => Err(Undelivered::TimedOut(host)),
        }
    }

    async fn exchange(&self, url: &Url, method: Method, form: Option<String>, connected: &AtomicBool) -> Result<Answer, Undelivered> {
        let no_url = || Undelivered::NoUrl(url.to_string());
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return Err(no_url()) };
        let tls = match url.scheme() {
            "https" => true,
            "http" if self.reach.development => false,
            _ => return Err(Undelivered::Cleartext),
        };
        let shown = host.to_string();
        let tcp = self.connect(&host, port).await?;
        connected.store(true, Ordering::Relaxed);
        let stream: Pin<Box<dyn Stream>> = if tls { Box::pin(self.secure(&host, tcp).await?) } else { Box::pin(tcp) };

        let no_http = |_: hyper::Error| Undelivered::NoHttp(shown.clone());
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, concat!("Gatekey/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close");
        let longest = if form.is_some() { 0 } else { LONGEST_BODY };
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(form.unwrap_or_default()).map_err(|_| no_url())?;
        let (mut sender, connection) = http1::Builder::new().max_buf_size(LONGEST_HEAD).handshake(TokioIo::new(stream)).await.map_err(no_http)?;
        let mut answer = pin!(async {
            let mut answer = sender.send_request(request).await?;
            let mut body = Vec::new();
            while body.len() < longest {
                let Some(frame) = poll_fn(|context| Pin::new(answer.body_mut()).poll_frame(context)).await else { break };
                if let Ok(part) = frame?.into_data() {
                    body.extend_from_slice(&part);
                }
            }
            Ok(Answer { status: answer.status().as_u16(), body, headers: std::mem::take(answer.headers_mut()) })
        });
        let answer = tokio::select! {
            answer = &mut answer => answer,
            // It may have ended with the answer.
            _ = connection => answer.await,
        };
        answer.map_err(no_http)
    }

    async fn connect(&self, host: &Host<&str>, port: u16) -> Result<TcpStream, Undelivered> {
        let addresses: Vec<SocketAddr> = match host {
            Host::Ipv4(ip) => vec![SocketAddr::new(IpAddr::V4(*ip), port)],
            Host::Ipv6(ip) => vec![SocketAddr::new(IpAddr::V6(*ip), port)],
            Host::Domain(name) => match tokio::net::lookup_host((*name, port)).await {
                Ok(addresses) => addresses.collect(),
                Err(_) => Vec::new(),
            },
        };
        let Some(first) = addresses.first() else { return Err(Undelivered::NoName(host.to_string())) };
        let mut failure = Undelivered::NotAllowed { host: host.to_string(), address: first.ip() };
        for address in addresses.iter().filter(|address| self.reach.allows(address.ip())) {
            match tokio::time::timeout(PATIENCE / 2, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = Undelivered::NoConnection { host: host.to_string(), why: error.kind() },
                Err(_) => failure = Undelivered::NoConnection { host: host.to_string(), why: io::ErrorKind::TimedOut },
            }
        }
        Err(failure)
    }

    async fn secure(&self, host: &Host<&str>, tcp: TcpStream) -> Result<SslStream<TcpStream>, Undelivered> {
        let failed = |why: String| Undelivered::NoTls { host: host.to_string(), why };
        // As certificates have it: an IPv6 address without brackets.
        let name = match host {
            Host::Domain(name) => (*name).to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let connector = self.tls().map_err(|error| failed(error.to_string()))?;
        let ssl = connector.configure().and_then(|tls| tls.into_ssl(&name)).map_err(|error| failed(said(&error)))?;
        let mut stream = SslStream::new(ssl, tcp).map_err(|error| failed(said(&error)))?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            let certificate = stream.ssl().verify_result();
            let why = match error.ssl_error() {
                _ if certificate != openssl::x509::X509VerifyResult::OK => format!("its certificate is not trusted ({})", certificate.error_string()),
                Some(error) => said(error),
                None => "the connection was closed".to_owned(),
            };
            return Err(failed(why));
        }
        Ok(stream)
    }
}

/// OpenSSL's own words for its first error.
fn said(error: &ErrorStack) -> String {
    error.errors().first().and_then(|error| error.reason()).unwrap_or("OpenSSL failed").to_owned()
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("reach", &self.reach).finish_non_exhaustive()
    }
}
