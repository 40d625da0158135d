//! A. Redirect URIs: matching, and what parsers make of an address (RFC 9700 §4.1.3, RFC 6749 §4.1.2.1).

use std::process::Command;

use gatekey::domain::client::{ClientKind, ClientMetadata};
use gatekey::domain::id::ClientId;
use gatekey::domain::redirect_uri::RedirectUri;
use gatekey::settings::Settings;
use gatekey::store::clients;
use poem::http::Method;
use url::Url;

use crate::support::app::{App, MACHINE, OWN_PAGE, PAGE, PASSWORD, client};
use crate::support::attack::{ask, error_page, session_cookie, state};
use crate::support::browser::{Browser, form_with};
use crate::support::database::{Database, each_database};
use crate::support::form::Field;
use crate::support::network::parameter;
use crate::support::relying_party::{RelyingParty, tokens};

each_database!(
    ru_01_every_mutant_is_an_error_page,
    ru_02_user_info_is_no_way_out,
    ru_03_backslashes_and_control_bytes,
    ru_04_paths_are_not_walked,
    ru_05_a_dot_is_a_dot,
    ru_06_a_prefix_is_not_enough,
    ru_07_only_the_port_of_a_loopback_address_is_free,
    ru_08_no_loopback_for_who_has_not_registered_it,
    ru_09_case_counts,
    ru_10_dangerous_schemes_are_not_registered,
    ru_11_no_fragment,
    ru_12_it_is_always_sent_and_never_learnt,
    ru_13_a_parameter_comes_once,
    ru_14_the_token_request_repeats_it,
    ru_15_the_consent_form_cannot_change_the_request,
    ru_16_no_cleartext,
    ru_17_look_alike_hosts,
    ru_18_no_wildcards,
);

const CALLBACK: &str = "https://rp.test/cb";

/// alice, signed in at an application of the operator's own.
struct Target {
    app: App,
    party: RelyingParty,
    browser: Browser,
}

impl Target {
    async fn with(database: Database, kind: ClientKind, registered: &[&str]) -> Self {
        let uris: Vec<_> = registered.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect();
        let change = |metadata: &mut ClientMetadata| {
            metadata.redirect_uris = uris;
            metadata.first_party = true;
        };
        let app = App::start_with(database, |settings| settings.clients.push(client("rp", kind, "https://rp.test", change))).await;
        let party = app.relying_party("rp");
        let mut browser = app.browser();
        app.sign_in(&mut browser, &party, "openid").await;
        Self { app, party, browser }
    }

    async fn confidential(database: Database) -> Self {
        Self::with(database, ClientKind::Web, &[CALLBACK]).await
    }

    /// E1 by every way into the endpoint.
    async fn refuses(&mut self, uri: &str) {
        for changes in [&[][..], &[("prompt", "none"), ("response_mode", "form_post")], &[("response_mode", "fragment"), ("prompt", "bogus")]] {
            let url = self.party.authorize("openid", &[changes, &[("redirect_uri", uri)]].concat());
            error_page(&ask(&mut self.browser, &url).await, uri);
            let body = url.query().unwrap().to_owned();
            let (name, value) = session_cookie(&self.browser);
            let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", &format!("{name}={value}"))];
            error_page(&self.app.network.send(Method::POST, &self.party.endpoint("authorize"), &headers, body).await, uri);
        }
    }

    async fn refuses_all<T: AsRef<str>>(&mut self, uris: &[T]) {
        let before = state(&self.app).await;
        for uri in uris {
            self.refuses(uri.as_ref()).await;
        }
        assert_eq!(state(&self.app).await, before, "nothing is done");
    }

    /// The whole way, through this redirect URI.
    async fn accepts(&mut self, uri: &str) {
        let party = RelyingParty { redirect_uri: uri.to_owned(), ..self.party.clone() };
        let before = state(&self.app).await;
        let response = self.app.authorize_as(&mut self.browser, &party.authorize("openid", &[]), "alice").await;
        party.exchange(&party.code(&response)).await;
        assert_eq!(state(&self.app).await.live_families, before.live_families + 1, "{uri}");
    }

    async fn accepts_only_the_registered<T: AsRef<str>>(&mut self, mutants: &[T]) {
        self.refuses_all(mutants).await;
        self.accepts(&self.party.redirect_uri.clone()).await;
    }
}

