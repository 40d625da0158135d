//! Where the database is: the URL, read once. The scheme chooses the backend.

use std::path::PathBuf;

use url::Url;

use super::migrate::OpenError;

/// A database's place. Its `Debug` is not derived: a PostgreSQL URL may hold a password.
#[derive(Clone)]
pub(super) enum Location {
    Sqlite(PathBuf),
    Postgres(PostgresUrl),
}

/// A PostgreSQL URL and what of it may be shown.
#[derive(Clone)]
pub(super) struct PostgresUrl {
    written: String,
    full: String,
    shown: String,
    secrets: Vec<String>,
}

const SECRET_KEYS: &[&str] = &["password", "sslpassword"];

impl Location {
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let (scheme, rest) = url.split_once(':').ok_or(OpenError::BadUrl)?;
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                // SQLite would read these as something other than the name of a file.
                if path.is_empty() || path.starts_with(':') || path.contains(['?', '#', '\0']) {
                    return Err(OpenError::BadUrl);
                }
                let path = PathBuf::from(path);
                Ok(Self::Sqlite(if path.is_absolute() { path } else { PathBuf::from(".").join(path) }))
            }
            "postgres" | "postgresql" => PostgresUrl::parse(url).map(Self::Postgres),
            _ => Err(OpenError::BadUrl),
        }
    }

    pub(super) const fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, OpenError> {
        let mut url = Url::parse(text).map_err(|_| OpenError::BadUrl)?;
        let mut secrets = Vec::new();
        if let Some(password) = url.password() {
            secrets.push(password.to_owned());
            secrets.push(percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned());
        }
        for (key, value) in url.query_pairs() {
            if SECRET_KEYS.contains(&&*key) {
                secrets.push(value.into_owned());
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        let shown = format!("{}{}{}", url.host_str().unwrap_or("the local socket"), url.port().map(|port| format!(":{port}")).unwrap_or_default(), url.path());
        // A dead server or a dead network must be noticed soon; whatever the URL says itself wins.
        let defaults = [
            ("connect_timeout", "2"),
            ("keepalives_idle", "5"),
            ("keepalives_interval", "2"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "5000"),
            ("application_name", "gatekey"),
        ];
        let missing: Vec<_> = defaults.into_iter().filter(|(key, _)| !url.query_pairs().any(|(there, _)| there == *key)).collect();
        url.query_pairs_mut().extend_pairs(missing);
        Ok(Self { written: text.to_owned(), full: url.into(), shown, secrets })
    }

    /// The whole URL, for libpq alone.
    pub(super) fn expose(&self) -> &str {
        &self.full
    }

    /// Host, port and database: what messages may show.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Without what is secret in it: as other programs may be given it.
    pub(super) fn without_secrets(&self) -> String {
        let Ok(mut url) = Url::parse(&self.written) else { return String::new() };
        // Fails only for URLs without a host, which hold no password there.
        let _ = url.set_password(None);
        let open: Vec<(String, String)> = url.query_pairs().filter(|(key, _)| !SECRET_KEYS.contains(&&**key)).map(|(k, v)| (k.into(), v.into())).collect();
        url.set_query(None);
        if !open.is_empty() {
            url.query_pairs_mut().extend_pairs(open);
        }
        url.into()
    }

    /// A message on one line, without the password should libpq have repeated it.
    pub(super) fn redact(&self, message: &str) -> String {
        let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.secrets {
            line = line.replace(secret.as_str(), "[redacted]");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_scheme_chooses_and_nothing_is_guessed() {
        assert!(matches!(Location::parse("sqlite://gatekey.db"), Ok(Location::Sqlite(path)) if path == Path::new("./gatekey.db")));
        assert!(matches!(Location::parse("sqlite:///var/lib/gatekey.db"), Ok(Location::Sqlite(path)) if path == Path::new("/var/lib/gatekey.db")));
        assert!(matches!(Location::parse("postgresql://localhost/gatekey"), Ok(Location::Postgres(_))));
        for bad in ["", "gatekey.db", "mysql://localhost/x", "sqlite://", "sqlite::memory:", "sqlite://x.db?mode=memory", "postgres://["] {
            assert!(matches!(Location::parse(bad), Err(OpenError::BadUrl)), "{bad}");
        }
    }

    #[test]
    fn no_message_holds_the_password() {
        let Ok(Location::Postgres(url)) = Location::parse("postgres://gatekey:p%40ss@db.example.com:5433/main?sslpassword=other") else {
            panic!("a PostgreSQL URL")
        };
        assert_eq!(url.shown(), "db.example.com:5433/main");
        assert_eq!(url.redact("bad\n\tp%40ss or p@ss or other"), "bad [redacted] or [redacted] or [redacted]");
        assert!(url.expose().contains("connect_timeout=2"));
        assert_eq!(url.without_secrets(), "postgres://gatekey@db.example.com:5433/main");
    }
}
