//! What `gatekey policy` prints.

use serde_json::{Map, Value, json};

use crate::cli::output::{self, count, time, time_or};
use crate::cli::{Done, Failure};
use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::lifetime::{Limit, LimitOverrides, Limits};
use crate::domain::lifetime_rule::{LifetimeRule, Selector};
use crate::domain::session::Ended;
use crate::protocol::lifetime_policy::Policy;
use crate::protocol::lifetime_policy::explain::{Candidate, Explanation, Source};
use crate::protocol::lifetime_policy::simulate::{Asked, Walk};
use crate::protocol::session::Unusable;
use crate::service::admin::{Admin, Changed, ExplainedSession, Impact, RegisteredLimits, limits_text};

fn all(limits: &Limits) -> Vec<String> {
    Limit::ALL.iter().map(|limit| format!("{}={}", limit.as_str(), limits.get(*limit))).collect()
}

fn limits_json(limits: &LimitOverrides) -> Value {
    Value::Object(limits.iter().map(|(limit, value)| (limit.as_str().to_owned(), json!(value))).collect())
}

fn rule_json(rule: &LifetimeRule) -> Value {
    let mut fields = serde_json::to_value(&rule.selector).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
    fields.insert("limits".into(), limits_json(&rule.limits));
    fields.insert("managed_by_file".into(), json!(rule.managed_by_file));
    fields.insert("updated_at".into(), json!(rule.updated_at));
    Value::Object(fields)
}

pub(super) fn policy(policy: &Policy, registered: &[RegisteredLimits], json: bool) -> Done {
    if json {
        let settings: Map<String, Value> = Limit::ALL.iter().map(|limit| (limit.as_str().to_owned(), json!(policy.default.get(*limit)))).collect();
        let registered = registered.iter().map(|own| json!({ "client": own.client, "limits": limits_json(&own.limits) }));
        return output::json(&json!({
            "settings": settings,
            "registered": registered.collect::<Vec<_>>(),
            "rules": policy.rules.iter().map(rule_json).collect::<Vec<_>>(),
        }));
    }
    let mut rows = vec![vec!["[lifetimes]".to_owned(), "settings".to_owned(), String::new(), all(&policy.default).join(" ")]];
    rows.extend(registered.iter().map(|own| {
        let whom = Selector { client: Some(own.client.clone()), ..Selector::default() };
        vec![whom.to_string(), "registration".to_owned(), time(own.updated_at), limits_text(&own.limits)]
    }));
    rows.extend(policy.rules.iter().map(|rule| {
        let declared = if rule.managed_by_file { "file" } else { "command or API" };
        vec![rule.selector.to_string(), declared.to_owned(), time(rule.updated_at), limits_text(&rule.limits)]
    }));
    output::table(&["whom", "declared by", "changed", "limits"], &rows)
}

pub(super) fn changed(selector: &Selector, changed: &Changed, json: bool) -> Done {
    if json {
        return output::json(&json!({ "before": changed.before.as_ref().map(rule_json), "after": changed.after.as_ref().map(rule_json) }));
    }
    output::print(&match (&changed.before, &changed.after) {
        (None, None) => {
            return Err(Failure(format!(
                "there is no rule for {selector}: `gatekey policy show` shows those there are; what a client is registered with is changed by `gatekey client update`"
            )));
        }
        (_, Some(after)) => format!("Rule for {selector}: {}\n", limits_text(&after.limits)),
        (Some(before), None) => format!("Took away the rule for {selector} ({})\n", limits_text(&before.limits)),
    })
}