/// RFC 9700 §4.1.3, §2.1: one byte changed, left out or put in, at every offset.
async fn ru_01_every_mutant_is_an_error_page(database: Database) {
    let mut target = Target::confidential(database).await;
    let named = ["/cb/", "/CB", "/cb?x=1", "/cb?", "/cb;x", ":443/cb", "/cb%2f", "/%63b", "/cb#", "", "/"].map(|rest| format!("https://rp.test{rest}"));
    target.refuses_all(&named).await;
    let mut changed = vec![];
    for offset in 0..=CALLBACK.len() {
        let (before, rest) = CALLBACK.split_at(offset);
        let mut mutants: Vec<String> = ["/", ".", "%", "@", "\\", "a", "\0", "é"].iter().map(|other| format!("{before}{other}{rest}")).collect();
        if let Some(byte) = rest.bytes().next() {
            let after = &rest[1..];
            mutants.push(format!("{before}{after}"));
            mutants.extend([byte ^ 0x20, byte.wrapping_add(1), byte.wrapping_sub(1), b'*', b' '].map(|other| format!("{before}{}{after}", char::from(other))));
        }
        changed.extend(mutants.into_iter().filter(|uri| uri != CALLBACK));
    }
    target.accepts_only_the_registered(&changed).await;
}

async fn ru_02_user_info_is_no_way_out(database: Database) {
    let mut target = Target::confidential(database).await;
    let mutants = [
        "https://rp.test@evil.test/cb",
        "https://rp.test:x@evil.test/cb",
        "https://a@b@rp.test@evil.test/",
        "https://evil.test#@rp.test/cb",
        "https://evil.test?@rp.test/cb",
        "https://x@rp.test/cb",
        "https://@rp.test/cb",
        "http://localhost:80@evil.test/cb",
    ];
    target.accepts_only_the_registered(&mutants).await;
}

async fn ru_03_backslashes_and_control_bytes(database: Database) {
    let mut target = Target::confidential(database).await;
    let mut mutants = [
        "https://rp.test\\@evil.test",
        "https:/\\evil.test",
        "https:\\\\rp.test/cb",
        "//evil.test",
        "/\\evil.test",
        "\\/evil.test",
        "///evil.test",
        "https:/rp.test/cb",
        "https:rp.test/cb",
    ]
    .map(str::to_owned)
    .to_vec();
    for odd in ["\t", "\r", "\n", "\r\n", "\0", " ", "\u{b}", "\u{1b}", "\u{7f}", "\u{85}", "\u{a0}", "\u{2028}", "\u{feff}"] {
        mutants.extend([format!("{odd}{CALLBACK}"), format!("{CALLBACK}{odd}"), format!("https://rp.test/{odd}cb"), format!("java{odd}script:alert(1)")]);
        mutants.push(format!("{CALLBACK}{odd}Set-Cookie: a=b"));
    }
    target.accepts_only_the_registered(&mutants).await;
}

async fn ru_04_paths_are_not_walked(database: Database) {
    let mut target = Target::confidential(database).await;
    let mutants = ["/cb/../evil", "/cb/..;/evil", "/%2e%2e/evil", "/cb/%252e%252e/evil", "/cb//evil", "/x/../cb", "/./cb", "//cb", "/cb/.", "/cb/..", "/cb%00"]
        .map(|path| format!("https://rp.test{path}"));
    target.accepts_only_the_registered(&mutants).await;
}

async fn ru_05_a_dot_is_a_dot(database: Database) {
    let mut target = Target::with(database, ClientKind::Web, &["https://foo.example.test/cb"]).await;
    target.accepts_only_the_registered(&["https://fooXexample.test/cb", "https://foo-example.test/cb", "https://foo.exampleXtest/cb"]).await;
}

/// A bare origin is what a parser would write with a slash: still other bytes.
async fn ru_06_a_prefix_is_not_enough(database: Database) {
    let mut target = Target::with(database, ClientKind::Web, &["https://portal.test"]).await;
    let mutants = [
        "https://portal.test.evil.test/",
        "https://portal.test%2eevil.test",
        "https://portal.testevil",
        "https://portal.test:8443",
        "https://portal.test/",
        "https://portal.test?x",
        "https://portal.test.",
        "https://portal.tes",
    ];
    target.accepts_only_the_registered(&mutants).await;
}

