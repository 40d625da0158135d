//! What the settings accept, and what they say of what they refuse.

use std::collections::BTreeMap;

use figment::error::Kind as Cause;
use serde::de::DeserializeOwned;

use super::*;
use crate::domain::admin_scope::AdminRole;
use crate::domain::client::{ClientAuthentication, ClientKind};
use crate::domain::duration::Lifetime;
use crate::domain::secret::Digest;

fn error(text: &str) -> String {
    let error = Settings::from_toml(text).expect_err(text).to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    error
}

fn with_environment(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gatekey.toml");
    std::fs::write(&file, text).unwrap();
    Settings::load_from(Some(&file), variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), Flags::default())
}

#[test]
fn nothing_set_is_the_default() {
    assert_eq!(format!("{:?}", Settings::from_toml("").unwrap()), format!("{:?}", Settings::default()));
    assert_eq!(Settings::default().issuer.as_str(), "http://localhost:8080/");
    assert_eq!(Settings::for_issuer("https://id.example.com/t/").unwrap().issuer.base_path(), "/t/");
}

#[test]
fn environment_wins_over_the_file_and_flags_over_both() {
    let file = "listen = \"127.0.0.1:1\"\nissuer = \"https://file.example.com/\"\n[database]\npool_size = 3\nurl = \"sqlite://file.db\"";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("my.toml");
    std::fs::write(&path, file).unwrap();
    let variables = [
        ("GATEKEY_LISTEN", "127.0.0.1:2"),
        ("GATEKEY_DATABASE__POOL_SIZE", "5"),
        ("GATEKEY_DATABASE__URL", "sqlite://environment.db"),
        ("GATEKEY_BRANDING__NAME", "42"),
        ("GATEKEY_TRUST_PROXY", "10.0.0.0/8, ::1"),
        ("GATEKEY_KEYS__ALGORITHMS", "EdDSA"),
        ("GATEKEY_LIFETIMES__SESSION_IDLE", "unlimited"),
        ("UNRELATED", "1"),
    ];
    let variables = variables.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let flags = Flags { database_url: Some("sqlite://flag.db".to_owned()), ..Flags::default() };
    let settings = Settings::load_from(Some(&path), variables, flags).unwrap();
    assert_eq!(settings.issuer.as_str(), "https://file.example.com/");
    assert_eq!(settings.listen.port(), 2);
    assert_eq!((settings.database.pool_size, settings.database.url.as_str()), (5, "sqlite://flag.db"));
    assert_eq!(settings.branding.name, "42");
    assert!(settings.trust_proxy.contains("10.1.1.1".parse().unwrap()));
    assert_eq!(settings.keys.algorithms.len(), 1);
    assert_eq!(settings.lifetimes.session_idle, Lifetime::Unlimited);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one_and_where_it_is() {
    for (text, expected) in [
        ("issur = \"https://x.test/\"", "gatekey.toml, line 1: `issur` is not a known key: did you mean `issuer`?"),
        ("\n[database]\n\npoolsize = 3", "gatekey.toml, line 4: `database.poolsize` is not a known key: did you mean `database.pool_size`?"),
        ("pool_size = 3", "did you mean `database.pool_size`?"),
        ("[lifetime]\naccess_token = \"PT1M\"", "gatekey.toml, line 1: `lifetime` is not a known key: did you mean `lifetimes`?"),
        (
            "[[clients]]\nid = \"a\"\nkind = \"spa\"\nredirect_uri = []",
            "gatekey.toml, line 4: `clients[].redirect_uri` is not a known key: did you mean `clients[].redirect_uris`?",
        ),
        ("[[clients]]\nid = \"a\"\nkind = \"spa\"\n[clients.lifetimes]\nsession = \"PT1S\"", "line 5: `clients[].lifetimes.session` is not a known key"),
        ("[[users]]\nusername = \"a\"\npassword = \"x\"", "password in clear does not belong"),
        ("[[clients]]\nid = \"a\"\nkind = \"web\"\nsecret = \"x\"", "secret in clear does not belong"),
        ("master_key = \"x\"", "GATEKEY_MASTER_KEY"),
        ("zzzzzzzzzzzzz = 1", "not a known key: remove it"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{error}");
    }
    let error = with_environment("", &[("GATEKEY_DATABASE__ULR", "x")]).unwrap_err().to_string();
    assert_eq!(error, "variable GATEKEY_DATABASE__ULR: `database.ulr` is not a known key: did you mean `database.url`?");
    let error = with_environment("", &[("GATEKEY_DATABASE_URL", "postgres://u:hunter2@h/d")]).unwrap_err().to_string();
    assert!(error.starts_with("variable GATEKEY_DATABASE_URL: ") && error.ends_with("did you mean `GATEKEY_DATABASE__URL`?"), "{error}");
    assert!(!error.contains("hunter2"));
    let error = with_environment("", &[("GATEKEY_LIFETIMES_SESSION_IDLE", "P1D")]).unwrap_err().to_string();
    assert!(error.contains("`GATEKEY_LIFETIMES__SESSION_IDLE`"), "{error}");
    // In the file it is no variable that was meant.
    assert!(!self::error("database_url = \"x\"").contains("GATEKEY_"));
}

#[test]
fn a_wrong_value_names_its_key_its_source_and_what_to_write() {
    for (text, expected) in [
        ("[database]\npool_size = \"many\"", "gatekey.toml, line 2: `database.pool_size`: `\"many\"` does not fit: write a whole number, such as `16`"),
        ("[database]\npool_size = 0", "`database.pool_size`: write a number from 1 to 1000"),
        ("[database]\nurl = \"mysql://x\"", "line 2: `database.url`: this is no database URL"),
        ("database = 3", "`database`: `3` does not fit: write `[database]` on a line of its own"),
        ("listen = \"8080\"", "`listen`: `8080` is not an address and a port"),
        ("issuer = \"http://id.example.com/\"", "`issuer`: `http://id.example.com/` is not protected in transit"),
        ("[lifetimes]\nsession_idle = \"14 days\"", "line 2: `lifetimes.session_idle`: `14 days` is not a duration"),
        ("[lifetimes]\nsession_idle = 14", "`lifetimes.session_idle`: `14` does not fit: write an ISO 8601 duration"),
        ("[lifetimes]\ncode = \"PT61S\"", "line 2: `lifetimes.code`: an authorization code lives for `PT60S` at most"),
        ("[lifetimes]\naccess_token = \"unlimited\"", "a token must end"),
        ("[[lifetime_rules]]\nid_token = \"unlimited\"", "line 2: `lifetime_rules[].id_token`: a token must end"),
        ("[[lifetime_rules]]\ngroup = \"staff\"", "`lifetime_rules[]`: the rule for group staff sets no limit"),
        ("[[lifetime_rules]]\nsession_idle = \"PT1H\"\n[[lifetime_rules]]\nsession_absolute = \"PT1H\"", "there are two rules for everybody"),
        ("[[lifetime_rules]]\ngroup = \"Staff\"\nsession_idle = \"PT1H\"", "`Staff` is no name of a group"),
        ("[[lifetime_rules]]\nacr = \"high\"\nsession_idle = \"PT1H\"", "`lifetime_rules[].acr`: `high` is not one of"),
        ("[keys]\nannounce = \"PT1H\"", "`keys.announce`: `PT1H` does not fit"),
        ("[keys]\nannounce = \"P1DT1H\"", "`keys.announce`: `P1DT1H` does not fit"),
        ("[keys]\nannounce = \"unlimited\"", "`keys.announce`: `unlimited` does not fit"),
        ("[keys]\nrotate_every = \"P2D\"", "`keys.rotate_every`: `P2D` does not fit"),
        ("[keys]\nalgorithms = [\"HS256\"]", "`keys.algorithms[]`: `HS256` is not one of"),
        ("[cookies]\nsame_site = \"Lax\"", "`Lax` is not one of `\"lax\"`, `\"none\"`: did you mean `\"lax\"`?"),
        ("[branding]\naccent_color = \"red\"", "`branding.accent_color`: `red` is not a colour"),
        ("[branding]\nlogo_url = \"javascript:alert(1)\"", "`branding.logo_url`"),
        ("[log]\nlevel = \"verbose\"", "`log.level`: `verbose` is not one of"),
        ("trust_proxy = [\"10.0.0.1/8\"]", "`trust_proxy[]`: `10.0.0.1/8` has bits after its prefix: write `\"10.0.0.0/8\"`"),
        ("[passwords]\nmemory_kib = 4", "`passwords.memory_kib`: write a number from 8"),
        ("[[clients]]\nkind = \"spa\"", "gatekey.toml, line 1: `clients[]`: `id` is missing: add it, such as `id = \"notes\"`"),
        ("issuer = ", "gatekey.toml, line 1: this is not TOML"),
        ("clients = 3", "`clients`"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = with_environment("", &[("GATEKEY_DATABASE__QUEUE", "lots")]).unwrap_err().to_string();
    assert_eq!(error, "variable GATEKEY_DATABASE__QUEUE: `database.queue`: `\"lots\"` does not fit: write a whole number, such as `2048`");
}

#[test]
fn a_missing_file_is_an_error_only_when_named() {
    let missing = std::path::Path::new("no-such-directory/gatekey.toml");
    let error = Settings::load_from(Some(missing), [], Flags::default()).unwrap_err().to_string();
    assert!(error.contains("no such settings file"), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let error = Settings::load_from(Some(directory.path()), [], Flags::default()).unwrap_err().to_string();
    assert!(error.contains("is a directory") && error.contains("gatekey.toml"), "{error}");
}

#[test]
fn what_kubernetes_announces_is_not_ours() {
    let variables = [
        ("GATEKEY_SERVICE_HOST", "10.0.0.1"),
        ("GATEKEY_SERVICE_PORT_HTTP", "80"),
        ("GATEKEY_PORT", "tcp://10.0.0.1:80"),
        ("GATEKEY_PORT_80_TCP_PROTO", "tcp"),
    ];
    assert!(with_environment("", &variables).is_ok());
}

#[test]
fn the_master_key_in_the_environment_wins_and_never_prints() {
    let settings = with_environment("master_key_file = \"x.key\"", &[("GATEKEY_MASTER_KEY", "correct-horse")]).unwrap();
    assert_eq!(settings.master_key.load().unwrap().expose(), "correct-horse");
    assert!(!format!("{settings:?}").contains("horse"));
    let settings = with_environment("", &[("GATEKEY_DATABASE__URL", "postgres://u:hunter2@h/d")]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_client_takes_the_defaults_of_its_kind() {
    let text = "[[clients]]\nid = \"notes\"\nkind = \"spa\"\nredirect_uris = [\"http://localhost:3000/cb\", \"http://localhost:3000/silent\", \"https://a.test/cb\"]\n[clients.lifetimes]\nsession_idle = \"PT1H\"\n\
                [[clients]]\nid = \"site\"\nkind = \"web\"\nredirect_uris = [\"https://b.test/cb\"]\nsecret_env = \"SITE_SECRET\"\n\
                [[clients]]\nid = \"job\"\nkind = \"machine\"\nscope = \"a b\"\nauthentication = \"client_secret_post\"\nsecret_digest = \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";
    let secret = "0123456789abcdef0123456789abcdef";
    let settings = with_environment(text, &[("SITE_SECRET", secret)]).unwrap();
    let [spa, web, job] = settings.clients.as_slice() else { panic!("three clients") };
    assert_eq!((spa.metadata.kind, spa.metadata.name.as_str()), (ClientKind::Spa, "notes"));
    assert_eq!(spa.metadata.web_origins.iter().map(|o| o.as_str()).collect::<Vec<_>>(), ["http://localhost:3000", "https://a.test"]);
    assert_eq!(spa.metadata.lifetimes.session_idle, Some(Lifetime::seconds(3600)));
    assert!(spa.metadata.scope.contains("offline_access") && spa.secret_digest.is_none());
    assert_eq!(web.secret_digest, Some(Digest::of(secret.as_bytes())));
    assert!(web.metadata.web_origins.is_empty());
    assert_eq!(job.secret_digest, Some(Digest::of(b"abc")));
    assert_eq!(job.metadata.authentication, ClientAuthentication::ClientSecretPost);
}

#[test]
fn a_client_that_cannot_work_is_refused() {
    let web = "[[clients]]\nid = \"w\"\nkind = \"web\"\nredirect_uris = [\"https://b.test/cb\"]\n";
    for (text, expected) in [
        ("[[clients]]\nid = \"a\"\nkind = \"spa\"".to_owned(), "line 1: `clients[]`: client `a`: `redirect_uris` is empty"),
        ("[[clients]]\nid = \"a b\"\nkind = \"spa\"".to_owned(), "line 2: `clients[].id`: a client id has"),
        (
            "[[clients]]\nid = \"a\"\nkind = \"spa\"\nredirect_uris = [\"https://*.test/\"]".to_owned(),
            "line 4: `clients[].redirect_uris[]`: `https://*.test/` has a wildcard",
        ),
        (format!("{web}secret_env = \"NOT_SET\""), "line 5: `clients[].secret_env`: the variable `NOT_SET` is not set"),
        (format!("{web}secret_digest = \"hunter2\""), "this is no digest"),
        (format!("{web}secret_digest = \"sha256:a\"\nsecret_file = \"x\""), "this is no digest"),
        (format!("{web}{web}"), "line 6: `clients[].id`: `w` is declared twice"),
        (format!("{web}[clients.lifetimes]\nid_token = \"unlimited\""), "`clients[].lifetimes.id_token`: a token must end"),
        (format!("{web}id_token_signed_response_alg = \"PS256\""), "line 5: `clients[].id_token_signed_response_alg`: no key is kept"),
        (format!("{web}refresh_overlap = \"unlimited\""), "an unlimited `refresh_overlap`"),
        (
            "[[clients]]\nid = \"a\"\nkind = \"spa\"\nredirect_uris = [\"https://a.test/cb\"]\nscope = \"openid online_access\"".to_owned(),
            "`online_access` is only for clients with a secret",
        ),
    ] {
        let error = error(&text);
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains("hunter2"));
    }
    assert!(Settings::from_toml(&format!("{web}scope = \"openid online_access\"")).is_ok());
    let short = with_environment(&format!("{web}secret_env = \"S\""), &[("S", "short")]).unwrap_err().to_string();
    assert!(short.contains("shorter than 32 characters") && !short.contains("`short`"), "{short}");
}

#[test]
fn a_user_is_declared_with_a_hash_or_none() {
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$K9rCqSSMYMyTyE7KCJUkCfY7nQw0H7s6W1DCVhQ1vGY";
    let text = format!("[[users]]\nusername = \" Alice \"\nemail = \"a@b.test\"\nadmin = true\npassword_hash = \"{hash}\"\n[[users]]\nusername = \"bob\"");
    let settings = Settings::from_toml(&text).unwrap();
    assert_eq!(settings.users[0].username, "alice");
    assert!(settings.users[0].role == Some(AdminRole::Administrator) && settings.users[0].password_hash.is_some() && settings.users[1].password_hash.is_none());
    let role = |more: &str| Settings::from_toml(&format!("[[users]]\nusername = \"a\"\n{more}")).unwrap().users[0].role;
    assert_eq!((role("role = \"support\""), role("role = \"administrator\"\nadmin = true")), (Some(AdminRole::Support), Some(AdminRole::Administrator)));
    assert_eq!((role(""), role("admin = false"), role("role = \"auditor\"\nadmin = false")), (None, None, Some(AdminRole::Auditor)));
    for (text, expected) in [
        ("[[users]]\nusername = \"a\"\npassword_hash = \"hunter2\"", "line 3: `users[].password_hash`: this is no argon2id hash"),
        ("[[users]]\nusername = \"a\"\npassword_hash = \"$argon2i$v=19$m=1,t=1,p=1$aaaa$aaaa\"", "no argon2id hash"),
        ("[[users]]\nusername = \"\"", "a user name has"),
        ("[[users]]\nusername = \"a\"\n[[users]]\nusername = \"A\"", "line 4: `users[].username`: `a` is declared twice"),
        ("[[users]]\nusername = \"a\"\nemail = \"nobody\"", "no e-mail address"),
        ("[[users]]\nusername = \"a\"\nrole = \"root\"", "line 3: `users[].role`: `root` is no role: write `administrator`, `support`"),
        ("[[users]]\nusername = \"a\"\nrole = \"support\"\nadmin = true", "contradict each other"),
        ("[[users]]\nusername = \"a\"\nrole = \"administrator\"\nadmin = false", "contradict each other"),
        ("[[users]]\nusername = \"a\"\nbirthdate = \"31.12.1990\"", "line 3: `users[].birthdate`: write YYYY-MM-DD"),
        ("[[users]]\nusername = \"a\"\nphone_number = \"0664 123\"", "write it in E.164 form"),
        ("[[users]]\nusername = \"a\"\nphone_number_verified = true", "there is no phone number to be verified"),
        ("[[users]]\nusername = \"a\"\npicture = \"javascript:alert(1)\"", "write an http or https URL"),
        ("[[users]]\nusername = \"a\"\n[users.address]\ncountry = \"\"", "`users[].address.country`: write 1 to 200 visible characters"),
        ("[[users]]\nusername = \"a\"\n[users.address]\ncity = \"Vienna\"", "`users[].address.city`"),
    ] {
        let error = error(text);
        assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
    }
}

/// The template of `gatekey init` loads as it is and with every default switched on, as the defaults both times; its examples load too; and it shows every key.
#[test]
fn the_template_is_the_defaults() {
    let default = format!("{:?}", Settings::default());
    assert_eq!(format!("{:?}", Settings::from_toml(template::TEMPLATE).unwrap()), default);
    // What has no default, and what only a real secret or hash fits.
    let examples = ["logo_url", "accent_color", "accent_color_dark", "ca_file"];
    let secrets = ["secret_digest", "secret_env", "secret_file", "password_hash"];
    let setting = |line: &'static str| line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
    let key_of = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
    let switched_on = |text: &'static str, but: &[&str]| -> String {
        text.lines().map(|line| setting(line).filter(|on| !but.contains(&key_of(on).as_str())).unwrap_or(line).to_owned() + "\n").collect()
    };
    let (defaults, _) = template::TEMPLATE.split_once("#[[clients]]").unwrap();
    assert_eq!(format!("{:?}", Settings::from_toml(&switched_on(defaults, &examples)).unwrap()), default);
    let settings = Settings::from_toml(&switched_on(template::TEMPLATE, &secrets)).unwrap();
    assert_eq!((settings.clients.len(), settings.users.len()), (2, 1));
    // As text alone: both clients together have every key of a client.
    let table: toml::Table = switched_on(template::TEMPLATE, &[]).parse().unwrap();
    for key in known::all() {
        let mut found = vec![toml::Value::Table(table.clone())];
        for part in key.path.split('.') {
            found = found.iter().filter_map(|value| value.get(part.trim_end_matches("[]")).cloned()).collect();
            if part.ends_with("[]") {
                found = found.into_iter().filter_map(|value| value.as_array().cloned()).flatten().collect();
            }
        }
        assert!(!found.is_empty(), "{} is not in the template", key.path);
    }
}

/// OIDC Core §8.1; and a key for each algorithm.
#[test]
fn a_sector_must_be_said_or_seen() {
    let client = |more: &str| Settings::from_toml(&format!("[[clients]]\nid = \"a\"\nkind = \"spa\"\n{more}"));
    let sector = |more: &str| client(more).map(|settings| settings.clients[0].metadata.sector().map(String::from));
    let one = "redirect_uris = [\"https://a.test/cb\"]\n";
    assert_eq!(sector(one).unwrap(), None);
    assert_eq!(sector(&format!("{one}subject_type = \"pairwise\"")).unwrap().as_deref(), Some("a.test"));
    let two = "redirect_uris = [\"https://a.test/cb\", \"https://b.test/cb\"]\nsubject_type = \"pairwise\"\n";
    assert_eq!(sector(&format!("{two}sector_identifier = \"A.test\"")).unwrap().as_deref(), Some("a.test"));
    for (text, expected) in [
        (two.to_owned(), "set `sector_identifier`"),
        ("redirect_uris = [\"http://127.0.0.1/cb\"]\nsubject_type = \"pairwise\"".to_owned(), "set `sector_identifier`"),
        (format!("{one}subject_type = \"pairwise\"\nsector_identifier = \"https://a.test\""), "a sector is the name of a host"),
        (format!("{one}subject_type = \"private\""), "`clients[].subject_type`"),
        (format!("{one}userinfo_signed_response_alg = \"EdDSA\""), "line 5: `clients[].userinfo_signed_response_alg`: no key is kept"),
    ] {
        let error = client(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// The list of known keys is exactly what serde accepts, section by section.
#[test]
fn the_known_keys_are_the_accepted_ones() {
    fn fields<T: DeserializeOwned>() -> Vec<String> {
        let probe = BTreeMap::from([("no such key", 1)]);
        match figment::value::Value::serialize(probe).unwrap().deserialize::<T>() {
            Err(figment::Error { kind: Cause::UnknownField(_, fields), .. }) => fields.iter().map(|f| (*f).to_owned()).collect(),
            _ => panic!("the probe was accepted"),
        }
    }
    let mut accepted = vec!["issuer".to_owned(), "listen".to_owned(), "master_key_file".to_owned(), "trust_proxy".to_owned()];
    let user_fields = fields::<users::Raw>().into_iter().filter(|f| f != "address").collect();
    let client_fields = fields::<clients::Raw>().into_iter().filter(|f| f != "lifetimes").collect();
    for (section, fields) in [
        ("server", fields::<server::Raw>()),
        ("database", fields::<database::Raw>()),
        ("lifetimes", fields::<lifetimes::Raw>()),
        ("sessions", fields::<sessions::Raw>()),
        ("events", fields::<events::Raw>()),
        ("lifetime_rules[]", fields::<lifetime_rules::Raw>()),
        ("passwords", fields::<passwords::Raw>()),
        ("throttle", fields::<throttle::Raw>()),
        ("keys", fields::<keys::Raw>()),
        ("cookies", fields::<cookies::Raw>()),
        ("logout", fields::<logout::Raw>()),
        ("admin", fields::<admin::Raw>()),
        ("branding", fields::<branding::Raw>()),
        ("log", fields::<log::Raw>()),
        ("clients[]", client_fields),
        ("clients[].lifetimes", fields::<crate::domain::lifetime::LimitOverrides>()),
        ("users[]", user_fields),
        ("users[].address", fields::<crate::domain::profile::Address>()),
    ] {
        accepted.extend(fields.into_iter().map(|field| format!("{section}.{field}")));
    }
    let mut known: Vec<String> = known::all().map(|key| key.path.to_owned()).collect();
    accepted.sort();
    known.sort();
    assert_eq!(accepted, known);
}