pub(super) async fn impact(admin: &Admin, selector: &Selector, impact: &Impact, json: bool) -> Done {
    const WHEN: [&str; 3] = ["now", "in a day", "in a week"];
    let mut sample = Vec::new();
    for one in &impact.sample {
        sample.push((one.session, admin.user(&one.user.to_string()).await?.username));
    }
    if json {
        let horizons = impact.horizons.iter().zip(["now", "day", "week"]).map(|(horizon, name)| {
            let value = json!({
                "sessions": horizon.sessions, "sessions_changed": horizon.sessions_changed,
                "families": horizon.families, "families_changed": horizon.families_changed,
            });
            (name.to_owned(), value)
        });
        let sample: Vec<Value> = sample.iter().map(|(session, username)| json!({ "session": session, "username": username })).collect();
        return output::json(&json!({
            "running": { "sessions": impact.sessions, "families": impact.families },
            "ended_if_not_used": horizons.collect::<Map<_, _>>(),
            "ended_at_once": sample,
        }));
    }
    output::print(&format!(
        "Nothing was changed. Running now: {}, {}. With the rule for {selector} so changed, of these will have ended, if they are not used meanwhile:\n\n",
        count(impact.sessions, "session"),
        count(impact.families, "refresh token chain"),
    ))?;
    let rows: Vec<Vec<String>> = impact
        .horizons
        .iter()
        .zip(WHEN)
        .map(|(horizon, when)| {
            let numbers = [horizon.sessions, horizon.sessions_changed, horizon.families, horizon.families_changed];
            std::iter::once(when.to_owned()).chain(numbers.map(|number| number.to_string())).collect()
        })
        .collect();
    output::table(&["", "sessions as it is", "changed", "chains as it is", "changed"], &rows)?;
    if sample.is_empty() {
        return Ok(());
    }
    let lines: String = sample.iter().map(|(session, username)| format!("  {session}  {username}\n")).collect();
    output::print(&format!("\nAmong the sessions that would end at once:\n{lines}"))
}

fn source(candidate: &Candidate) -> String {
    match &candidate.source {
        Source::Settings => "[lifetimes]".to_owned(),
        Source::Client => "registration of the client".to_owned(),
        Source::Rule(selector) => format!("rule for {selector}"),
    }
}

fn explanations_json(explanations: &[Explanation]) -> Value {
    let candidate = |candidate: &Candidate| {
        let (kind, rule) = match &candidate.source {
            Source::Settings => ("settings", None),
            Source::Client => ("client", None),
            Source::Rule(selector) => ("rule", Some(selector)),
        };
        json!({ "source": kind, "rule": rule, "specificity": candidate.specificity.as_str(), "value": candidate.value })
    };
    let limit = |one: &Explanation| json!({ "value": one.value, "candidates": one.candidates.iter().map(candidate).collect::<Vec<_>>() });
    Value::Object(explanations.iter().map(|one| (one.limit.as_str().to_owned(), limit(one))).collect())
}

fn explanations_table(explanations: &[Explanation]) -> Done {
    let mut rows = Vec::new();
    for explanation in explanations {
        for (i, candidate) in explanation.candidates.iter().enumerate() {
            let name = if i == 0 { explanation.limit.as_str() } else { "" };
            let wins = if i == 0 { "wins" } else { "" };
            rows.push(vec![name.to_owned(), candidate.value.to_string(), wins.to_owned(), source(candidate)]);
        }
    }
    output::table(&["limit", "value", "", "from"], &rows)
}

pub(super) fn explanations(explanations: &[Explanation], json: bool) -> Done {
    if json {
        return output::json(&json!({ "limits": explanations_json(explanations), "session": null }));
    }
    explanations_table(explanations)
}

/// A session, or a client's part of one, as a line and as JSON.
fn times_json(created_at: Timestamp, last_used_at: Timestamp, ended: Option<Ended>) -> Map<String, Value> {
    let fields = json!({
        "created_at": created_at, "last_used_at": last_used_at,
        "ended_at": ended.map(|ended| ended.at), "end_reason": ended.map(|ended| ended.reason.as_str()),
    });
    fields.as_object().cloned().unwrap_or_default()
}

fn times_text(created_at: Timestamp, last_used_at: Timestamp, ended: Option<Ended>) -> String {
    let ended = ended.map(|ended| format!(", ended {} ({})", time(ended.at), ended.reason.as_str())).unwrap_or_default();
    format!("begun {}, last used {}{ended}", time(created_at), time(last_used_at))
}

