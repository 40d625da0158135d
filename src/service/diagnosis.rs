//! Gathers what a diagnosis is made from: settings, database, and one request to the issuer's own address. Nothing is changed; what cannot be reached is a fact too.

use std::net::IpAddr;
use std::sync::Arc;

use super::Core;
use super::admin::{Admin, AdminError, Installation as Opened, InstallationError, is_out_of_time};
use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::domain::group::Groups;
use crate::domain::id::ClientId;
use crate::domain::signing_key::KeyState;
use crate::outbound::{Outbound, Undelivered};
use crate::protocol::diagnosis::browser::{Arrived, PageFacts};
use crate::protocol::diagnosis::client::{self, ClientFacts};
use crate::protocol::diagnosis::server::{self, Answer, Discovery, Installation, Keys, ServerFacts, Trusted, Unopened};
use crate::protocol::diagnosis::{Code, Finding};
use crate::protocol::lifetime_policy::{ClientPolicy, Policy};
use crate::protocol::reach::Reach;
use crate::settings::{DeviceBound, SameSite, Settings};
use crate::store::{OpenError, registered};

/// What was found of the server, and of the client that was asked for.
#[derive(Debug)]
pub struct Diagnosis {
    pub server: Vec<Finding>,
    pub client: Vec<Finding>,
}

