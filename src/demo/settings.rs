//! The issuer's settings in the demo: one user, one client, and lifetimes short enough to be watched.

use std::path::Path;

use super::DemoError;
use crate::domain::client::{ClientKind, ClientMetadata};
use crate::domain::duration::Lifetime;
use crate::domain::group::Groups;
use crate::domain::id::ClientId;
use crate::domain::redirect_uri::{RedirectUri, WebOrigin};
use crate::domain::scope::Scope;
use crate::domain::secret::Secret;
use crate::domain::user::Profile;
use crate::settings::{DeclaredClient, DeclaredUser, MasterKeySource, Settings};

pub(super) const CLIENT_ID: &str = "demo-spa";
/// Without `offline_access`: what the page holds ends with the session, which is what the page is there to show.
pub(super) const SCOPES: &str = "openid profile email notes:read";
pub(super) const USERNAME: &str = "ada";
/// Public on purpose: it is printed and shown on the page, and opens nothing but a demo that only this machine can reach.
pub(super) const PASSWORD: &str = "bernoulli-1843";
const PASSWORD_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$wM6qGV9OUUjYXYdpxHdDlQ$ZmgysEp+1HfyR6LTYCLPRpE/iFBB6yxBs/pCO8wMc00";

const MINUTE: i64 = 60;
/// The page renews this many seconds before an access token ends.
pub(super) const RENEW_BEFORE: u32 = 30;

/// `apps` are the page's origins, `api` is the API's URL, which is the audience of the access tokens.
pub(super) fn settings(issuer: &str, apps: &[String], api: &str, data: &Path) -> Result<Settings, DemoError> {
    let unfit = |error: &dyn std::fmt::Display| DemoError::Settings(error.to_string());
    let mut settings = Settings::for_issuer(issuer).map_err(|error| unfit(&error))?;
    settings.database.url = format!("sqlite://{}", data.join("gatekey.db").display());
    settings.master_key = MasterKeySource::File(data.join("gatekey.key"));

    settings.lifetimes.session_absolute = Lifetime::seconds(30 * MINUTE);
    settings.lifetimes.session_idle = Lifetime::seconds(10 * MINUTE);
    settings.lifetimes.access_token = Lifetime::seconds(2 * MINUTE);

    let homes = || apps.iter().map(|app| RedirectUri::parse(&format!("{app}/")).map_err(|error| unfit(&error))).collect::<Result<Vec<_>, _>>();
    let origins = apps.iter().map(|app| WebOrigin::parse(app).map_err(|error| unfit(&error))).collect::<Result<Vec<_>, _>>();
    let client = ClientMetadata {
        redirect_uris: homes()?,
        post_logout_redirect_uris: homes()?,
        web_origins: origins?,
        scope: Scope::parse(SCOPES).map_err(|error| unfit(&error))?,
        resources: vec![api.to_owned()],
        first_party: true,
        refresh_overlap: Lifetime::seconds(30),
        ..ClientMetadata::defaults(ClientKind::Spa, "the Gatekey demo")
    };
    let id = ClientId::parse(CLIENT_ID).map_err(|error| unfit(&error))?;
    client.check(&id).map_err(|error| unfit(&error))?;
    settings.clients = vec![DeclaredClient { id, metadata: client, secret_digest: None }];

    settings.users = vec![DeclaredUser {
        username: USERNAME.to_owned(),
        profile: Profile {
            name: Some("Ada Lovelace".to_owned()),
            given_name: Some("Ada".to_owned()),
            family_name: Some("Lovelace".to_owned()),
            email: Some("ada@example.com".to_owned()),
            email_verified: true,
            ..Profile::default()
        },
        groups: Groups::default(),
        role: None,
        password_hash: Some(Secret::new(PASSWORD_HASH.to_owned())),
    }];
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use argon2::Argon2;
    use argon2::password_hash::PasswordVerifier;
    use argon2::password_hash::phc::PasswordHash;

    use super::super::api;
    use super::*;

    #[test]
    fn the_password_that_is_shown_is_the_password() {
        let hash = PasswordHash::new(PASSWORD_HASH).unwrap();
        assert!(Argon2::default().verify_password(PASSWORD.as_bytes(), &hash).is_ok());
        assert!(Argon2::default().verify_password(b"another", &hash).is_err());
    }

    #[test]
    fn the_settings_stand_at_any_port() {
        let apps = ["http://localhost:2", "http://127.0.0.1:2"].map(str::to_owned);
        let settings = settings("http://localhost:1/", &apps, "http://localhost:3/", Path::new("somewhere")).unwrap();
        let client = &settings.clients.first().unwrap().metadata;
        for app in apps {
            assert!(client.allows_redirect(&format!("{app}/")) && client.allows_post_logout_redirect(&format!("{app}/")));
            assert!(!client.allows_redirect(&format!("{app}/other")));
        }
        assert!(client.scope.contains(api::SCOPE));
    }
}
