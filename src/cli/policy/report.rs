//! What `gatekey policy` prints.

use serde_json::{Map, Value, json};

use crate::cli::output::{self, count, time, time_or};
use crate::cli::{Done, Failure};
use crate::domain::clock::Timestamp;
use crate::domain::lifetime::{Limit, LimitOverrides, Limits};
use crate::domain::lifetime_rule::{LifetimeRule, Selector};
use crate::domain::session::Session;
use crate::protocol::lifetime_policy::Policy;
use crate::protocol::lifetime_policy::explain::{Candidate, Explanation, Source};
use crate::protocol::lifetime_policy::simulate::Walk;
use crate::protocol::session::{Times, by_time};
use crate::service::admin::{Admin, Changed, Impact, limits_text};

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

pub(super) fn policy(policy: &Policy, json: bool) -> Done {
    if json {
        let settings: Map<String, Value> = Limit::ALL.iter().map(|limit| (limit.as_str().to_owned(), json!(policy.default.get(*limit)))).collect();
        return output::json(&json!({ "settings": settings, "rules": policy.rules.iter().map(rule_json).collect::<Vec<_>>() }));
    }
    let mut rows = vec![vec!["[lifetimes]".to_owned(), "settings".to_owned(), String::new(), all(&policy.default).join(" ")]];
    rows.extend(policy.rules.iter().map(|rule| {
        let declared = if rule.managed_by_file { "file" } else { "command" };
        vec![rule.selector.to_string(), declared.to_owned(), time(rule.updated_at), limits_text(&rule.limits)]
    }));
    output::table(&["whom", "declared by", "changed", "limits"], &rows)
}

pub(super) fn changed(selector: &Selector, changed: &Changed, json: bool) -> Done {
    if json {
        return output::json(&json!({ "before": changed.before.as_ref().map(rule_json), "after": changed.after.as_ref().map(rule_json) }));
    }
    output::print(&match (&changed.before, &changed.after) {
        (None, None) => return Err(Failure(format!("there is no rule for {selector}: `gatekey policy show` shows those there are"))),
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

pub(super) fn explanations(explanations: &[Explanation], session: Option<&Session>, now: Timestamp, json: bool) -> Done {
    let limits = Limits::each(|limit| explanations.iter().find(|one| one.limit == limit).map_or(Limits::default().get(limit), |one| one.value));
    let ends = session.map(|session| (session, by_time(Times::of_session(session), session.remembered, None, &limits, now)));
    if json {
        let candidate = |candidate: &Candidate| {
            let (kind, rule) = match &candidate.source {
                Source::Settings => ("settings", None),
                Source::Client => ("client", None),
                Source::Rule(selector) => ("rule", Some(selector)),
            };
            json!({ "source": kind, "rule": rule, "specificity": candidate.specificity.as_str(), "value": candidate.value })
        };
        let limits: Map<String, Value> = explanations
            .iter()
            .map(|one| (one.limit.as_str().to_owned(), json!({ "value": one.value, "candidates": one.candidates.iter().map(candidate).collect::<Vec<_>>() })))
            .collect();
        let session = ends.map(|(session, ends)| {
            json!({
                "id": session.id, "created_at": session.created_at, "last_used_at": session.last_used_at, "remembered": session.remembered,
                "ended_at": session.ended.map(|ended| ended.at), "end_reason": session.ended.map(|ended| ended.reason.as_str()),
                "expires_at": ends.ok().and_then(|ends| ends.absolute), "idle_expires_at": ends.ok().and_then(|ends| ends.idle),
                "expired": ends.err().map(|why| why.as_str()),
            })
        });
        return output::json(&json!({ "limits": limits, "session": session }));
    }
    let mut rows = Vec::new();
    for explanation in explanations {
        for (i, candidate) in explanation.candidates.iter().enumerate() {
            let name = if i == 0 { explanation.limit.as_str() } else { "" };
            let wins = if i == 0 { "wins" } else { "" };
            rows.push(vec![name.to_owned(), candidate.value.to_string(), wins.to_owned(), source(candidate)]);
        }
    }
    output::table(&["limit", "value", "", "from"], &rows)?;
    let Some((session, ends)) = ends else { return Ok(()) };
    let text = match (session.ended, ends) {
        (Some(ended), _) => format!("ended {} ({})", time(ended.at), ended.reason.as_str()),
        (None, Err(why)) => format!("past its end ({}): its next use asks for a sign-in", why.as_str()),
        (None, Ok(ends)) => format!("ends {}; if it is not used, {}", time_or(ends.absolute, "never"), time_or(ends.idle, "never")),
    };
    let remembered = if session.remembered { "" } else { ", not remembered" };
    output::print(&format!("\nSession {}: begun {}, last used {}{remembered}; {text}\n", session.id, time(session.created_at), time(session.last_used_at)))
}

pub(super) fn walk(walk: &Walk, limits: &Limits, remembered: bool, days: u32, json: bool) -> Done {
    let why = |asked: &crate::protocol::lifetime_policy::simulate::Asked| asked.why.map_or("no_session", |why| why.as_str());
    if json {
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
    let rows: Vec<Vec<String>> = walk.asked.iter().map(|asked| vec![asked.at.format("%a").to_string(), time(asked.at), why(asked).to_owned()]).collect();
    output::table(&["day", "asked to sign in", "why"], &rows)
}
