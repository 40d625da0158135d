//! A walk told by days: days that are alike and follow each other are one line, so that a year can be read.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use crate::protocol::lifetime_policy::simulate::{Asked, Walk};

/// Days that follow each other within a week, and on which somebody is asked at the same times for the same reasons.
struct Stretch {
    first: NaiveDate,
    last: NaiveDate,
    days: usize,
    weekdays: BTreeSet<u32>,
    /// The time of day, and why.
    asked: Vec<(String, &'static str)>,
}

impl Stretch {
    fn new(day: NaiveDate, asked: Vec<(String, &'static str)>) -> Self {
        Self { first: day, last: day, days: 1, weekdays: BTreeSet::from([day.weekday().num_days_from_monday()]), asked }
    }

    /// Whether the day is one more of these.
    fn takes(&mut self, day: NaiveDate, asked: &[(String, &'static str)]) -> bool {
        let alike = self.asked == asked && day.signed_duration_since(self.last) <= TimeDelta::days(7);
        if alike {
            self.last = day;
            self.days += 1;
            self.weekdays.insert(day.weekday().num_days_from_monday());
        }
        alike
    }

    fn row(&self) -> Vec<String> {
        let days = if self.days == 1 { self.first.to_string() } else { format!("{} to {} ({})", self.first, self.last, self.days) };
        let names = self.weekdays.iter().filter_map(|day| Weekday::try_from(u8::try_from(*day).ok()?).ok());
        let weekdays = if self.weekdays.len() == 7 { "all".to_owned() } else { names.map(|day| day.to_string()).collect::<Vec<_>>().join(" ") };
        let times = match self.asked.as_slice() {
            [(first, _), .., (last, _)] if self.asked.len() > 3 => format!("{} times, {first} to {last}", self.asked.len()),
            few => few.iter().map(|(time, _)| time.as_str()).collect::<Vec<_>>().join(" "),
        };
        let mut reasons: Vec<&str> = self.asked.iter().map(|(_, why)| *why).collect();
        reasons.dedup();
        vec![days, weekdays, times, reasons.join(", ")]
    }
}

/// Of each stretch its days, their weekdays, the times of a day (UTC), and why. `why` names a reason.
pub(super) fn rows(walk: &Walk, why: impl Fn(&Asked) -> &'static str) -> Vec<Vec<String>> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for day in walk.asked.chunk_by(|one, next| one.at.date_naive() == next.at.date_naive()) {
        let Some(date) = day.first().map(|asked| asked.at.date_naive()) else { continue };
        let asked: Vec<_> = day.iter().map(|asked| (asked.at.format("%H:%M").to_string(), why(asked))).collect();
        if !stretches.last_mut().is_some_and(|stretch| stretch.takes(date, &asked)) {
            stretches.push(Stretch::new(date, asked));
        }
    }
    stretches.iter().map(Stretch::row).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::lifetime::Limits;
    use crate::protocol::lifetime_policy::simulate::{Usage, walk};

    fn told(absolute: &str, idle: &str, usage: &Usage, days: u32) -> Vec<String> {
        let limits = Limits { session_absolute: absolute.parse().unwrap(), session_idle: idle.parse().unwrap(), ..Limits::default() };
        // Monday, 4 January 2027.
        let walk = walk(&limits, true, usage, DateTime::from_timestamp(1_799_020_800, 0).unwrap(), days);
        rows(&walk, |asked| asked.why.map_or("no_session", |why| why.as_str())).iter().map(|row| row.join(" | ")).collect()
    }

    #[test]
    fn what_is_alike_is_one_line() {
        let hourly = Usage::default();
        assert_eq!(
            told("unlimited", "PT30M", &hourly, 90),
            [
                "2027-01-04 | Mon | 24 times, 00:00 to 23:00 | no_session, expired_idle",
                "2027-01-05 to 2027-04-03 (89) | all | 24 times, 00:00 to 23:00 | expired_idle"
            ]
        );
        let office = Usage { every: TimeDelta::minutes(30), hours: (9, 17), weekdays: [true, true, true, true, true, false, false], away: Vec::new() };
        assert_eq!(
            told("unlimited", "PT8H", &office, 365),
            ["2027-01-04 | Mon | 09:00 | no_session", "2027-01-05 to 2028-01-03 (260) | Mon Tue Wed Thu Fri | 09:00 | expired_idle"]
        );
        assert_eq!(
            told("P7D", "unlimited", &hourly, 28),
            ["2027-01-04 | Mon | 00:00 | no_session", "2027-01-11 to 2027-01-25 (3) | Mon | 00:00 | expired_absolute"]
        );
    }

    #[test]
    fn what_differs_is_a_line_of_its_own() {
        let hourly = Usage::default();
        assert_eq!(
            told("P30D", "unlimited", &hourly, 90),
            ["2027-01-04 | Mon | 00:00 | no_session", "2027-02-03 | Wed | 00:00 | expired_absolute", "2027-03-05 | Fri | 00:00 | expired_absolute"]
        );
        // Three times a day are told each.
        assert_eq!(told("PT8H", "unlimited", &hourly, 1), ["2027-01-04 | Mon | 00:00 08:00 16:00 | no_session, expired_absolute"]);
        assert!(told("P1D", "PT30M", &Usage { hours: (0, 0), ..hourly }, 30).is_empty(), "who never comes is never asked");
    }
}