pub async fn diagnose(settings: &Settings, client: Option<&ClientId>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Diagnosis {
    let (installation, admin) = match Opened::open_existing(settings).await {
        Ok(opened) => {
            let admin = opened.admin(clock.clone(), entropy);
            (Installation::Opened(keys(&admin, settings).await.map_err(|error| error.to_string())), Some(admin))
        }
        Err(error) => (Installation::Unopened(kind(&error), error.to_string()), None),
    };
    let trusted = match &settings.trust_proxy {
        nobody if nobody.is_empty() => Trusted::Nobody,
        everybody if everybody.is_everybody() => Trusted::Everybody,
        _ => Trusted::Some,
    };
    let discovery = discovery(settings, clock.as_ref()).await;
    let issuer = settings.issuer.as_str();
    let device_bound = settings.sessions.device_bound == DeviceBound::WhereSupported;
    let server = server::diagnose(&ServerFacts { issuer, listen: settings.listen, trusted, device_bound, installation: &installation, discovery: &discovery });
    let client = match client {
        Some(id) => client_findings(settings, admin.as_ref(), id, clock.as_ref()).await,
        None => Vec::new(),
    };
    if let Some(admin) = admin {
        admin.store.close().await;
    }
    Diagnosis { server, client }
}

/// What a request for the page `/diagnose` shows of an application; `peer` is who sent it here.
pub fn page_facts<'a>(core: &'a Core, client: &'a Client, origin: Option<&'a str>, peer: Option<IpAddr>, arrived: Arrived<'a>) -> PageFacts<'a> {
    let from_trusted = peer.map(|peer| core.settings.trust_proxy.contains(peer));
    let cookie_in_foreign_frames = core.settings.cookies.same_site == SameSite::None;
    PageFacts { client, issuer: core.issuer(), cookie_in_foreign_frames, origin, arrived: Arrived { from_trusted, ..arrived } }
}

const fn kind(error: &InstallationError) -> Unopened {
    match error {
        InstallationError::Store(OpenError::FileMissing(_) | OpenError::DirectoryMissing(_)) => Unopened::Missing,
        InstallationError::Store(OpenError::MigrationsPending(_)) => Unopened::Pending,
        InstallationError::NotSetUp => Unopened::NotSetUp,
        InstallationError::MasterKeySource(_) | InstallationError::MasterKey { .. } | InstallationError::OtherMasterKey => Unopened::MasterKey,
        InstallationError::Store(_) | InstallationError::Read(_) => Unopened::Other,
    }
}

async fn keys(admin: &Admin, settings: &Settings) -> Result<Keys, AdminError> {
    let now = admin.clock.now();
    let mut needed = admin.store.scan(registered::signing_algs).await?;
    needed.extend(&settings.keys.algorithms);
    let keys = admin.keys(&settings.lifetimes).await?;
    Ok(Keys {
        needed,
        signing: keys.iter().filter(|key| key.state == KeyState::Active).map(|key| key.alg).collect(),
        ahead: keys.iter().filter(|key| is_out_of_time(key, settings.keys.announce, now)).map(|key| key.kid.clone()).collect(),
    })
}

async fn discovery(settings: &Settings, clock: &dyn Clock) -> Discovery {
    // It goes to the issuer's address and nowhere else, wherever that is.
    let outbound = match Outbound::new(Reach::anywhere(), settings.logout.ca_file.as_deref()) {
        Ok(outbound) => outbound,
        Err(error) => return Discovery::NoTls(error.to_string()),
    };
    let asked_at = clock.now();
    match outbound.get(&settings.issuer.join(".well-known/openid-configuration")).await {
        Err(Undelivered::NoTls { why, .. }) => Discovery::NoTls(why),
        Err(error @ (Undelivered::NoHttp(_) | Undelivered::Silent(_))) => Discovery::NoHttp(error.to_string()),
        Err(error) => Discovery::NoConnection(error.to_string()),
        Ok(answer) => {
            let header = |name| answer.header(name).map(str::to_owned);
            let (status, location, date, age) = (answer.status, header("location"), header("date"), header("age"));
            Discovery::Answered(Answer { status, location, date, age, body: answer.body, asked_at, answered_at: clock.now() })
        }
    }
}

async fn client_findings(settings: &Settings, admin: Option<&Admin>, id: &ClientId, clock: &dyn Clock) -> Vec<Finding> {
    let declared = settings.clients.iter().find(|client| client.id == *id).map(|declared| {
        let (metadata, secret_digest, now) = (declared.metadata.clone(), declared.secret_digest, clock.now());
        Client { id: id.clone(), metadata, secret_digest, previous_secret: None, disabled_at: None, managed_by_file: true, created_at: now, updated_at: now }
    });
    let mut found = Vec::new();
    // Whether the database has answered, and what.
    let (answered, registered) = match admin {
        Some(admin) => match admin.client(id).await {
            Ok(client) => (true, Some(client)),
            Err(AdminError::NotFound { .. }) => (true, None),
            Err(error) => {
                found.push(Finding::new(Code::DatabaseUnusable, error.to_string()));
                (false, None)
            }
        },
        None => (false, None),
    };
    let client = match (registered, declared) {
        (Some(registered), None) => registered,
        // What it will be is looked at: whoever has just mended the file is not told to mend it again.
        (Some(registered), Some(declared)) => {
            let secret_digest = declared.secret_digest.or(registered.secret_digest);
            if declared.metadata != registered.metadata || secret_digest != registered.secret_digest {
                let text = format!(
                    "gatekey.toml says otherwise of the client {id} than the database: the server has not been started since, or a command has changed the client; the rest is told of what the file says"
                );
                found.push(Finding::new(Code::ClientOutdated, text).change("start the server anew: it writes the declared clients at each start"));
            }
            Client { metadata: declared.metadata, secret_digest, managed_by_file: true, ..registered }
        }
        (None, Some(declared)) => {
            if answered {
                let text = format!("the client {id} is in gatekey.toml, but not in the database yet");
                found.push(Finding::new(Code::ClientUnknown, text).change("start the server anew: it writes the declared clients at each start"));
            }
            declared
        }
        (None, None) => {
            let text =
                if answered { format!("there is no client {id}") } else { format!("the client {id} is not in gatekey.toml, and the database cannot be asked") };
            found.push(Finding::new(Code::ClientUnknown, text).change("see `gatekey client list` for those there are; the id is compared byte for byte"));
            return found;
        }
    };
    let default = Policy { default: settings.lifetimes, rules: Arc::default() };
    let policy = match admin {
        Some(admin) => admin.lifetime_policy(&settings.lifetimes).await.unwrap_or(default),
        None => default,
    };
    let limits = ClientPolicy::new(&policy, Some(&client)).limits(Some(&Groups::default()), Some(Acr::Password));
    let reach =
        Reach { private: settings.logout.allow_private_networks, listed: settings.logout.allow_networks.clone(), development: settings.issuer.is_local() };
    found.extend(client::diagnose(&ClientFacts {
        client: &client,
        issuer: settings.issuer.as_str(),
        cookie_in_foreign_frames: settings.cookies.same_site == SameSite::None,
        access_token: limits.access_token,
        reach: &reach,
    }));
    found
}