/// RFC 8252 §7.3, RFC 9700 §4.1.3: (a) passes and nothing else.
async fn ru_07_only_the_port_of_a_loopback_address_is_free(database: Database) {
    let mut target = Target::with(database, ClientKind::Native, &["http://127.0.0.1/cb"]).await;
    target.accepts("http://127.0.0.1:49152/cb").await;
    target.accepts("http://127.0.0.1:1/cb").await;
    let mutants = [
        "http://127.0.0.1:49152/cb?x=1",
        "http://127.0.0.1/cb?x=1",
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152/cb/",
        "http://localhost/cb",
        "http://localhost:49152/cb",
        "http://[::1]/cb",
        "http://[::1]:49152/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:49152.evil.test/cb",
        "http://localhost.evil.test",
        "http://2130706433/cb",
        "http://0x7f.1/cb",
        "http://127.1/cb",
        "http://127.0.0.2/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:1:2/cb",
        "http://127.0.0.1:49152@evil.test/cb",
        "http://127.0.0.1@evil.test/cb",
        "http://127.0.0.1:49152\\@evil.test/cb",
        "https://127.0.0.1:49152/cb",
        "HTTP://127.0.0.1:49152/cb",
    ];
    target.accepts_only_the_registered(&mutants).await;
}

/// Neither for a client that registered no loopback address, nor for one that is not native.
async fn ru_08_no_loopback_for_who_has_not_registered_it(database: Database) {
    let mut target = Target::with(database, ClientKind::Spa, &["https://example.test/cb", "http://127.0.0.1:3000/dev"]).await;
    let mutants = [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:3000/cb",
        "http://[::1]/cb",
        "http://127.0.0.1:3001/dev",
        "http://127.0.0.1/dev",
        "http://localhost:3000/dev",
    ];
    target.accepts_only_the_registered(&mutants).await;
    target.accepts("http://127.0.0.1:3000/dev").await;
}

async fn ru_09_case_counts(database: Database) {
    let mut target = Target::confidential(database).await;
    target.accepts_only_the_registered(&["HTTPS://RP.TEST/cb", "https://RP.test/cb", "https://rp.test/cB", "httpS://rp.test/cb"]).await;
}

/// `gatekey client create …` beside the running issuer: whether it was done.
fn register(app: &App, id: &str, flag: &str, uri: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatekey"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
        command.env_remove(name);
    }
    command.current_dir(folder.path()).env("GATEKEY_ISSUER", &app.issuer).env("GATEKEY_DATABASE__URL", app.database.url());
    command.env("GATEKEY_MASTER_KEY", crate::support::app::MASTER_KEY);
    command.args(["client", "create", id, "--kind", "spa"]);
    // A sign-in client has a redirect URI; the one under attack may be of another kind.
    if flag != "--redirect-uri" {
        command.args(["--redirect-uri", "https://good.test/cb"]);
    }
    let answer = command.arg(format!("{flag}={uri}")).output().unwrap();
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(
        answer.status.success() || said.contains(" is ") || said.contains(" has ") || said.contains(" uses ") || said.contains(" carries "),
        "{uri}: {}: {said}",
        answer.status
    );
    answer.status.success()
}

/// Refused wherever a client is registered: on the command line and in the settings; nothing is stored.
async fn refuses_to_register(app: &App, uris: &[&str]) {
    let before = state(app).await;
    for uri in uris {
        for (flag, key) in [("--redirect-uri", "redirect_uris"), ("--post-logout-redirect-uri", "post_logout_redirect_uris")] {
            assert!(!register(app, "hostile", flag, uri), "{flag} {uri}");
            let good = if key == "redirect_uris" { "" } else { "redirect_uris = [\"https://good.test/cb\"]" };
            let text = |uri: &str| format!("[[clients]]\nid = \"x\"\nkind = \"spa\"\n{good}\n{key} = [{}]", serde_json::to_string(uri).unwrap());
            assert!(Settings::from_toml(&text(uri)).is_err(), "{key} {uri}");
            // The control.
            Settings::from_toml(&text("https://good.test/other")).unwrap();
        }
    }
    assert_eq!(state(app).await, before);
    let hostile = app.store.read(|db| clients::find(db, &ClientId::parse("hostile").unwrap())).await.unwrap();
    assert!(hostile.is_none());
    // The control.
    assert!(register(app, "good", "--redirect-uri", "https://good.test/cb"));
    assert_eq!(state(app).await.clients, before.clients + 1);
}

async fn ru_10_dangerous_schemes_are_not_registered(database: Database) {
    let app = App::start(database).await;
    let uris = [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://rp.test/x",
        "ftp://rp.test/cb",
        "about:blank",
    ];
    refuses_to_register(&app, &uris).await;
}

/// RFC 6749 §3.1.2.
async fn ru_11_no_fragment(database: Database) {
    let mut target = Target::confidential(database).await;
    refuses_to_register(&target.app, &["https://rp.test/cb#x", "https://rp.test/cb#", "com.example.app:/cb#x"]).await;
    target.accepts_only_the_registered(&["https://rp.test/cb#", "https://rp.test/cb#x", "https://rp.test/cb%23"]).await;
}

