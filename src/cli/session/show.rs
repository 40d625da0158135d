//! `gatekey session show`: one session, and what hangs on it.

use serde_json::{Value, json};

use super::{PAGE, as_json};
use crate::cli::output::{self, time};
use crate::cli::{Done, Place};
use crate::domain::client_session::ClientSession;
use crate::domain::id::SessionId;
use crate::domain::refresh_family::RefreshFamily;
use crate::domain::scope::{OFFLINE_ACCESS, ONLINE_ACCESS};
use crate::domain::session::Ended;
use crate::domain::user_agent;
use crate::service::admin::listed::Order;
use crate::service::admin::{Admin, AdminError, FamilyFilter};

pub(super) fn show(place: &Place, id: SessionId, json: bool) -> Done {
    let (session, username, clients, families) = place.administer(async |admin, _| {
        let session = admin.session(id).await?;
        let username = admin.user(&session.user_id.to_string()).await?.username;
        Ok((session, username, clients(admin, id).await?, families(admin, id).await?))
    })?;
    if json {
        let (applications, tokens): (Vec<Value>, Vec<Value>) = (clients.iter().map(application_json).collect(), families.iter().map(family_json).collect());
        return output::json(&json!({"session": as_json(&session, &username), "applications": applications, "refresh_tokens": tokens}));
    }
    let network = session.network.clone().unwrap_or_default();
    output::properties(&[
        ("id", session.id.to_string()),
        ("user", username),
        ("began", time(session.created_at)),
        ("signed in", time(session.auth_time)),
        ("last used", time(session.last_used_at)),
        ("ended", ended(session.ended)),
        ("network", network),
        ("browser", user_agent::name(session.user_agent.as_deref().unwrap_or_default())),
        ("bound to its device", session.device.as_ref().map_or_else(String::new, |device| time(device.bound_at))),
    ])?;
    let application = |client: &ClientSession| vec![client.client_id.to_string(), time(client.created_at), time(client.last_used_at), ended(client.ended)];
    output::print("\n")?;
    output::table(&["application", "since", "last used", "ended"], &clients.iter().map(application).collect::<Vec<_>>())?;
    let family = |family: &RefreshFamily| {
        vec![
            family.id.to_string(),
            family.client_id.to_string(),
            kind(family).to_owned(),
            time(family.created_at),
            time(family.last_used_at),
            ended(family.ended),
        ]
    };
    output::print("\n")?;
    output::table(&["refresh token", "application", "kind", "since", "last used", "ended"], &families.iter().map(family).collect::<Vec<_>>())
}

/// Its applications, all of them.
async fn clients(admin: &Admin, id: SessionId) -> Result<Vec<ClientSession>, AdminError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (page, _) = admin.below_session(id, after, PAGE).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Its refresh families, all of them, in the order they were made.
async fn families(admin: &Admin, id: SessionId) -> Result<Vec<RefreshFamily>, AdminError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let of_session = FamilyFilter { session: Some(id), ..FamilyFilter::default() };
        let page = admin.refresh_families(of_session, Order::Ascending, after, PAGE).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn ended(ended: Option<Ended>) -> String {
    ended.map_or_else(String::new, |ended| format!("{} ({})", time(ended.at), ended.reason.as_str()))
}

/// The scope that makes it what it is; without one it rotates and ends with the session.
fn kind(family: &RefreshFamily) -> &'static str {
    let scope = &family.grant.scope;
    if scope.contains(OFFLINE_ACCESS) {
        OFFLINE_ACCESS
    } else if scope.contains(ONLINE_ACCESS) {
        ONLINE_ACCESS
    } else {
        "session"
    }
}

fn application_json(client: &ClientSession) -> Value {
    json!({
        "client_id": client.client_id,
        "created_at": client.created_at,
        "last_used_at": client.last_used_at,
        "ended_at": client.ended.map(|ended| ended.at),
        "end_reason": client.ended.map(|ended| ended.reason.as_str()),
    })
}

fn family_json(family: &RefreshFamily) -> Value {
    json!({
        "grant": family.id,
        "client_id": family.client_id,
        "kind": kind(family),
        "scope": family.grant.scope,
        "created_at": family.created_at,
        "last_used_at": family.last_used_at,
        "ended_at": family.ended.map(|ended| ended.at),
        "end_reason": family.ended.map(|ended| ended.reason.as_str()),
    })
}
