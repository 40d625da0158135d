//! The commands that say who somebody is and how an application knows them, run as the program they are.

use std::process::{Command, Output, Stdio};

use gatekey::domain::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::support::database::{Backend, Database};

/// A folder with a database and a key of its own.
pub struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gatekey.toml"), "issuer = \"http://localhost:8080/\"\n").unwrap();
        Self(folder)
    }

    /// What runs sees none of the tests' own variables, which look like settings.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatekey"));
        command.args(arguments).current_dir(self.0.path()).env_remove("RUST_LOG").stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEKEY_")) {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    pub fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it warns of, though it was done.
    pub fn warns(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(arguments)).unwrap()
    }

    /// One line on standard error that says what to do.
    pub fn refuses(&self, arguments: &[&str], expected: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    }
}

/// A database that is named and then not used would be looked for in vain.
#[test]
fn the_demo_takes_no_database() {
    Place::new().refuses(&["demo", "--database", "sqlite://demo.db"], "`--data DIRECTORY` keeps it");
    Place::new().refuses(&["demo", "--config", "gatekey.toml"], "reads no file");
    Place::new().refuses(&["demo", "--app-port", "8080"], "`--issuer-port` and `--app-port` are both 8080");
}

#[test]
fn a_profile_is_set_changed_and_shown() {
    let place = Place::new();
    let create = ["user", "create", "alice", "--no-password", "--json", "--name", "Alice Example", "--email", "alice@example.com", "--email-verified"];
    let more = ["--phone-number", "+14155550123", "--birthdate", "0000-12-31", "--zoneinfo", "Europe/Vienna", "--address-country", "Austria"];
    let created = place.json(&[&create[..], &more].concat());
    assert_eq!(
        (&created["email_verified"], &created["phone_number"], &created["phone_number_verified"]),
        (&json!(true), &json!("+14155550123"), &json!(false))
    );

    place.says(&["user", "update", "alice", "--address-locality", "Vienna", "--zoneinfo", "", "--phone-number-verified", "--locale", "de-AT"]);
    let shown = place.json(&["user", "show", "alice", "--json"]);
    assert_eq!(shown["address"], json!({"locality": "Vienna", "country": "Austria"}));
    assert_eq!((&shown["phone_number_verified"], &shown["locale"], shown.get("zoneinfo")), (&json!(true), &json!("de-AT"), None));
    let text = place.says(&["user", "show", "alice"]);
    for expected in ["phone number", "+14155550123", "0000-12-31", "Vienna", "Austria", "Alice Example"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("website"), "what is unset is left out: {text}");

    place.refuses(&["user", "update", "alice"], "nothing to change was named");
    place.refuses(&["user", "update", "alice", "--birthdate", "31.12.1990"], "`birthdate` does not fit: write YYYY-MM-DD");
    place.refuses(&["user", "update", "alice", "--phone-number", "0664 123"], "E.164");
    place.refuses(&["user", "update", "alice", "--email", "nobody"], "no e-mail address");
    place.refuses(&["user", "update", "nobody", "--name", "N"], "there is no user `nobody`");
    place.refuses(&["user", "create", "bob", "--no-password", "--email-verified"], "give --email too");
    assert_eq!(place.json(&["user", "show", "alice", "--json"]), shown, "a refusal changes nothing");
}

