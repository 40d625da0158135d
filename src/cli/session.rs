//! `gatekey session`: who is signed in where.

mod show;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, time};
use super::{Done, Failure, Place};
use crate::domain::id::{SessionId, UserId};
use crate::domain::session::Session as Signed;
use crate::domain::user_agent;

const PAGE: u32 = 500;

/// List and end sessions
#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// List sessions that have not been ended
    #[command(after_help = "Examples:\n  gatekey session list\n  gatekey session list --user alice --all --json")]
    List {
        /// Only this user's (name or id)
        #[arg(long)]
        user: Option<String>,
        /// Those that have been ended too
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a session: its applications, and its refresh tokens with their kind
    #[command(
        after_help = "Examples:\n  gatekey session show 0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d\n  gatekey session show 0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d --json"
    )]
    Show {
        /// The session's id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a session, or all of a user's, with everything that hangs on it, at once
    #[command(after_help = "Examples:\n  gatekey session revoke 0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d\n  gatekey session revoke --user alice")]
    Revoke {
        /// The session's id
        #[arg(conflicts_with = "user")]
        id: Option<String>,
        /// All sessions of this user (name or id), and what would outlive them
        #[arg(long)]
        user: Option<String>,
    },
}

impl Session {
    pub(super) fn run(self, place: &Place) -> Done {
        match self {
            Self::List { user, all, json } => list(place, user.as_deref(), all, json),
            Self::Show { id, json } => show::show(place, parse(&id)?, json),
            Self::Revoke { id: Some(id), .. } => {
                let id = parse(&id)?;
                let ended = place.administer(async |admin, _| Ok(admin.end_session(id).await?))?;
                output::print(&if ended.sessions == 0 { format!("{id} had ended before\n") } else { format!("Ended {id}\n") })
            }
            Self::Revoke { user: None, .. } => {
                Err(Failure("which session? Name its id (`gatekey session list` shows it), or end all of a user's with `--user NAME`".to_owned()))
            }
            Self::Revoke { user: Some(name), .. } => {
                let ended = place.administer(async |admin, _| {
                    let user = admin.user(&name).await?;
                    Ok(admin.end_sessions_of(user.id).await?)
                })?;
                output::print(&format!(
                    "Ended {} and {} of {name}\n",
                    output::count(ended.sessions, "session"),
                    output::count(ended.families, "refresh token chain")
                ))
            }
        }
    }
}

pub(super) fn parse(id: &str) -> Result<SessionId, String> {
    id.parse().map_err(|_| format!("`{id}` is not a session id: `gatekey session list` shows them"))
}

fn list(place: &Place, user: Option<&str>, all: bool, json: bool) -> Done {
    let (sessions, names) = place.administer(async |admin, _| {
        let user = match user {
            Some(name) => Some(admin.user(name).await?.id),
            None => None,
        };
        let mut sessions: Vec<Signed> = Vec::new();
        let mut after = None;
        loop {
            let page = admin.sessions(user, after, PAGE).await?;
            after = page.last().map(|session| session.id);
            let last = page.len() < PAGE as usize;
            sessions.extend(page.into_iter().filter(|session| all || session.ended.is_none()));
            if last {
                break;
            }
        }
        let mut names: HashMap<UserId, String> = HashMap::new();
        for session in &sessions {
            if let Entry::Vacant(unknown) = names.entry(session.user_id) {
                unknown.insert(admin.user(&session.user_id.to_string()).await?.username);
            }
        }
        Ok((sessions, names))
    })?;
    let name = |session: &Signed| names.get(&session.user_id).cloned().unwrap_or_default();
    if json {
        return output::json(&Value::Array(sessions.iter().map(|session| as_json(session, &name(session))).collect()));
    }
    let row = |session: &Signed| {
        let mut row = vec![session.id.to_string(), name(session), time(session.created_at), time(session.last_used_at)];
        if all {
            row.push(session.ended.map_or_else(String::new, |ended| format!("{} ({})", time(ended.at), ended.reason.as_str())));
        }
        row.extend([session.network.clone().unwrap_or_default(), user_agent::name(session.user_agent.as_deref().unwrap_or_default())]);
        row
    };
    let ended: &[&str] = if all { &["ended"] } else { &[] };
    output::table(&[&["id", "user", "signed in", "last used"], ended, &["network", "browser"]].concat(), &sessions.iter().map(row).collect::<Vec<_>>())
}

fn as_json(session: &Signed, username: &str) -> Value {
    json!({
        "id": session.id,
        "user_id": session.user_id,
        "username": username,
        "created_at": session.created_at,
        "auth_time": session.auth_time,
        "last_used_at": session.last_used_at,
        "acr": session.acr,
        "remembered": session.remembered,
        "user_agent": session.user_agent,
        "network": session.network,
        "device_bound_at": session.device.as_ref().map(|device| device.bound_at),
        "ended_at": session.ended.map(|ended| ended.at),
        "end_reason": session.ended.map(|ended| ended.reason.as_str()),
    })
}
