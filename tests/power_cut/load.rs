//! The server under load, and what it acknowledged: each with the length that the record had when the answer was here. Whatever the
//! answer promises must have been flushed before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatekey::domain::id::GrantId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::http::{Answer, Http, form};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "https://app.example.test/callback";
const PASSWORD: &str = "correct horse battery staple";
const PEOPLE: usize = 8;

/// What an answer said has been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Redeemed(GrantId),
    Rotated(GrantId, u64),
    Revoked(GrantId),
    /// The session of this grant.
    SignedOut(GrantId),
}

#[derive(Debug, Clone, Copy)]
pub struct Acknowledged {
    /// How long the record was when the answer had come.
    pub at: usize,
    pub done: Done,
}

/// Where everything of one run is.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub address: String,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("disk")).unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let place = Self { folder, address };
        fs::write(place.path("gatekey.toml"), place.settings()).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
            .arg(place.path("recorder.so"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power_cut/recorder.c"))
            .arg("-ldl")
            .status();
        assert!(built.expect("cc, the C compiler").success());
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> String {
        // Cheap to check: it is not what is tested here.
        let params = argon2::Params::new(64, 1, 1, None).unwrap();
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"salt of the tests").unwrap().to_string();
        let people = (0..PEOPLE).map(|i| format!("[[users]]\nusername = \"person{i}\"\npassword_hash = \"{hash}\"\n")).collect::<String>();
        format!(
            "issuer = \"http://localhost/\"\nlisten = \"{}\"\nmaster_key_file = \"{}\"\n[database]\nurl = \"sqlite://{}\"\n[log]\nlevel = \"error\"\n\
             [[clients]]\nid = \"app\"\nname = \"App\"\nkind = \"spa\"\nfirst_party = true\nredirect_uris = [\"{CALLBACK}\"]\n{people}",
            self.address,
            self.path("disk/gatekey.key").display(),
            self.path("disk/gatekey.db").display(),
        )
    }

    /// Runs the real program for a while under load, then ends it without warning. Answers what it acknowledged.
    pub fn run(&self, length: Duration) -> Vec<Acknowledged> {
        let server = Server::start(self);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let people: Vec<_> = (0..PEOPLE)
                .map(|i| {
                    scope.spawn({
                        let stop = &stop;
                        move || Person { place: self, http: Http::connect(&self.address).unwrap(), name: format!("person{i}"), acknowledged: vec![] }.work(stop)
                    })
                })
                .collect();
            std::thread::sleep(length);
            drop(server);
            stop.store(true, Ordering::Relaxed);
            people.into_iter().flat_map(|person| person.join().unwrap()).collect()
        })
    }
}

struct Server(Child);

impl Server {
    fn start(place: &Place) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatekey"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
            command.env_remove(name);
        }
        command
            .args(["serve", "--config"])
            .arg(place.path("gatekey.toml"))
            .current_dir(place.folder.path())
            .env("LD_PRELOAD", place.path("recorder.so"))
            .env("POWER_CUT_DIRECTORY", place.path("disk"))
            .env("POWER_CUT_LOG", place.path("record"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let server = Self(command.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        while Http::connect(&place.address).and_then(|mut http| http.get("/readyz", "")).is_err() {
            assert!(Instant::now() < deadline, "the server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Person<'a> {
    place: &'a Place,
    http: Http,
    name: String,
    acknowledged: Vec<Acknowledged>,
}

/// Signed in, with the newest refresh token of one grant.
struct Signed {
    cookie: String,
    id_token: String,
    refresh_token: String,
}

/// What a refresh token says of itself: family and generation.
fn read(token: &str) -> (GrantId, u64) {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("gk_rt_").unwrap()).unwrap();
    (GrantId(Uuid::from_slice(&bytes[4..20]).unwrap()), u64::from_be_bytes(bytes[20..28].try_into().unwrap()))
}

impl Person<'_> {
    /// Until the server is gone: then an answer does not come.
    fn work(mut self, stop: &AtomicBool) -> Vec<Acknowledged> {
        let ended = loop {
            if let Err(ended) = self.round() {
                break ended;
            }
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        while !stop.load(Ordering::Relaxed) {
            assert!(Instant::now() < deadline, "{}: {ended}, though the server was not ended", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
        self.acknowledged
    }

    /// A sign-in, renewals of every kind, a revocation, and a logout.
    fn round(&mut self) -> std::io::Result<()> {
        let mut signed = self.sign_in()?;
        for turn in 1..=40 {
            let answer =
                self.http.post("/oauth/token", "", &[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &signed.refresh_token)])?;
            signed.refresh_token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
            let (grant, generation) = read(&signed.refresh_token);
            self.acknowledge(Done::Rotated(grant, generation));
            if turn % 8 == 0 {
                let revoked = self.http.post("/oauth/revoke", "", &[("client_id", "app"), ("token", &signed.refresh_token)])?;
                assert_eq!(revoked.status, 200, "{}", revoked.body);
                self.acknowledge(Done::Revoked(grant));
                let answer = self.http.get(&authorize("none"), &signed.cookie)?;
                (signed.id_token, signed.refresh_token) = self.redeem(&answer)?;
            }
        }
        let (grant, _) = read(&signed.refresh_token);
        let logout = self.http.get(&format!("/oidc/logout?{}", form(&[("id_token_hint", &signed.id_token)])), &signed.cookie)?;
        assert_eq!(logout.status, 200, "{}", logout.body);
        self.acknowledge(Done::SignedOut(grant));
        Ok(())
    }

    fn acknowledge(&mut self, done: Done) {
        let at = usize::try_from(fs::metadata(self.place.path("record")).unwrap().len()).unwrap();
        self.acknowledged.push(Acknowledged { at, done });
    }

    fn sign_in(&mut self) -> std::io::Result<Signed> {
        let begun = self.http.get(&authorize(""), "")?;
        let page = self.http.get(begun.location(), &begun.cookies())?;
        let fields = [("csrf", page.hidden("csrf")), ("ticket", page.hidden("ticket")), ("username", &self.name), ("password", PASSWORD)];
        let signed = self.http.post("/login", &begun.cookies(), &fields)?;
        assert_eq!(signed.status, 303, "{}", signed.body);
        let cookie = format!("{}; {}", begun.cookies(), signed.cookies());
        let (id_token, refresh_token) = self.redeem(&signed)?;
        Ok(Signed { cookie, id_token, refresh_token })
    }

    fn redeem(&mut self, response: &Answer) -> std::io::Result<(String, String)> {
        let fields =
            [("grant_type", "authorization_code"), ("client_id", "app"), ("code", &response.code()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
        let tokens = self.http.post("/oauth/token", "", &fields)?.json();
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        let refresh_token = text("refresh_token");
        self.acknowledge(Done::Redeemed(read(&refresh_token).0));
        Ok((text("id_token"), refresh_token))
    }
}

fn authorize(prompt: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut pairs = vec![
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "s"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    if !prompt.is_empty() {
        pairs.push(("prompt", prompt));
    }
    format!("/authorize?{}", form(&pairs))
}

/// The settings of the run, with database and master key in another folder.
pub fn settings_in(place: &Place, disk: &Path) -> gatekey::Settings {
    let text = place.settings().replace(&place.path("disk").display().to_string(), &disk.display().to_string());
    let file = disk.with_extension("toml");
    fs::write(&file, text).unwrap();
    // Without the environment, which is that of the tests.
    gatekey::Settings::load_from(Some(&file), [], Default::default()).unwrap()
}
