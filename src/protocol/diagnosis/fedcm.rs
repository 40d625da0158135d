//! Whether an application that is registered for FedCM can have it where the issuer is.

use url::Url;

use super::client::ClientFacts;
use super::{Code, Finding};
use crate::domain::site::registrable_domain;

pub fn diagnose(facts: &ClientFacts<'_>) -> Vec<Finding> {
    if !facts.client.metadata.fedcm {
        return Vec::new();
    }
    let Ok(issuer) = Url::parse(facts.issuer) else { return Vec::new() };
    let mut found = Vec::new();
    if issuer.path() != "/" {
        let text = "the issuer is below a path: browsers look for FedCM's well-known file at the root of a host";
        found.push(Finding::new(Code::FedcmIssuerPath, text).change("give the issuer a host of its own, or serve its `.well-known/web-identity` at the root"));
    }
    if !facts.cookie_in_foreign_frames {
        let text = "`cookies.same_site` is `lax`: the browser's requests for FedCM come without the session's cookie";
        found.push(Finding::new(Code::FedcmWithoutCookie, text).change("[cookies] same_site = \"none\""));
    }
    let domain = registrable_domain(facts.issuer).unwrap_or_default();
    found.push(if issuer.host_str() == Some(domain.as_str()) && (issuer.port().is_none() || issuer.scheme() == "http") {
        Finding::new(Code::FedcmWellKnownOwn, "browsers look for FedCM's well-known file at the issuer itself")
    } else {
        let text =
            format!("browsers look for FedCM's well-known file at https://{domain}/.well-known/web-identity, unless the application is on the issuer's site");
        Finding::new(Code::FedcmWellKnown, text).change(format!(
            "serve there a copy of {}/.well-known/web-identity, as application/json and without a redirect",
            facts.issuer.trim_end_matches('/')
        ))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::duration::Lifetime;
    use crate::protocol::diagnosis::Level;
    use crate::protocol::reach::Reach;
    use crate::protocol::session::tests::a_client;

    fn told(fedcm: bool, issuer: &str, cookie_in_foreign_frames: bool) -> Vec<&'static str> {
        let metadata = ClientMetadata { fedcm, ..ClientMetadata::defaults(ClientKind::Spa, "App") };
        let client = a_client("app", metadata);
        let facts = ClientFacts { client: &client, issuer, cookie_in_foreign_frames, access_token: Lifetime::seconds(600), reach: &Reach::default() };
        let found = diagnose(&facts);
        assert!(found.iter().all(|finding| finding.change.is_some() == (finding.level() != Level::Ok)));
        found.iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn where_the_issuer_is_decides() {
        assert!(told(false, "https://id.example.com/auth/", false).is_empty());
        for (issuer, cookie, expected) in [
            ("https://id.example.com/", true, &["fedcm-well-known"][..]),
            ("https://example.com", true, &["fedcm-well-known-own"]),
            ("http://localhost:8080/", true, &["fedcm-well-known-own"]),
            // Browsers drop the port.
            ("https://example.com:8443/", true, &["fedcm-well-known"]),
            ("https://example.com/auth/", true, &["fedcm-issuer-path", "fedcm-well-known-own"]),
            ("https://id.example.com/", false, &["fedcm-without-cookie", "fedcm-well-known"]),
        ] {
            assert_eq!(told(true, issuer, cookie), expected, "{issuer}");
        }
    }
}