#[test]
fn a_link_to_a_new_password_is_printed() {
    let place = Place::new();
    place.says(&["user", "create", "carol", "--no-password"]);
    let said = place.says(&["user", "reset-password", "CAROL"]);
    let link = said.lines().last().unwrap();
    let secret = link.strip_prefix("http://localhost:8080/reset-password?link=").unwrap_or_else(|| panic!("{said}"));
    assert!(secret.len() == 43 && said.contains("carol"), "{said}");
    let told = place.json(&["user", "reset-password", "carol", "--expires-in", "P7D", "--json"]);
    let (until, now) = (told["expires_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap(), SystemClock.now());
    assert!((until - now - chrono::TimeDelta::days(7)).abs() < chrono::TimeDelta::minutes(5), "{told}");
    assert!(told["link"].as_str().unwrap().starts_with("http://localhost:8080/reset-password?link="));
    let events = place.says(&["event", "list", "--kind", "user.password_reset_started"]);
    assert!(events.contains("command line") && !events.contains(secret), "{events}");
    let elsewhere = place.says(&["user", "reset-password", "carol", "--issuer", "https://id.example.com/auth/"]);
    assert!(elsewhere.contains("\nhttps://id.example.com/auth/reset-password?link="), "{elsewhere}");
    place.refuses(&["user", "reset-password", "carol", "--issuer", "http://id.example.com/"], "flag --issuer: `issuer`: ");
    for wrong in ["P8D", "PT59S", "unlimited"] {
        let output = place.run(&["user", "reset-password", "carol", "--expires-in", wrong]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("seven days at most") && !output.status.success(), "{wrong}: {output:?}");
    }
    place.refuses(&["user", "reset-password", "dora"], "there is no user `dora`");
    place.says(&["user", "disable", "carol"]);
    place.refuses(&["user", "reset-password", "carol"], "run `gatekey user enable` first");
    let file =
        "issuer = \"http://localhost:8080/\"\n[[users]]\nusername = \"Carol\"\npassword_hash = \"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$bmV3bmV3bmV3\"\n";
    std::fs::write(place.0.path().join("gatekey.toml"), file).unwrap();
    place.says(&["user", "enable", "carol"]);
    place.refuses(&["user", "reset-password", "carol"], "gatekey.toml declares the password");
}

/// What is typed wrong is answered with what is expected, not with what a parser stumbled over.
#[test]
fn what_is_expected_is_said() {
    let place = Place::new();
    for (arguments, expected) in [
        (&["policy", "explain", "--session", "123"][..], "`123` is not a session id: `gatekey session list` shows them"),
        (&["policy", "simulate", "--from", "2027-13-01"], "write YEAR-MONTH-DAY, such as 2027-01-04"),
        (&["key", "rotate", "--alg", "HS256"], "write one of `ES256`, `RS256`, `PS256`, `EdDSA`"),
        (&["client", "update", "notes", "--subject-type", "secret"], "write `public` or `pairwise`"),
    ] {
        let output = place.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected) && !said.contains("variant"), "{arguments:?}: {said}");
    }
}

/// A line for each hour would be no answer: a line is where something changes.
#[test]
fn a_simulation_can_be_read() {
    let place = Place::new();
    place.says(&["user", "create", "alice", "--no-password"]);
    let simulate = ["policy", "simulate", "--days", "90", "--from", "2027-01-04", "--with", "session_idle=PT30M"];
    let told = place.says(&simulate);
    assert_eq!(told.lines().count(), 5, "{told}");
    assert!(told.starts_with("90 days, 2160 uses, 2160 sign-ins; ") && told.contains("2027-01-05 to 2027-04-03 (89)"), "{told}");
    assert_eq!(place.says(&[&simulate[..], &["--all"]].concat()).lines().count(), 2163);
    assert_eq!(place.json(&[&simulate[..], &["--json"]].concat())["sign_ins"].as_array().unwrap().len(), 2160);
}

