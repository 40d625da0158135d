//! `gatekey event`: what happened.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, NaiveDate};
use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, time};
use super::{Done, Failure, Place};
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::event::{Actor, Detail, Event as Told, EventKind, Object};
use crate::domain::id::UserId;
use crate::settings::known::nearest_of;
use crate::store::events::Filter;

const PAGE: u32 = 500;

/// Show what happened, by whom and to what
#[derive(Debug, Subcommand)]
pub(super) enum Event {
    /// List events, the newest first (docs/events.md has the vocabulary)
    #[command(
        after_help = "Examples:\n  gatekey event list\n  gatekey event list --user alice --since P7D\n  gatekey event list --kind refresh.reuse_detected --json\n  gatekey event list --object notes --since 2026-11-01 --limit 1000"
    )]
    List {
        /// Only those that concern this user (name or id; of one who was deleted, the id)
        #[arg(long)]
        user: Option<String>,
        /// Only of this kind, such as `session.revoked`
        #[arg(long)]
        kind: Option<String>,
        /// Only from this time on: a duration back from now (`P7D`), a date or an RFC 3339 time
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Only of what has this id: a client, session, user, grant or key
        #[arg(long, value_name = "ID")]
        object: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Event {
    pub(super) fn run(self, place: &Place) -> Done {
        let Self::List { user, kind, since, object, limit, json } = self;
        let kind = kind.map(|word| parse_kind(&word)).transpose()?;
        let (events, names) = place.administer(async |admin, _| {
            let since = since.map(|text| parse_since(&text, admin.clock.now())).transpose()?;
            let user = match user {
                Some(name) => Some(match name.parse::<UserId>() {
                    // Of one who was deleted, too.
                    Ok(id) => id,
                    Err(_) => admin.user(&name).await?.id,
                }),
                None => None,
            };
            let filter = Filter { user, object, kind, since };
            let mut events: Vec<Told> = Vec::new();
            while events.len() < limit {
                let wanted = u32::try_from(limit - events.len()).unwrap_or(PAGE).min(PAGE);
                let page = admin.events(filter.clone(), events.last().map(|event| event.id), wanted).await?;
                let last = page.len() < wanted as usize;
                events.extend(page);
                if last {
                    break;
                }
            }
            let mut names: HashMap<UserId, String> = HashMap::new();
            for user in events.iter().flat_map(users_of) {
                if let Entry::Vacant(unknown) = names.entry(user) {
                    // Who is gone is called by the id.
                    unknown.insert(admin.user(&user.to_string()).await.map_or_else(|_| user.to_string(), |user| user.username));
                }
            }
            Ok((events, names))
        })?;
        if json {
            return output::json(&Value::Array(events.iter().map(as_json).collect()));
        }
        let name = |id: &UserId| names.get(id).cloned().unwrap_or_else(|| id.to_string());
        let row = |event: &Told| {
            let actor = match &event.actor {
                Actor::User(id) => name(id),
                Actor::Client(id) => id.to_string(),
                other => other.kind().replace('_', " "),
            };
            let object = match &event.object {
                Object::User(id) => format!("user {}", name(id)),
                other => format!("{} {}", other.kind().replace('_', " "), other.id().unwrap_or_default()).trim_end().to_owned(),
            };
            let user = event.user.as_ref().map(&name).unwrap_or_default();
            vec![time(event.at), event.kind.as_str().to_owned(), actor, object, user, event.network.clone().unwrap_or_default(), detail(event)]
        };
        output::table(&["time", "event", "by", "what", "user", "network", "detail"], &events.iter().map(row).collect::<Vec<_>>())
    }
}

fn users_of(event: &Told) -> impl Iterator<Item = UserId> {
    let of_actor = if let Actor::User(id) = &event.actor { Some(*id) } else { None };
    let of_object = if let Object::User(id) = &event.object { Some(*id) } else { None };
    [event.user, of_actor, of_object].into_iter().flatten()
}

/// In a few words: what is long is for `--json`.
fn detail(event: &Told) -> String {
    let fields = event.detail.fields();
    let changed = |value: &Value| value.as_object().map(|changed| changed.keys().cloned().collect::<Vec<_>>().join(","));
    let word = |(name, value): (&String, &Value)| match (name.as_str(), value) {
        ("before", _) | (_, Value::Null) => None,
        ("after", value) => Some(format!("changed={}", changed(value).unwrap_or_else(|| value.to_string()))),
        (_, Value::String(text)) => Some(format!("{name}={text}")),
        (_, Value::Object(_) | Value::Array(_)) => None,
        (_, value) => Some(format!("{name}={value}")),
    };
    fields.iter().filter_map(word).chain(groups(&event.detail)).collect::<Vec<_>>().join(" ")
}

/// The groups that a user is in from then on, where it tells of them.
fn groups(detail: &Detail) -> Option<String> {
    let fields = detail.fields();
    let (changed, given) = (fields.get("after").and_then(|after| after.get("groups")), fields.get("groups"));
    let names: Vec<&str> = changed.or(given)?.as_array()?.iter().filter_map(Value::as_str).collect();
    match names.is_empty() {
        true => changed.map(|_| "groups=none".to_owned()),
        false => Some(format!("groups={}", names.join(","))),
    }
}

fn as_json(event: &Told) -> Value {
    json!({
        "id": event.id,
        "at": event.at,
        "kind": event.kind.as_str(),
        "actor": {"kind": event.actor.kind(), "id": event.actor.id()},
        "object": {"kind": event.object.kind(), "id": event.object.id()},
        "user_id": event.user,
        "network": event.network,
        "request_id": event.request_id,
        "detail": event.detail.fields(),
    })
}

fn parse_kind(word: &str) -> Result<EventKind, Failure> {
    EventKind::parse(word).ok_or_else(|| {
        let near = nearest_of(word, EventKind::ALL.iter().map(|kind| kind.as_str())).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Failure(format!("there is no event `{word}`: {near}docs/events.md has them all"))
    })
}

fn parse_since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let back = text.parse::<Lifetime>().ok().and_then(|back| if let Lifetime::Limited(back) = back { now.checked_sub_signed(back) } else { None });
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|midnight| midnight.and_utc());
    let instant = || DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    back.or_else(day)
        .or_else(instant)
        .ok_or_else(|| Failure(format!("`{text}` is no time: write a duration such as P7D, a date such as 2026-11-24, or a time such as 2026-11-24T16:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_duration_a_date_or_a_time() {
        let now = "2026-11-24T16:00:00Z".parse().unwrap();
        for (text, expected) in [("P7D", "2026-11-17T16:00:00Z"), ("2026-11-01", "2026-11-01T00:00:00Z"), ("2026-11-01T10:00:00+02:00", "2026-11-01T08:00:00Z")]
        {
            assert_eq!(time(parse_since(text, now).unwrap()), expected);
        }
        for text in ["", "yesterday", "unlimited", "2026-13-01"] {
            assert!(parse_since(text, now).unwrap_err().0.contains("no time"), "{text}");
        }
    }

    #[test]
    fn groups_are_told_where_they_are_given_or_changed() {
        for (text, told) in [
            (r#"{"username":"ann","groups":["admins","staff"]}"#, Some("groups=admins,staff")),
            (r#"{"username":"ann","groups":[]}"#, None),
            (r#"{"before":{"groups":[]},"after":{"groups":["staff"]}}"#, Some("groups=staff")),
            (r#"{"before":{"groups":["staff"]},"after":{"groups":[]}}"#, Some("groups=none")),
            (r#"{"before":{"name":"Ann"},"after":{"name":"Anne"}}"#, None),
            (r#"{"client":null,"group":"staff","before":null,"after":{"session_idle":"PT1H"}}"#, None),
        ] {
            assert_eq!(groups(&Detail::from_text(text).unwrap()).as_deref(), told, "{text}");
        }
    }

    #[test]
    fn a_misspelt_kind_is_told_the_nearest() {
        assert_eq!(parse_kind("session.revoked").unwrap(), EventKind::SessionRevoked);
        assert!(parse_kind("session.revokd").unwrap_err().0.contains("`session.revoked`"));
    }
}