pub(super) fn explained(explained: &ExplainedSession, client: Option<&Client>, json: bool) -> Done {
    let ExplainedSession { session, user, client_session, limits, verdict } = explained;
    if json {
        let mut fields = times_json(session.created_at, session.last_used_at, session.ended);
        fields.insert("id".into(), json!(session.id));
        fields.insert("remembered".into(), json!(session.remembered));
        fields.insert("user".into(), json!(user.username));
        let part = client_session.as_ref().map(|part| times_json(part.created_at, part.last_used_at, part.ended));
        fields.insert("client_session".into(), json!(part));
        fields.insert("expires_at".into(), json!(verdict.ok().and_then(|ends| ends.absolute)));
        fields.insert("idle_expires_at".into(), json!(verdict.ok().and_then(|ends| ends.idle)));
        fields.insert("unusable".into(), json!(verdict.err().map(Unusable::as_str)));
        return output::json(&json!({ "limits": explanations_json(limits), "session": fields }));
    }
    explanations_table(limits)?;
    let (times, remembered) = (times_text(session.created_at, session.last_used_at, session.ended), if session.remembered { "" } else { ", not remembered" });
    let mut text = format!("\nSession {} of {}: {times}{remembered}\n", session.id, user.username);
    if let Some(client) = client {
        let part = client_session.as_ref().map(|part| times_text(part.created_at, part.last_used_at, part.ended));
        text += &format!("At {}: {}\n", client.id, part.unwrap_or_else(|| "nothing was given yet".to_owned()));
    }
    text += &match verdict {
        Ok(ends) => format!("It can be used until {}; if it is not used, until {}\n", time_or(ends.absolute, "it is ended"), time_or(ends.idle, "it is ended")),
        Err(why) => format!("It cannot be used ({}): {}\n", why.as_str(), what_follows(*why)),
    };
    output::print(&text)
}

const fn what_follows(why: Unusable) -> &'static str {
    match why {
        Unusable::UserDisabled => "the user is disabled, and cannot sign in",
        Unusable::PasswordChanged => "the password was changed since, so the next use asks for a sign-in",
        Unusable::ClientSessionEnded(_) | Unusable::ClientSessionExpiredAbsolute | Unusable::ClientSessionExpiredIdle => {
            "this client asks for a sign-in, others do not"
        }
        Unusable::Ended(_) | Unusable::ExpiredAbsolute | Unusable::ExpiredIdle => "the next use asks for a sign-in",
    }
}

/// How a walk is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    ByDays,
    Each,
    Json,
}

pub(super) fn walk(walk: &Walk, limits: &Limits, remembered: bool, days: u32, form: Form) -> Done {
    let why = |asked: &Asked| asked.why.map_or("no_session", |why| why.as_str());
    if form == Form::Json {
        let asked: Vec<Value> = walk.asked.iter().map(|asked| json!({ "at": asked.at, "why": why(asked) })).collect();
        return output::json(&json!({ "days": days, "uses": walk.uses, "sign_ins": asked }));
    }
    output::print(&format!(
        "{}, {}, {}; session_absolute={} session_idle={} client_session_absolute={} client_session_idle={}\n\n",
        count(days, "day"),
        count(walk.uses, "use"),
        count(walk.asked.len(), "sign-in"),
        limits.absolute_of(remembered),
        limits.idle_of(remembered),
        limits.client_session_absolute,
        limits.client_session_idle,
    ))?;
    if form == Form::ByDays {
        return output::table(&["days", "weekdays", "asked to sign in (UTC)", "why"], &super::days::rows(walk, why));
    }
    let rows: Vec<Vec<String>> = walk.asked.iter().map(|asked| vec![asked.at.format("%a").to_string(), time(asked.at), why(asked).to_owned()]).collect();
    output::table(&["day", "asked to sign in", "why"], &rows)
}