/// The hint for a digest is a command whose output is the digest.
#[test]
fn the_digest_that_is_hinted_at_can_be_pasted() {
    let place = Place::new();
    let declare = |digest: &str| {
        let client = format!("[[clients]]\nid = \"job\"\nkind = \"machine\"\nscope = \"jobs:run\"\nsecret_digest = \"{digest}\"\n");
        std::fs::write(place.0.path().join("gatekey.toml"), client).unwrap();
    };
    declare("nonsense");
    let output = place.run(&["user", "create", "alice", "--no-password"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let hint = said.split("the output of `").nth(1).and_then(|rest| rest.split('`').next()).unwrap_or_else(|| panic!("{said}"));
    let template = include_str!("../../src/settings/template.toml");
    assert!(template.contains(&format!("# {hint}\n")), "{hint}");
    assert!(include_str!("../../docs/configuration.md").contains(&hint.replace('|', "\\|")), "{hint}");
    let made = Command::new("sh").args(["-c", hint]).output().unwrap();
    declare(String::from_utf8(made.stdout).unwrap().trim_end());
    place.says(&["user", "create", "alice", "--no-password"]);
}

/// RFC 9700 §2.1.1.
#[test]
fn going_without_pkce_is_warned_of_once() {
    let place = Place::new();
    let create = ["client", "create", "site", "--kind", "web", "--redirect-uri", "https://site.example.com/cb"];
    assert!(place.warns(&[&create[..], &["--require-pkce", "false"]].concat()).contains("`nonce`"));
    assert_eq!(place.warns(&["client", "update", "site", "--name", "Site"]), "", "it was said");
    assert_eq!(place.warns(&["client", "update", "site", "--require-pkce", "true"]), "");
    assert!(place.warns(&["client", "update", "site", "--require-pkce", "false"]).contains("`nonce`"));
    let job = ["client", "create", "job", "--kind", "machine", "--scope", "jobs:run", "--require-pkce", "false"];
    assert_eq!(place.warns(&job), "", "it has no codes");
}

#[test]
fn the_web_origins_of_a_page_move_with_it() {
    let place = Place::new();
    let origins = || place.json(&["client", "show", "notes", "--json"])["web_origins"].clone();
    place.says(&["client", "create", "notes", "--kind", "spa", "--redirect-uri", "https://notes.example.com/cb"]);
    place.says(&["client", "update", "notes", "--redirect-uri", "https://new.example.com/cb", "--redirect-uri", "https://beta.example.com/cb"]);
    assert_eq!(origins(), json!(["https://new.example.com", "https://beta.example.com"]));
    // Those that were chosen stay.
    place.says(&["client", "update", "notes", "--web-origin", "https://pages.example.com"]);
    place.says(&["client", "update", "notes", "--redirect-uri", "https://newer.example.com/cb"]);
    assert_eq!(origins(), json!(["https://pages.example.com"]));
}

/// `none` empties a list, as it takes away what there is one of.
#[test]
fn a_list_can_be_emptied() {
    let place = Place::new();
    let uris =
        ["--redirect-uri", "https://site.example.com/cb", "--post-logout-redirect-uri", "https://site.example.com/", "--web-origin", "https://a.example.com"];
    let more = ["--resource", "https://api.example.com/", "--web-origin", "https://b.example.com"];
    place.says(&[&["client", "create", "site", "--kind", "web"], &uris[..], &more].concat());
    let list = |name: &str| place.json(&["client", "show", "site", "--json"])[name].clone();
    for (flag, name) in [("--post-logout-redirect-uri", "post_logout_redirect_uris"), ("--web-origin", "web_origins"), ("--resource", "resources")] {
        assert_ne!(list(name), json!([]), "{name}");
        place.refuses(&["client", "update", "site", flag, "none", flag, "https://c.example.com"], &format!("`{flag} none` empties the list"));
        assert_ne!(list(name), json!([]), "{name}");
        place.says(&["client", "update", "site", flag, "none"]);
        assert_eq!(list(name), json!([]), "{name}");
    }
    assert_eq!(list("redirect_uris"), json!(["https://site.example.com/cb"]), "the rest stays");
    // What must be there stays there.
    place.refuses(&["client", "update", "site", "--redirect-uri", "none"], "redirect");
    assert_eq!(list("redirect_uris"), json!(["https://site.example.com/cb"]));
    // A page that is to be called from nowhere else; and a machine that had an address by mistake.
    place.says(&["client", "create", "notes", "--kind", "spa", "--redirect-uri", "https://notes.example.com/cb", "--web-origin", "none"]);
    assert_eq!(place.json(&["client", "show", "notes", "--json"])["web_origins"], json!([]));
    place.says(&["client", "create", "job", "--kind", "machine", "--scope", "jobs:run", "--redirect-uri", "https://job.example.com/"]);
    place.says(&["client", "update", "job", "--redirect-uri", "none", "--scope", ""]);
    let job = place.json(&["client", "show", "job", "--json"]);
    assert_eq!((&job["redirect_uris"], &job["scope"]), (&json!([]), &json!("")));
}

/// What a client is registered with is a rule for it, and is shown as one.
#[test]
fn the_policy_is_shown_whole() {
    let place = Place::new();
    place.says(&["client", "create", "notes", "--kind", "spa", "--redirect-uri", "https://notes.example.com/cb", "--lifetime", "client_session_idle=PT15M"]);
    place.says(&["client", "create", "mail", "--kind", "spa", "--redirect-uri", "https://mail.example.com/cb"]);
    place.says(&["policy", "set", "--client", "mail", "session_idle=PT1H"]);
    let text = place.says(&["policy", "show"]);
    let line = |whom: &str| text.lines().find(|line| line.starts_with(whom)).unwrap_or_else(|| panic!("{whom}: {text}")).to_owned();
    assert!(line("client notes").contains("registration") && line("client notes").contains("client_session_idle=PT15M"), "{text}");
    assert!(line("client mail").contains("command") && line("client mail").contains("session_idle=PT1H"), "{text}");
    let shown = place.json(&["policy", "show", "--json"]);
    assert_eq!(shown["registered"], json!([{"client": "notes", "limits": {"client_session_idle": "PT15M"}}]));
    assert_eq!(shown["rules"].as_array().unwrap().len(), 1);
    place.refuses(&["policy", "set", "--client", "notes", "client_session_idle=default"], "`gatekey client update`");
    place.says(&["client", "update", "notes", "--lifetime", "client_session_idle=default"]);
    assert!(!place.says(&["policy", "show"]).contains("client notes"));
}

/// One thumbprint in 64 begins with a hyphen.
#[test]
fn a_kid_may_begin_with_a_hyphen() {
    let place = Place::new();
    place.says(&["client", "create", "notes", "--kind", "spa", "--redirect-uri", "https://notes.example.com/cb"]);
    place.refuses(&["key", "retire", "-pP6RMedW0vQ"], "there is no key `-pP6RMedW0vQ`");
    place.refuses(&["key", "retire", "-hP6RMedW0vQ"], "there is no key `-hP6RMedW0vQ`");
}

/// OIDC Core §8.1, §5.3.2.
#[test]
fn a_client_gets_pairwise_subjects_and_signed_userinfo() {
    let place = Place::new();
    let create = ["client", "create", "notes", "--kind", "spa", "--redirect-uri", "https://notes.example.com/cb", "--userinfo-alg", "ES256"];
    place.says(&create);
    let shown = place.json(&["client", "show", "notes", "--json"]);
    assert_eq!((&shown["subject_type"], &shown["userinfo_signed_response_alg"]), (&json!("public"), &json!("ES256")));
    let warning = place.warns(&["client", "update", "notes", "--subject-type", "pairwise", "--userinfo-alg", "none"]);
    assert!(warning.contains("other subjects"), "{warning}");
    assert_eq!(place.warns(&["client", "update", "notes", "--name", "Notes"]), "", "nothing to warn of");
    let text = place.says(&["client", "show", "notes"]);
    assert!(text.contains("pairwise") && text.contains("notes.example.com") && text.contains("none (JSON)"), "{text}");
    let two = ["client", "update", "notes", "--redirect-uri", "https://notes.example.com/cb", "--redirect-uri", "https://notes.example.org/cb"];
    place.refuses(&two, "set `sector_identifier`");
    place.says(&[&two[..], &["--sector-identifier", "example.com"]].concat());
    assert_eq!(place.json(&["client", "show", "notes", "--json"])["sector_identifier"], "example.com");
    place.refuses(&["client", "update", "notes", "--sector-identifier", "none"], "set `sector_identifier`");
}

/// On PostgreSQL threads may still be connecting, which OpenSSL is used for, when a command has done its work and the process ends.
#[test]
fn a_command_that_has_done_its_work_ends_well() {
    let database = Database::empty(Backend::Postgres);
    let place = Place::new();
    let here = ["--database", database.url()];
    place.says(&[&["user", "create", "alice", "--no-password"], &here[..]].concat());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert!(place.says(&[&["user", "list"], &here[..]].concat()).contains("alice"));
                }
            });
        }
    });
}

