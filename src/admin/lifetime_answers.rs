//! Why a limit is what it is, and what a change of the policy would do, as the API tells them.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use uuid::Uuid;

use super::lifetime_rule::Selector;
use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::domain::lifetime;
use crate::domain::session::Ended;
use crate::protocol::lifetime_policy::explain::{self, Explanation};
use crate::protocol::session::Unusable;
use crate::service::admin::{ExplainedSession, HORIZONS, Impact};

/// One of the limits, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "LimitName", rename_all = "snake_case", remote = "lifetime::Limit")]
pub enum Limit {
    SessionAbsolute,
    SessionIdle,
    UnrememberedAbsolute,
    UnrememberedIdle,
    ClientSessionAbsolute,
    ClientSessionIdle,
    RefreshAbsolute,
    RefreshIdle,
    AccessToken,
    IdToken,
    Code,
}

/// Where a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "LimitSource", rename_all = "snake_case")]
pub enum Source {
    /// The settings, or what is built in.
    Settings,
    /// What the client is registered with.
    Client,
    /// A rule.
    Rule,
}

/// A value of the limit that applies.
#[derive(Debug, Object)]
#[oai(rename = "LimitCandidate", example, skip_serializing_if_is_none)]
pub struct Candidate {
    source: Source,
    /// Whom the rule is for, if it is one.
    selector: Option<Selector>,
    /// An ISO 8601 duration or `unlimited`.
    value: String,
}

/// A limit, and where it comes from.
#[derive(Debug, Object)]
#[oai(rename = "ExplainedLimit", example)]
pub struct ExplainedLimit {
    limit: Limit,
    /// The value in force: an ISO 8601 duration or `unlimited`.
    value: String,
    /// Every value that applies. The first one wins; the others would, in this order, if those before them were taken away.
    candidates: Vec<Candidate>,
}

/// An application's share in the session.
#[derive(Debug, Object)]
#[oai(rename = "ExplainedClientSession", example, skip_serializing_if_is_none)]
pub struct ExplainedPart {
    created_at: Timestamp,
    last_used_at: Timestamp,
    ended_at: Option<Timestamp>,
    end_reason: Option<String>,
}

/// A session, as its next use would be judged.
#[derive(Debug, Object)]
#[oai(rename = "ExplainedSession", example, skip_serializing_if_is_none)]
pub struct Judged {
    id: Uuid,
    user_id: Uuid,
    created_at: Timestamp,
    last_used_at: Timestamp,
    remembered: bool,
    /// The share of the client that was asked about; absent if it was given nothing in this session.
    client_session: Option<ExplainedPart>,
    /// When it ends however much it is used; absent if it does not, or cannot be used.
    expires_at: Option<Timestamp>,
    /// When it ends if it is not used; absent if it does not, or cannot be used.
    idle_expires_at: Option<Timestamp>,
    /// Why it cannot be used, such as `expired_idle` or `ended`; absent if it can.
    unusable: Option<String>,
}

/// Each limit, and where it comes from.
#[derive(Debug, Object)]
#[oai(rename = "LifetimeExplanation", example, skip_serializing_if_is_none)]
pub struct LifetimeExplanation {
    limits: Vec<ExplainedLimit>,
    /// What becomes of the session that was asked about.
    session: Option<Judged>,
}

/// Of what runs now, how much will have ended by then if it is not used meanwhile.
#[derive(Debug, Object)]
#[oai(rename = "ImpactHorizon", example)]
pub struct ImpactHorizon {
    /// How far ahead: `PT0S` is at once.
    ahead: String,
    /// Sessions, by the rules as they are.
    sessions: u64,
    /// Sessions, by the rules as they would be.
    sessions_changed: u64,
    /// Refresh token families, by the rules as they are.
    refresh_families: u64,
    /// Refresh token families, by the rules as they would be.
    refresh_families_changed: u64,
}

/// A session that would end at once.
#[derive(Debug, Object)]
#[oai(rename = "ImpactSample", example)]
pub struct ImpactSample {
    session_id: Uuid,
    user_id: Uuid,
}

/// What a change of the policy would do.
#[derive(Debug, Object)]
#[oai(rename = "LifetimeImpact", example, skip_serializing_if_is_none)]
pub struct LifetimeImpact {
    /// How many sessions run now.
    sessions: u64,
    /// How many refresh token families run now.
    refresh_families: u64,
    /// Now, in a day, in a week.
    horizons: Vec<ImpactHorizon>,
    /// Some of the sessions that would end at once; absent for a caller without the scope `sessions:read`.
    sample: Option<Vec<ImpactSample>>,
}

