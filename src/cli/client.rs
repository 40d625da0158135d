//! `gatekey client`: applications.

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, time, time_or, yes};
use super::{Done, Failure, Place, input};
use crate::domain::client::{Caution, Client as Registered, ClientKind};
use crate::domain::client_secret::SecretOverlap;
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::service::admin::{AdminError, CONSOLE, NewClient};

mod metadata;

use metadata::Options;
pub(super) use metadata::word;

const PAGE: u32 = 500;

/// Register, list, change and delete applications
#[derive(Debug, Subcommand)]
pub(super) enum Client {
    /// Register an application; a secret, if it has one, is shown once
    #[command(after_help = "\
Examples:
  gatekey client create notes --kind spa --name Notes --redirect-uri https://notes.example.com/callback
  gatekey client create desk --kind native --redirect-uri http://127.0.0.1/callback
  gatekey client create site --kind web --redirect-uri https://site.example.com/cb --lifetime session_idle=PT1H
  gatekey client create job --kind machine --scope reports:read --resource https://api.example.com/")]
    Create {
        /// The client_id
        id: String,
        /// spa, native, web or machine
        #[arg(long, value_parser = word::<ClientKind>)]
        kind: ClientKind,
        #[command(flatten)]
        options: Box<Options>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List applications
    #[command(after_help = "Examples:\n  gatekey client list\n  gatekey client list --json")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one application
    #[command(after_help = "Example:\n  gatekey client show notes --json")]
    Show {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change an application: what is named is replaced, a list by all that is named for it; the rest stays
    #[command(after_help = "\
Examples:
  gatekey client update notes --redirect-uri https://notes.example.com/callback --redirect-uri https://notes.example.com/silent
  gatekey client update notes --lifetime session_idle=PT1H --lifetime access_token=default
  gatekey client update notes --post-logout-redirect-uri none          the list is empty again
  gatekey client update notes --backchannel-logout-uri https://notes.example.com/backchannel-logout
  gatekey client update notes --subject-type pairwise --sector-identifier example.com
  gatekey client update notes --disable")]
    Update {
        id: String,
        #[command(flatten)]
        options: Box<Options>,
        /// Refuse everything this application asks for
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// Let a disabled application in again
        #[arg(long)]
        enable: bool,
    },
    /// Make a new secret, shown once; the old one is dead at once, or works beside it for a while
    #[command(
        after_help = "Examples:\n  gatekey client rotate-secret site\n  gatekey client rotate-secret site --overlap P1D      the old one works for a day more"
    )]
    RotateSecret {
        id: String,
        /// For how long the old secret works beside the new one: PT0S to P30D
        #[arg(long, value_name = "DURATION", default_value = "PT0S")]
        overlap: Lifetime,
    },
    /// End the secret before the present one now
    #[command(after_help = "Example:\n  gatekey client end-previous-secret site")]
    EndPreviousSecret { id: String },
    /// Delete an application with its sessions, consents and refresh tokens
    #[command(after_help = "Examples:\n  gatekey client delete notes\n  gatekey client delete notes --yes      ask nothing")]
    Delete {
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Client {
    pub(super) fn run(self, place: &Place) -> Done {
        match self {
            Self::Create { id, kind, options, json } => create(place, parse(&id)?, kind, *options, json),
            Self::List { json } => list(place, json),
            Self::Show { id, json } => {
                let id = parse(&id)?;
                let (client, now) = place.administer(async |admin, _| Ok((admin.client(&id).await?, admin.clock.now())))?;
                if json { output::json(&as_json(&client, None, now)) } else { show(&client, now) }
            }
            Self::Update { id, options, disable, enable } => update(place, &parse(&id)?, *options, disable, enable),
            Self::RotateSecret { id, overlap } => {
                let (id, overlap) = (parse(&id)?, SecretOverlap::of(overlap).map_err(|error| Failure(format!("--overlap: {error}: write PT0S to P30D")))?);
                let made = place.administer(async |admin, _| Ok(admin.rotate_client_secret_if(&id, overlap, Box::new(|_| Ok(()))).await?))?;
                output::print(&secret_note(&made.secret))?;
                made.previous_expires_at.map_or(Ok(()), |until| output::print(&format!("The old one works until {}\n", time(until))))
            }
            Self::EndPreviousSecret { id } => {
                let id = parse(&id)?;
                // Over the API that is no error, for nothing is to be done. Who types the name of a public client means another one.
                let has_one = |client: &Registered| if client.metadata.is_public() { Err(AdminError::PublicClient(client.id.clone())) } else { Ok(()) };
                place.administer(async |admin, _| Ok(admin.end_previous_client_secret(&id, Box::new(has_one)).await?))?;
                output::print(&format!("Only the present secret of {id} works\n"))
            }
            Self::Delete { id, yes } => {
                let id = parse(&id)?;
                place.administer(async |admin, _| {
                    admin.client(&id).await?;
                    if !yes {
                        input::confirm(&format!("Delete client {id} with its sessions, consents and refresh tokens?"))?;
                    }
                    Ok(admin.delete_client(&id).await?)
                })?;
                output::print(&format!("Deleted {id}\n"))
            }
        }
    }
}

fn parse(id: &str) -> Result<ClientId, Failure> {
    Ok(ClientId::parse(id)?)
}

fn secret_note(secret: &Secret<String>) -> String {
    format!("Secret (shown this once): {}\n", secret.expose())
}

fn create(place: &Place, id: ClientId, kind: ClientKind, options: Options, json: bool) -> Done {
    let metadata = options.new_metadata(kind, &id)?;
    let made = place.administer_new(async |admin, _| Ok((admin.create_client(NewClient { id, metadata }).await?, admin.clock.now())))?;
    let ((client, secret), now) = made;
    warn(&client.id, &client.metadata.cautions(None));
    if json {
        return output::json(&as_json(&client, secret.as_ref(), now));
    }
    output::print(&format!("Created {}\n", client.id))?;
    secret.map_or(Ok(()), |secret| output::print(&secret_note(&secret)))
}

fn warn(id: &ClientId, cautions: &[Caution]) {
    for caution in cautions {
        eprintln!("gatekey: warning: {id}: {caution}");
    }
}

fn update(place: &Place, id: &ClientId, options: Options, disable: bool, enable: bool) -> Done {
    if options.is_empty() && !disable && !enable {
        return Err(Failure("nothing to change was named: see `gatekey client update --help`".to_owned()));
    }
    options.check()?;
    place.administer(async |admin, _| {
        let now = admin.clock.now();
        let change = move |client: &mut Registered| {
            options.apply(&mut client.metadata);
            if disable {
                client.disabled_at = client.disabled_at.or(Some(now));
            } else if enable {
                client.disabled_at = None;
            }
        };
        let before = admin.client(id).await?.metadata;
        let client = admin.update_client(id, Box::new(change)).await?;
        warn(id, &client.metadata.cautions(Some(&before)));
        let note = if client.managed_by_file { "; it is declared in gatekey.toml, which wins at the next start" } else { "" };
        output::print(&format!("Changed {id}{note}\n"))
    })
}

fn list(place: &Place, json: bool) -> Done {
    let (clients, now) = place.administer(async |admin, _| {
        let mut clients: Vec<Registered> = Vec::new();
        loop {
            let page = admin.clients(clients.last().map(|client| client.id.clone()), PAGE).await?;
            let last = page.len() < PAGE as usize;
            clients.extend(page);
            if last {
                return Ok((clients, admin.clock.now()));
            }
        }
    })?;
    if json {
        return output::json(&Value::Array(clients.iter().map(|client| as_json(client, None, now)).collect()));
    }
    let row = |client: &Registered| {
        vec![
            client.id.to_string(),
            text(&client.metadata.kind),
            client.metadata.name.clone(),
            if client.disabled_at.is_some() { "disabled" } else { "enabled" }.to_owned(),
            declared_by(client).to_owned(),
            client.metadata.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>().join(" "),
        ]
    };
    output::table(&["id", "kind", "name", "state", "declared by", "redirect uris"], &clients.iter().map(row).collect::<Vec<_>>())
}

/// Whoever registered it otherwise than by the file is not kept, but the console's own client is nobody else's.
fn declared_by(client: &Registered) -> &'static str {
    match client {
        Registered { managed_by_file: true, .. } => "file",
        client if client.id.as_str() == CONSOLE => "the server itself",
        _ => "command or API",
    }
}

fn show(client: &Registered, now: Timestamp) -> Done {
    let metadata = &client.metadata;
    let uris = |uris: &[crate::domain::redirect_uri::RedirectUri]| uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>().join(" ");
    let lifetimes = serde_json::to_value(metadata.lifetimes)?;
    let lifetimes: Vec<String> =
        lifetimes.as_object().into_iter().flatten().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    let secret = match (metadata.is_public(), client.secret_digest.is_some()) {
        (true, _) => "not needed (public)",
        (false, true) => "set",
        (false, false) => "none: run `gatekey client rotate-secret`",
    };
    output::properties(&[
        ("id", client.id.to_string()),
        ("name", metadata.name.clone()),
        ("kind", text(&metadata.kind)),
        ("authentication", text(&metadata.authentication)),
        ("secret", secret.to_owned()),
        (
            "previous secret",
            client.live_previous_secret(now).map_or_else(|| "none".to_owned(), |previous| format!("works until {}", time(previous.expires_at))),
        ),
        ("grant types", metadata.grant_types.iter().map(text).collect::<Vec<_>>().join(" ")),
        ("redirect uris", uris(&metadata.redirect_uris)),
        ("post-logout redirect uris", uris(&metadata.post_logout_redirect_uris)),
        ("back-channel logout uri", metadata.backchannel_logout_uri.as_ref().map(|uri| uri.as_str().to_owned()).unwrap_or_default()),
        ("front-channel logout uri", metadata.frontchannel_logout_uri.as_ref().map(|uri| uri.as_str().to_owned()).unwrap_or_default()),
        ("may be framed", yes(metadata.may_be_framed)),
        ("FedCM", yes(metadata.fedcm)),
        ("privacy policy", metadata.policy_uri.clone().unwrap_or_default()),
        ("terms of service", metadata.tos_uri.clone().unwrap_or_default()),
        ("web origins", metadata.web_origins.iter().map(|origin| origin.as_str()).collect::<Vec<_>>().join(" ")),
        ("scope", metadata.scope.to_string()),
        ("resources", metadata.resources.join(" ")),
        ("first party", yes(metadata.first_party)),
        ("requires PKCE", yes(metadata.require_pkce)),
        ("requires DPoP", yes(metadata.dpop_bound_access_tokens)),
        ("id token algorithm", metadata.id_token_signed_response_alg.as_str().to_owned()),
        ("userinfo algorithm", metadata.userinfo_signed_response_alg.map_or("none (JSON)", |alg| alg.as_str()).to_owned()),
        ("subject type", text(&metadata.subject_type)),
        ("sector", metadata.sector().map(String::from).unwrap_or_default()),
        ("refresh overlap", metadata.refresh_overlap.to_string()),
        ("own lifetimes", lifetimes.join(" ")),
        ("disabled", time_or(client.disabled_at, "no")),
        ("declared in file", yes(client.managed_by_file)),
        ("created", time(client.created_at)),
        ("updated", time(client.updated_at)),
    ])
}

/// The word an enum is written as.
fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn as_json(client: &Registered, secret: Option<&Secret<String>>, now: Timestamp) -> Value {
    let mut value = json!(client.metadata);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("id".to_owned(), json!(client.id));
        fields.insert("has_secret".to_owned(), json!(client.secret_digest.is_some()));
        fields.insert("previous_secret_expires_at".to_owned(), json!(client.live_previous_secret(now).map(|previous| previous.expires_at)));
        fields.insert("disabled_at".to_owned(), json!(client.disabled_at));
        fields.insert("managed_by_file".to_owned(), json!(client.managed_by_file));
        fields.insert("created_at".to_owned(), json!(client.created_at));
        fields.insert("updated_at".to_owned(), json!(client.updated_at));
        if let Some(secret) = secret {
            fields.insert("client_secret".to_owned(), json!(secret.expose()));
        }
    }
    value
}