#[test]
fn a_secret_is_replaced_with_an_overlap() {
    let place = Place::new();
    place.says(&["client", "create", "job", "--kind", "machine", "--scope", "jobs:run"]);
    let previous = || place.json(&["client", "show", "job", "--json"])["previous_secret_expires_at"].clone();
    assert!(place.says(&["client", "rotate-secret", "job"]).starts_with("Secret (shown this once): "));
    assert_eq!(previous(), Value::Null);
    let said = place.says(&["client", "rotate-secret", "job", "--overlap", "P1D"]);
    assert!(said.lines().nth(1).unwrap().starts_with("The old one works until "), "{said}");
    assert!(previous().is_string() && place.says(&["client", "show", "job"]).contains("works until "));
    assert!(place.says(&["client", "end-previous-secret", "job"]).contains("Only the present secret of job works"));
    assert_eq!(previous(), Value::Null);
    for beyond in ["P31D", "unlimited"] {
        place.refuses(&["client", "rotate-secret", "job", "--overlap", beyond], "30 days at most");
    }
    // A public client has no secret to replace, and none to end.
    place.says(&["client", "create", "notes", "--kind", "spa", "--redirect-uri", "https://notes.example.com/callback"]);
    for command in ["rotate-secret", "end-previous-secret"] {
        place.refuses(&["client", command, "notes"], "client `notes` is public and keeps no secret");
    }
}
