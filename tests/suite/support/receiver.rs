//! An application's server: a real one, on a port of this machine, over TLS unless told otherwise. It writes down what it hears and answers as told.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

/// What it answers to one request.
#[derive(Debug, Clone)]
pub enum Answers {
    Status(u16),
    /// A whole head, as it is.
    Head(String),
    /// Nothing, and keeps the connection.
    Silence,
    /// A correct head, one byte in a tenth of a second.
    Drip,
    /// A correct head, and a body without end.
    Flood,
    /// A head without end.
    Headers,
}

#[derive(Debug, Clone)]
pub struct Heard {
    /// `POST /logout HTTP/1.1`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The logout token of the form, which has nothing else.
    pub fn logout_token(&self) -> String {
        assert!(self.line.starts_with("POST "), "{}", self.line);
        assert_eq!(self.header("content-type"), Some("application/x-www-form-urlencoded"));
        let fields: Vec<(String, String)> = form_urlencoded::parse(self.body.as_bytes()).into_owned().collect();
        let [(name, token)] = &fields[..] else { panic!("one field: {fields:?}") };
        assert_eq!(name, "logout_token");
        token.clone()
    }
}

#[derive(Default)]
struct State {
    heard: Mutex<Vec<Heard>>,
    answers: Mutex<VecDeque<Answers>>,
    /// For all that nothing is told for.
    always: Mutex<Option<Answers>>,
    connections: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    stopped: AtomicBool,
}

pub struct Receiver {
    pub port: u16,
    tls: bool,
    state: Arc<State>,
}

/// Both sides of a certificate for this machine's names, made once for all tests.
struct Identity {
    key: PKey<Private>,
    certificate: X509,
    _folder: tempfile::TempDir,
    file: PathBuf,
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "An application of the tests").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        let names = SubjectAlternativeName::new().dns("localhost").ip("127.0.0.1").build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let certificate = builder.build();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, certificate.to_pem().unwrap()).unwrap();
        Identity { key, certificate, _folder: folder, file }
    })
}

/// The certificate that applications of the tests are known by.
pub fn ca_file() -> &'static Path {
    &identity().file
}

impl Receiver {
    pub fn start() -> Self {
        Self::listen("127.0.0.1", true)
    }

    /// Without TLS, as in development.
    pub fn plain() -> Self {
        Self::listen("127.0.0.1", false)
    }

    /// On another address of this machine.
    pub fn listen(address: &str, tls: bool) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let acceptor = tls.then(|| {
            let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
            acceptor.set_private_key(&identity().key).unwrap();
            acceptor.set_certificate(&identity().certificate).unwrap();
            Arc::new(acceptor.build())
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), state, acceptor) = (stream, shared.clone(), acceptor.clone()) else { continue };
                std::thread::spawn(move || {
                    state.connections.fetch_add(1, Ordering::Relaxed);
                    let now = state.at_once.fetch_add(1, Ordering::Relaxed) + 1;
                    state.most_at_once.fetch_max(now, Ordering::Relaxed);
                    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    match acceptor {
                        // A caller that does not trust the certificate goes away.
                        Some(acceptor) => drop(acceptor.accept(stream).map(|stream| state.answer(stream))),
                        None => state.answer(stream),
                    }
                    state.at_once.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { port, tls, state }
    }

    /// An address of it, by the name that its certificate has.
    pub fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", if self.tls { "https" } else { "http" }, self.port)
    }

    /// The answers to the next requests, one each; then 200.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answers>) {
        self.state.answers.lock().unwrap().extend(answers);
    }

    /// The answer to everything from now on.
    pub fn always(&self, answer: Answers) {
        *self.state.always.lock().unwrap() = Some(answer);
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.state.heard.lock().unwrap().clone()
    }

    /// What it heard since it was last asked.
    pub fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut self.state.heard.lock().unwrap())
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// How many connections there were at one time, at most.
    pub fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::Relaxed)
    }

    /// Waits until it has heard so many; for what happens in the background.
    pub fn wait_for(&self, count: usize) -> Vec<Heard> {
        let deadline = Instant::now() + super::served::PATIENCE;
        while self.heard().len() < count {
            assert!(Instant::now() < deadline, "it heard {} of {count}", self.heard().len());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.heard()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn answer(&self, mut stream: impl Read + Write) {
        let Some(heard) = read(&mut stream) else { return };
        self.heard.lock().unwrap().push(heard);
        let told = self.answers.lock().unwrap().pop_front();
        let answer = told.or_else(|| self.always.lock().unwrap().clone()).unwrap_or(Answers::Status(200));
        let _ = self.write(&mut stream, &answer);
    }

    /// Until the caller has had enough.
    fn write(&self, stream: &mut impl Write, answer: &Answers) -> std::io::Result<()> {
        let go_on = || !self.stopped.load(Ordering::Relaxed);
        match answer {
            Answers::Status(status) => stream.write_all(format!("HTTP/1.1 {status} x\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n").as_bytes())?,
            Answers::Head(head) => stream.write_all(head.as_bytes())?,
            Answers::Silence => {
                while go_on() {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            Answers::Drip => {
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".iter().cycle().take_while(|_| go_on()) {
                    stream.write_all(&[*byte])?;
                    stream.flush()?;
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            Answers::Flood => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                while go_on() {
                    stream.write_all(format!("10000\r\n{}\r\n", "x".repeat(0x10000)).as_bytes())?;
                }
            }
            Answers::Headers => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
                while go_on() {
                    stream.write_all(format!("X-Filler: {}\r\n", "x".repeat(1000)).as_bytes())?;
                }
            }
        }
        stream.flush()
    }
}

/// A whole request; `None`: the caller went away, or says no HTTP.
fn read(stream: &mut impl Read) -> Option<Heard> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = std::str::from_utf8(&bytes[..end]).ok()?;
            let mut lines = head.split("\r\n");
            let line = lines.next()?.to_owned();
            let headers: Vec<(String, String)> =
                lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
            let length = headers.iter().find(|(name, _)| name == "content-length").map_or(Some(0), |(_, length)| length.parse().ok())?;
            if let Some(body) = bytes.get(end + 4..end + 4 + length) {
                return Some(Heard { line, headers, body: String::from_utf8(body.to_vec()).ok()? });
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}