/// OIDC Core §3.1.2.1: it is required, however many are registered; the first one seen is not learnt.
async fn ru_12_it_is_always_sent_and_never_learnt(database: Database) {
    let two = [CALLBACK, "https://rp.test/second"];
    let mut target = Target::with(database, ClientKind::Web, &two).await;
    target.refuses("").await;
    target.accepts(two[1]).await;
    for client_id in [OWN_PAGE, MACHINE, "rp"] {
        let party = RelyingParty { client_id: client_id.to_owned(), ..target.party.clone() };
        error_page(&ask(&mut target.browser, &party.authorize("openid", &[("redirect_uri", "")])).await, client_id);
    }
    // A client with none: registered as a machine, or by a database from elsewhere.
    let none = ClientId::parse("rp").unwrap();
    let id = none.clone();
    target
        .app
        .write(move |db| {
            let mut client = clients::find(db, &id)?.unwrap();
            client.metadata.redirect_uris.clear();
            clients::upsert(db, &client)
        })
        .await;
    for client_id in [MACHINE, "rp"] {
        for uri in ["", CALLBACK, "https://evil.test/first", "https://evil.test/first"] {
            let party = RelyingParty { client_id: client_id.to_owned(), ..target.party.clone() };
            error_page(&ask(&mut target.browser, &party.authorize("openid", &[("redirect_uri", uri)])).await, client_id);
        }
    }
    let stored = target.app.store.read(move |db| clients::find(db, &none)).await.unwrap().unwrap();
    assert!(stored.metadata.redirect_uris.is_empty());
}

/// RFC 6749 §3.1, §3.2: never first-wins, never last-wins.
async fn ru_13_a_parameter_comes_once(database: Database) {
    let mut target = Target::confidential(database).await;
    let (party, app) = (target.party.clone(), &target.app);
    let good = party.authorize("openid", &[]);
    let query = good.query().unwrap();
    let before = state(app).await;
    for name in [
        "redirect_uri",
        "client_id",
        "scope",
        "response_type",
        "state",
        "nonce",
        "prompt",
        "code_challenge",
        "code_challenge_method",
        "request_uri",
        "id_token_hint",
    ] {
        for other in ["https%3A%2F%2Fevil.test%2F", "openid", "rp"] {
            for polluted in
                [format!("{name}={other}&{name}={other}&{query}"), format!("{query}&{name}={other}&{name}={other}"), format!("{query}&{name}={other}&{query}")]
            {
                let url = Url::parse(&format!("{}?{polluted}", party.endpoint("authorize"))).unwrap();
                error_page(&ask(&mut target.browser, &url).await, &polluted);
                let headers = [("content-type", "application/x-www-form-urlencoded")];
                error_page(&app.network.send(Method::POST, &party.endpoint("authorize"), &headers, polluted.as_str()).await, &polluted);
            }
        }
        // The same name once in the query and once in the body.
        let url = format!("{}?{name}=x", party.endpoint("authorize"));
        error_page(&app.network.send(Method::POST, &url, &[("content-type", "application/x-www-form-urlencoded")], query).await, name);
    }
    // What frameworks take for the same name is another name here: the right one is missing, or stands alone.
    let evil = "https%3A%2F%2Fevil.test%2F";
    for spelling in [
        format!("redirect_uri%5B%5D={evil}"),
        format!("redirect_uri[]={evil}"),
        format!("x=1;redirect_uri={evil}"),
        format!("Redirect_URI={evil}"),
        format!("%20redirect_uri={evil}"),
    ] {
        let without = party.authorize("openid", &[("redirect_uri", "")]);
        let url = Url::parse(&format!("{without}&{spelling}")).unwrap();
        error_page(&ask(&mut target.browser, &url).await, &spelling);
        let beside = Url::parse(&format!("{good}&{spelling}")).unwrap();
        let landing = ask(&mut target.browser, &beside).await.location().unwrap();
        assert!(!party.code(&landing).is_empty(), "{spelling}: it went to the registered one");
    }
    assert_eq!(state(app).await, before);

    // The token endpoint.
    let code = party.code(&app.silently(&mut target.browser, &party, "openid", &[]).await);
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", &party.verifier)];
    for (name, value) in fields {
        for second in [value, "https://evil.test/"] {
            for twice in [[&fields[..], &[(name, second)]].concat(), [&[(name, second)], &fields[..]].concat()] {
                let answer = party.post("oauth/token", &twice).await;
                assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"), "{name}");
            }
        }
    }
    assert_eq!(state(app).await, before);
    // The control: none of it spent the code.
    tokens(&party.post("oauth/token", &fields).await);
}

