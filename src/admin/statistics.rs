//! How much happened, by the hour: for charts.

use chrono::TimeDelta;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::caller::{AdminScope, Caller};
use super::problem::Problem;
use super::{Api, Resource, page};
use crate::domain::clock::Timestamp;
use crate::domain::statistics::{Counted, Hour, HourCounts};
use crate::service::admin::Statistics as Found;

pub struct StatisticsApi;

/// 31 days, and the hour that has begun.
const POINTS: usize = 31 * 24 + 1;

/// How much happened in an hour.
#[derive(Debug, Object)]
#[oai(example, skip_serializing_if_is_none)]
struct StatisticsPoint {
    /// When the hour begins.
    at: Timestamp,
    /// Sign-ins: somebody proved who they are.
    sign_ins: u64,
    /// Sign-ins that failed: a wrong password, an unknown or a disabled account. Those that had to wait are not among them.
    failed_sign_ins: u64,
    /// Silent renewals: `prompt=none` was answered with a code.
    silent_renewals: u64,
    /// Renewals by a refresh token.
    refresh_renewals: u64,
    /// Old refresh tokens that came back; their families were ended.
    reuses: u64,
    /// How many sessions had not ended, as counted once an hour; absent for an hour in which no server counted.
    live_sessions: Option<u64>,
}

/// How much happened, by the hour.
#[derive(Debug, Object)]
#[oai(example)]
struct Statistics {
    /// How many seconds a point stands for.
    step_seconds: u32,
    /// Sessions that have not ended: counted now up to 10000, beyond that as last counted. One that is past its limits counts until that is noticed.
    live_sessions: u64,
    /// The oldest first, without gaps; the last one is of the hour that goes on.
    points: Vec<StatisticsPoint>,
}

impl From<HourCounts> for StatisticsPoint {
    fn from(hour: HourCounts) -> Self {
        Self {
            at: hour.hour.start(),
            sign_ins: hour.get(Counted::SignIns),
            failed_sign_ins: hour.get(Counted::FailedSignIns),
            silent_renewals: hour.get(Counted::SilentRenewals),
            refresh_renewals: hour.get(Counted::RefreshRenewals),
            reuses: hour.get(Counted::Reuses),
            live_sessions: hour.live_sessions,
        }
    }
}

impl Example for StatisticsPoint {
    fn example() -> Self {
        let at = Timestamp::UNIX_EPOCH + TimeDelta::seconds(1_767_254_400);
        Self { at, sign_ins: 12, failed_sign_ins: 1, silent_renewals: 40, refresh_renewals: 80, reuses: 0, live_sessions: Some(412) }
    }
}

impl Example for Statistics {
    fn example() -> Self {
        Self { step_seconds: 3600, live_sessions: 412, points: vec![StatisticsPoint::example()] }
    }
}

#[derive(ApiResponse)]
enum Shown {
    /// How much happened.
    #[oai(status = 200, content_type = "application/json")]
    Statistics(Json<Statistics>),
}

#[OpenApi(tag = "Resource::Server")]
impl StatisticsApi {
    /// Shows how much happened
    ///
    /// By the hour, of everybody together: for charts. What a server counts it writes down a few times a minute; one that is killed loses what it has
    /// not written, so for what must not be missed there are the events. Needs the scope `statistics:read`.
    #[oai(path = "/statistics", method = "get", operation_id = "statistics_show")]
    async fn show(
        &self,
        #[oai(scope = "AdminScope::StatisticsRead")] caller: Caller,
        api: Data<&Api>,
        /// From the hour in which this is. Default: a day before `until`.
        since: Query<Option<Timestamp>>,
        /// Up to the hour in which this is, at most 31 days after `since`. Default: now.
        until: Query<Option<Timestamp>>,
    ) -> Result<Shown, Problem> {
        caller.may(AdminScope::StatisticsRead)?;
        let until = page::time("until", until.0)?.unwrap_or_else(|| api.core.now());
        let since = page::time("since", since.0)?.or_else(|| until.checked_sub_signed(TimeDelta::days(1))).unwrap_or(until);
        if since > until {
            return Err(Problem::malformed("The parameter `since` is malformed: it must not be after `until`.".to_owned()));
        }
        let Some(hours) = Hour::between(since, until, POINTS) else {
            return Err(Problem::malformed("The parameter `since` is malformed: it must be at most 31 days before `until`.".to_owned()));
        };
        let Found { hours, live_sessions } = api.admin.statistics(&api.core, hours).await?;
        let points = hours.into_iter().map(StatisticsPoint::from).collect();
        Ok(Shown::Statistics(Json(Statistics { step_seconds: 3600, live_sessions, points })))
    }
}
