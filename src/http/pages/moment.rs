//! Instants as people say them: a date, with the time of day when it is near, or how long ago.
//!
//! The pages run no script and know no time zone of the reader: a time of day is UTC and says so.

use chrono::{Datelike, TimeDelta};
use serde::{Serialize, Serializer};

use crate::domain::clock::Timestamp;

/// Nearer than this a date alone says too little.
const NEAR: TimeDelta = TimeDelta::days(2);

/// A date, in the words of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    at: Timestamp,
    near: bool,
}

impl Moment {
    pub fn of(at: Timestamp, now: Timestamp) -> Self {
        Self { at, near: at.signed_duration_since(now).abs() < NEAR }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            year: i32,
            month: u32,
            day: u32,
            time: Option<String>,
        }
        let time = self.near.then(|| self.at.format("%H:%M").to_string());
        View { year: self.at.year(), month: self.at.month(), day: self.at.day(), time }.serialize(serializer)
    }
}

/// How long ago something was, in the one unit a person would use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ago {
    unit: &'static str,
    count: i64,
}

impl Ago {
    /// Rounds down: what was two days ago, less a minute, was yesterday at the earliest. Of clocks that differ: just now.
    pub fn between(then: Timestamp, now: Timestamp) -> Self {
        let ago = now.signed_duration_since(then);
        let (unit, count) = match (ago.num_minutes(), ago.num_hours(), ago.num_days()) {
            (..1, _, _) => ("now", 0),
            (minutes, ..1, _) => ("minutes", minutes),
            (_, hours, ..1) => ("hours", hours),
            (_, _, days) => ("days", days),
        };
        Self { unit, count }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_near_moment_has_its_time() {
        let said = |seconds: i64| serde_json::to_value(Moment::of(at(seconds), at(0))).unwrap();
        assert_eq!(said(60), serde_json::json!({ "year": 2027, "month": 1, "day": 15, "time": "08:01" }));
        assert_eq!(said(-3 * 86_400), serde_json::json!({ "year": 2027, "month": 1, "day": 12, "time": null }));
        assert_eq!(said(2 * 86_400)["time"], serde_json::Value::Null);
    }

    #[test]
    fn ago_rounds_down_in_one_unit() {
        let said = |seconds: i64| {
            let ago = Ago::between(at(-seconds), at(0));
            (ago.unit, ago.count)
        };
        assert_eq!([said(-5), said(59)], [("now", 0); 2]);
        assert_eq!([said(60), said(3599)], [("minutes", 1), ("minutes", 59)]);
        assert_eq!([said(3600), said(86_399)], [("hours", 1), ("hours", 23)]);
        assert_eq!([said(86_400), said(800 * 86_400)], [("days", 1), ("days", 800)]);
    }
}