/// RFC 6749 §4.1.3: another one, or none, burns the code.
async fn ru_14_the_token_request_repeats_it(database: Database) {
    let mut target = Target::with(database, ClientKind::Web, &[CALLBACK, "https://rp.test/second"]).await;
    for wrong in ["https://rp.test/second", "https://evil.test/", "https://rp.test/cb/", "HTTPS://rp.test/cb", ""] {
        let before = state(&target.app).await;
        let code = target.party.code(&target.app.silently(&mut target.browser, &target.party, "openid", &[]).await);
        let party = RelyingParty { redirect_uri: wrong.to_owned(), ..target.party.clone() };
        for attempt in [&party, &target.party] {
            let answer = attempt.try_exchange(&code).await;
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_grant"), "{wrong}");
        }
        let after = state(&target.app).await;
        assert_eq!((after.codes, after.live_codes, after.families), (before.codes + 1, before.live_codes, before.families), "{wrong}");
    }
    target.accepts(CALLBACK).await;
}

/// What the form says beside yes or no is not heard.
async fn ru_15_the_consent_form_cannot_change_the_request(database: Database) {
    let app = App::start(database).await;
    let party = app.relying_party(PAGE);
    let mut browser = app.browser();
    let page = app.sign_in_page(&mut browser, &party).await;
    let mut sign_in = form_with(&page, "password").fill("username", "alice").fill("password", PASSWORD);
    let hostile = [
        ("redirect_uri", "https://evil.test/"),
        ("client_id", OWN_PAGE),
        ("scope", "openid email offline_access admin"),
        ("response_mode", "form_post"),
        ("state", "evil"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("consent_given", "true"),
        ("username_hint", "bobby"),
    ];
    let add = |form: &mut crate::support::form::Form| {
        for (name, value) in hostile {
            form.fields.push(Field { name: name.to_owned(), value: value.to_owned(), kind: "hidden".to_owned() });
        }
    };
    add(&mut sign_in);
    let page = browser.submit(&sign_in, None).await.page();
    let mut consent = form_with(&page, "decision");
    add(&mut consent);
    let response = browser.submit(&consent, Some("allow")).await.left();
    assert!(response.as_str().starts_with("https://app.example.test/callback?"), "{response}");
    assert_eq!(parameter(&response, "state").as_deref(), Some(party.state.as_str()));
    let granted = party.exchange(&party.code(&response)).await;
    assert_eq!(granted.json["scope"], "openid");
    let after = state(&app).await;
    assert_eq!((after.consents, after.allowed), (1, 6), "openid, and for this client only");
    assert_eq!(party.error(&app.silently(&mut browser, &party, "openid email", &[]).await), "consent_required");
}

/// RFC 9700 §2.6.
async fn ru_16_no_cleartext(database: Database) {
    let app = App::start(database).await;
    let uris =
        ["http://rp.test/cb", "http://127.0.0.1.evil.test/cb", "http://localhost.evil.test/cb", "http://0.0.0.0/cb", "http://10.0.0.1/cb", "ws://rp.test/cb"];
    refuses_to_register(&app, &uris).await;
    for (id, loopback) in [("four", "http://127.0.0.1:3000/cb"), ("six", "http://[::1]:3000/cb"), ("name", "http://localhost:3000/cb")] {
        assert!(register(&app, id, "--redirect-uri", loopback), "{loopback}");
    }
}

async fn ru_17_look_alike_hosts(database: Database) {
    let mut target = Target::with(database, ClientKind::Web, &["https://example.test/cb"]).await;
    let mutants = [
        "https://xn--example-.test/cb",
        "https://\u{ff45}xample.test/cb",
        "https://ex\u{ad}ample.test/cb",
        "https://example\u{3002}test/cb",
        "https://example.test./cb",
        "https://example.test.xn--/cb",
        "https://xn--example.test/cb",
        "https://\u{435}xample.test/cb",
        "https://EXAMPLE.test/cb",
    ];
    target.accepts_only_the_registered(&mutants).await;
    refuses_to_register(&target.app, &["https://\u{ff45}xample.test/cb", "https://ex\u{ad}ample.test/cb", "https://EXAMPLE.test/cb"]).await;
}

async fn ru_18_no_wildcards(database: Database) {
    let mut target = Target::confidential(database).await;
    refuses_to_register(&target.app, &["*", "https://*.rp.test/cb", "https://rp.test/*", "https://rp.test/cb?x=*", "com.example.*:/cb"]).await;
    target.accepts_only_the_registered(&["*", "https://*.test/cb", "https://rp.test/*"]).await;
}
