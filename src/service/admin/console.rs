//! The client that the console at `/admin` signs in by. The issuer registers it by itself at each start; a file that declares a client of its
//! id has the last word, and nothing else may take the id.

use super::{Admin, AdminError, declare, lifetime_policy};
use crate::domain::client::{Client, ClientKind, ClientMetadata};
use crate::domain::event::{EventKind, Object};
use crate::domain::id::ClientId;
use crate::domain::redirect_uri::{RedirectUri, WebOrigin};
use crate::domain::scope::Scope;
use crate::settings::{DeclaredClient, IssuerUrl, Settings};
use crate::store::{StoreError, clients, events, logout_notices};

/// Nobody may register a client of this id by a command or the admin API: whoever did could have it for the console's.
pub const CONSOLE: &str = "gatekey-console";

/// What its tokens are for: the admin API.
const AUDIENCE: &str = "urn:gatekey:admin";

/// Where the console is, below the issuer.
const PATH: &str = "admin";

/// Registers the console's client as it is to be, or takes it away where the console is switched off. `scopes`: the words of the admin API.
/// What is as it is to be already is not written.
pub async fn declare_console(admin: &Admin, settings: &Settings, scopes: &[&'static str]) -> Result<(), AdminError> {
    let client = client(&settings.issuer, scopes)?;
    if settings.clients.iter().any(|declared| declared.id == client.id) {
        return Ok(());
    }
    let wanted = settings.admin.console;
    let lookup = client.id.clone();
    let there = admin.store.read(move |db| clients::find(db, &lookup)).await?;
    let as_it_is_to_be = match &there {
        Some(there) if wanted => !there.managed_by_file && there.metadata == client.metadata,
        // One that a file once declared is the operator's.
        Some(there) => there.managed_by_file,
        None => !wanted,
    };
    if as_it_is_to_be {
        return Ok(());
    }
    let (occasion, mark) = (admin.occasion(admin.now()), lifetime_policy::mark(admin.entropy.as_ref()));
    let written = admin.store.write(move |db| {
        if wanted {
            return declare::client(db, client, false, &occasion).map(drop);
        }
        // Another replica may have done it meanwhile.
        if clients::find_held(db, &client.id)?.is_none() {
            return Ok(());
        }
        lifetime_policy::forget_client(db, &client.id, &mark, &occasion)?;
        clients::delete(db, &client.id)?;
        logout_notices::forget_client(db, &client.id)?;
        events::record(db, &occasion.event(EventKind::ClientDeleted, Object::Client(client.id)))
    });
    match written.await {
        // Another replica did it at the same time.
        Err(StoreError::Conflict) => Ok(()),
        other => Ok(other?),
    }
}

/// Public, with PKCE, and no consent to ask for: it is the issuer's own.
fn client(issuer: &IssuerUrl, scopes: &[&'static str]) -> Result<DeclaredClient, AdminError> {
    let refused = |why: String| AdminError::Refused(format!("the client of the console cannot be registered: {why}"));
    let id = ClientId::parse(CONSOLE).map_err(|error| refused(error.to_string()))?;
    let page = RedirectUri::parse(&issuer.join(PATH)).map_err(|error| refused(error.to_string()))?;
    let words: Vec<&str> = std::iter::once("openid").chain(scopes.iter().copied()).collect();
    let metadata = ClientMetadata {
        redirect_uris: vec![page.clone()],
        post_logout_redirect_uris: vec![page],
        web_origins: vec![WebOrigin::parse(issuer.origin()).map_err(|error| refused(error.to_string()))?],
        scope: Scope::parse(&words.join(" ")).map_err(|error| refused(error.to_string()))?,
        resources: vec![AUDIENCE.to_owned()],
        first_party: true,
        ..ClientMetadata::defaults(ClientKind::Spa, "Gatekey console")
    };
    metadata.check(&id)?;
    Ok(DeclaredClient { id, metadata, secret_digest: None })
}

/// Refuses the console's id to whoever registers a client.
pub(super) fn is_not_the_consoles(id: &ClientId) -> Result<(), AdminError> {
    if id.as_str() != CONSOLE {
        return Ok(());
    }
    Err(AdminError::Refused(format!("`{id}` is the client of the console at /admin, which the issuer registers by itself: choose another id")))
}

/// Refuses to change what the issuer registered for the console, or to delete it: the next start would undo it, and until then nobody could sign in
/// there. Stopping it (disabling it, ending what it has) is left to the administrator. One that a file declares is the file's, like any other.
pub(super) fn is_not_the_issuers(client: &Client) -> Result<(), AdminError> {
    if client.id.as_str() != CONSOLE || client.managed_by_file {
        return Ok(());
    }
    let id = &client.id;
    Err(AdminError::Refused(format!(
        "`{id}` is the client of the console at /admin, which the issuer registers by itself: declare it in the settings file to have it otherwise, or switch the console off there (`admin.console`)"
    )))
}