impl From<&explain::Candidate> for Candidate {
    fn from(candidate: &explain::Candidate) -> Self {
        let (source, selector) = match &candidate.source {
            explain::Source::Settings => (Source::Settings, None),
            explain::Source::Client => (Source::Client, None),
            explain::Source::Rule(selector) => (Source::Rule, Some(Selector::from(selector))),
        };
        Self { source, selector, value: candidate.value.to_string() }
    }
}

impl From<&Explanation> for ExplainedLimit {
    fn from(one: &Explanation) -> Self {
        Self { limit: one.limit.into(), value: one.value.to_string(), candidates: one.candidates.iter().map(Candidate::from).collect() }
    }
}

impl From<&[Explanation]> for LifetimeExplanation {
    fn from(limits: &[Explanation]) -> Self {
        Self { limits: limits.iter().map(ExplainedLimit::from).collect(), session: None }
    }
}

impl From<ExplainedSession> for LifetimeExplanation {
    fn from(explained: ExplainedSession) -> Self {
        let ExplainedSession { session, client_session, limits, verdict, .. } = explained;
        let part = |created_at, last_used_at, ended: Option<Ended>| ExplainedPart {
            created_at,
            last_used_at,
            ended_at: ended.map(|ended| ended.at),
            end_reason: ended.map(|ended| ended.reason.as_str().to_owned()),
        };
        let judged = Judged {
            id: session.id.0,
            user_id: session.user_id.0,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            remembered: session.remembered,
            client_session: client_session.map(|of| part(of.created_at, of.last_used_at, of.ended)),
            expires_at: verdict.ok().and_then(|ends| ends.absolute),
            idle_expires_at: verdict.ok().and_then(|ends| ends.idle),
            unusable: verdict.err().map(|why: Unusable| why.as_str().to_owned()),
        };
        Self { session: Some(judged), ..Self::from(limits.as_slice()) }
    }
}

impl LifetimeImpact {
    /// With the sample only for who may read sessions.
    pub fn of(impact: &Impact, may_read_sessions: bool) -> Self {
        let horizon = |(horizon, ahead): (&crate::service::admin::Horizon, chrono::TimeDelta)| ImpactHorizon {
            ahead: Lifetime::Limited(ahead).to_string(),
            sessions: horizon.sessions,
            sessions_changed: horizon.sessions_changed,
            refresh_families: horizon.families,
            refresh_families_changed: horizon.families_changed,
        };
        let sample = impact.sample.iter().map(|one| ImpactSample { session_id: one.session.0, user_id: one.user.0 });
        Self {
            sessions: impact.sessions,
            refresh_families: impact.families,
            horizons: impact.horizons.iter().zip(HORIZONS).map(horizon).collect(),
            sample: may_read_sessions.then(|| sample.collect()),
        }
    }
}

impl Example for Candidate {
    fn example() -> Self {
        Self { source: Source::Rule, selector: Some(Selector::example()), value: "PT8H".to_owned() }
    }
}

impl Example for ExplainedLimit {
    fn example() -> Self {
        let default = Candidate { source: Source::Settings, selector: None, value: "P14D".to_owned() };
        Self { limit: Limit::SessionIdle, value: "PT8H".to_owned(), candidates: vec![Candidate::example(), default] }
    }
}

fn begun() -> Timestamp {
    Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(1_767_256_200)
}

impl Example for ExplainedPart {
    fn example() -> Self {
        Self { created_at: begun(), last_used_at: begun(), ended_at: None, end_reason: None }
    }
}

impl Example for Judged {
    fn example() -> Self {
        let ImpactSample { session_id, user_id } = ImpactSample::example();
        Self {
            id: session_id,
            user_id,
            created_at: begun(),
            last_used_at: begun(),
            remembered: true,
            client_session: Some(ExplainedPart::example()),
            expires_at: Some(begun() + chrono::TimeDelta::days(30)),
            idle_expires_at: Some(begun() + chrono::TimeDelta::hours(8)),
            unusable: None,
        }
    }
}

impl Example for LifetimeExplanation {
    fn example() -> Self {
        Self { limits: vec![ExplainedLimit::example()], session: Some(Judged::example()) }
    }
}

impl Example for ImpactHorizon {
    fn example() -> Self {
        Self { ahead: "PT0S".to_owned(), sessions: 0, sessions_changed: 214, refresh_families: 0, refresh_families_changed: 102 }
    }
}

impl Example for ImpactSample {
    fn example() -> Self {
        Self { session_id: Uuid::from_u128(0x019b_78dd_d040_7a10_9f11_5d2f_0a9b_8c7d), user_id: Uuid::from_u128(0x0198_c5f2_7d3e_7b52_8c3a_61f0_2e4d_9a18) }
    }
}

impl Example for LifetimeImpact {
    fn example() -> Self {
        Self { sessions: 1204, refresh_families: 655, horizons: vec![ImpactHorizon::example()], sample: Some(vec![ImpactSample::example()]) }
    }
}
