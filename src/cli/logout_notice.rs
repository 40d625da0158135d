//! `gatekey logout-notice`: what applications have still to be told of sessions that ended.

use clap::Subcommand;
use serde_json::json;

use super::output::{self, time, time_or};
use super::{Done, Failure, Place};
use crate::domain::id::ClientId;
use crate::domain::logout_notice::LogoutNotice as Notice;

const PAGE: u32 = 500;

/// List and retry what applications have still to be told of ended sessions
#[derive(Debug, Subcommand)]
pub(super) enum LogoutNotice {
    /// List what no application has answered yet, with the last error and the next try
    #[command(after_help = "Examples:\n  gatekey logout-notice list\n  gatekey logout-notice list --client notes --json")]
    List {
        /// Only this application's
        #[arg(long)]
        client: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have a running server send them now, those given up too
    #[command(after_help = "Examples:\n  gatekey logout-notice retry\n  gatekey logout-notice retry --client notes")]
    Retry {
        /// Only this application's
        #[arg(long)]
        client: Option<String>,
    },
}

impl LogoutNotice {
    pub(super) fn run(self, place: &Place) -> Done {
        match self {
            Self::List { client, json } => list(place, parse(client)?, json),
            Self::Retry { client } => {
                let client = parse(client)?;
                let count = place.administer(async |admin, _| Ok(admin.retry_logout_notices(client).await?))?;
                output::print(&format!("{} to be sent now\n", output::count(count, "notice")))
            }
        }
    }
}

fn parse(client: Option<String>) -> Result<Option<ClientId>, Failure> {
    Ok(client.map(|id| ClientId::parse(&id)).transpose()?)
}

fn list(place: &Place, client: Option<ClientId>, json: bool) -> Done {
    let notices = place.administer(async |admin, _| {
        let mut notices: Vec<Notice> = Vec::new();
        loop {
            let after = notices.last().map(|notice| (notice.session_id, notice.client_id.clone()));
            let page = admin.logout_notices(client.clone(), after, PAGE).await?;
            let last = page.len() < PAGE as usize;
            notices.extend(page);
            if last {
                return Ok(notices);
            }
        }
    })?;
    if json {
        return output::json(&json!(notices));
    }
    let row = |notice: &Notice| {
        vec![
            notice.client_id.to_string(),
            notice.session_id.to_string(),
            time(notice.ended_at),
            notice.attempts.to_string(),
            time_or(notice.next_try_at, "gave up"),
            notice.last_error.clone().unwrap_or_default(),
        ]
    };
    output::table(&["client", "session", "ended", "tries", "next try", "last error"], &notices.iter().map(row).collect::<Vec<_>>())
}
