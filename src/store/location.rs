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
        if !is_readable(&url) {
            return Err(OpenError::BadPostgresUrl);
        }
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
        Ok(Self { written: text.to_owned(), full: url.into(), shown })
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
}

/// Whether libpq reads it. Of a URL that it does not read it quotes the part that it stumbled over, which may be the password or a piece of it, so
/// such a one never comes to it; in no other message does it say what the password was.
fn is_readable(url: &Url) -> bool {
    let byte = |after: &str| after.get(..2).is_some_and(|hex| hex != "00" && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let parameters = |query: &str| query.split('&').all(|parameter| parameter.matches('=').count() == 1);
    url.fragment().is_none() && url.query().is_none_or(parameters) && url.as_str().split('%').skip(1).all(byte)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use diesel::Connection;

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
    fn what_is_shown_holds_no_password() {
        let Ok(Location::Postgres(url)) = Location::parse("postgres://gatekey:p%40ss@db.example.com:5433/main?sslpassword=other") else {
            panic!("a PostgreSQL URL")
        };
        assert_eq!(url.shown(), "db.example.com:5433/main");
        assert!(url.expose().contains("connect_timeout=2"));
        assert_eq!(url.without_secrets(), "postgres://gatekey@db.example.com:5433/main");
    }

    /// What libpq would quote is refused before it comes to it, and the refusal quotes nothing.
    #[test]
    fn what_libpq_does_not_read_is_refused() {
        for unreadable in [
            "postgres://gatekey:hush%@db.example.com/main",
            "postgres://gatekey:hush%zz@db.example.com/main",
            "postgres://gatekey:hush%4@db.example.com/main",
            "postgres://gatekey:hush%00@db.example.com/main",
            "postgres://gatekey:12?hush@db.example.com/main",
            "postgres://gatekey:12#hush@db.example.com/main",
            "postgres://db.example.com/main?password=hush%",
            "postgres://db.example.com/main?password=hush=hush",
            "postgres://db.example.com/main?hush",
            "postgres://db.example.com/main?user=gatekey&&password=hush",
            "postgres://db.example.com/main?",
        ] {
            let Err(error) = Location::parse(unreadable) else { panic!("{unreadable}") };
            assert!(error == OpenError::BadPostgresUrl && !error.to_string().contains("hush"), "{unreadable}: {error}");
        }
    }

    /// The control: libpq itself says nothing of the password of what it reads, however it is written and wherever it stands.
    #[test]
    fn libpq_tells_no_password_of_what_it_reads() {
        for readable in [
            "postgres://gatekey:hush%25%40%2F%ff@127.0.0.1:1/main",
            "postgres://gatekey:hu'sh+\\ hush@127.0.0.1:1/main",
            "postgres://gatekey:hush@127.0.0.1:1/main?sslmode=bogus",
            "postgres://gatekey:hush@127.0.0.1:1/main?unknown=x",
            "postgres://gatekey@127.0.0.1:1/main?password=hush%26&sslpassword=hush",
            "postgres:///main?host=/nowhere&password=hush",
        ] {
            let Ok(Location::Postgres(url)) = Location::parse(readable) else { panic!("{readable}") };
            let Err(error) = diesel::PgConnection::establish(url.expose()) else { panic!("{readable}") };
            assert!(!error.to_string().contains("hu"), "{readable}: {error}");
        }
    }
}
