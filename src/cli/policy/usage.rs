//! How somebody uses an application, as flags.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use clap::Args;

use crate::domain::clock::Timestamp;
use crate::domain::duration::Lifetime;
use crate::protocol::lifetime_policy::simulate::Usage;

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Options {
    /// How many days are walked, at most ten years
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// A use every so often, at least a minute
    #[arg(long, default_value = "PT1H", value_parser = every)]
    every: TimeDelta,
    /// In these hours of a day (UTC), such as 9-17
    #[arg(long, default_value = "0-24", value_parser = hours)]
    hours: (u32, u32),
    /// On these days, such as mon-fri or sat,sun
    #[arg(long, default_value = "mon-sun")]
    weekdays: Weekdays,
    /// Not from this day to that, counted from 1; repeat for more
    #[arg(long, value_name = "FIRST-LAST", value_parser = away)]
    away: Vec<(u32, u32)>,
    /// Without "stay signed in": the limits of sessions that are not remembered
    #[arg(long)]
    not_remembered: bool,
    /// The first day, such as 2027-01-04 [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    from: Option<NaiveDate>,
}

impl Options {
    pub(super) fn usage(&self) -> Usage {
        Usage { every: self.every, hours: self.hours, weekdays: self.weekdays.0, away: self.away.clone() }
    }

    pub(super) fn begins(&self, now: Timestamp) -> Timestamp {
        DateTime::from_naive_utc_and_offset(self.from.unwrap_or(now.date_naive()).and_time(NaiveTime::MIN), chrono::Utc)
    }

    pub(super) const fn remembered(&self) -> bool {
        !self.not_remembered
    }

    pub(super) const fn days(&self) -> u32 {
        self.days
    }
}

fn every(text: &str) -> Result<TimeDelta, String> {
    match text.parse::<Lifetime>().map_err(|error| error.to_string())? {
        Lifetime::Limited(every) if every >= TimeDelta::minutes(1) => Ok(every),
        _ => Err("a use comes once a minute at most: write PT1M or more, such as PT20M".to_owned()),
    }
}

fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| "there is no such day: write YEAR-MONTH-DAY, such as 2027-01-04".to_owned())
}

fn range(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn hours(text: &str) -> Result<(u32, u32), String> {
    range(text).filter(|(from, to)| from < to && *to <= 24).ok_or_else(|| "write the first hour and the one that is no more, such as 9-17".to_owned())
}

fn away(text: &str) -> Result<(u32, u32), String> {
    range(text).filter(|(first, last)| 1 <= *first && first <= last).ok_or_else(|| "write the first and the last day, such as 30-44".to_owned())
}

/// Monday first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Weekdays([bool; 7]);

impl FromStr for Weekdays {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let index = |name: &str| {
            NAMES.iter().position(|known| *known == name).ok_or_else(|| format!("there is no day `{name}`: write mon to sun, such as mon-fri or sat,sun"))
        };
        let mut days = [false; 7];
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (index(first)?, index(last)?);
            // From Saturday to Monday is three days.
            let length = (last + 7 - first) % 7;
            for step in 0..=length {
                if let Some(day) = days.get_mut((first + step) % 7) {
                    *day = true;
                }
            }
        }
        Ok(Self(days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        let days = |text: &str| text.parse::<Weekdays>().map(|days| days.0.map(u8::from));
        assert_eq!(days("mon-fri"), Ok([1, 1, 1, 1, 1, 0, 0]));
        assert_eq!(days("sat,sun"), Ok([0, 0, 0, 0, 0, 1, 1]));
        assert_eq!(days("sat-mon,wed"), Ok([1, 0, 1, 0, 0, 1, 1]));
        assert_eq!(days("mon-sun"), Ok([1; 7]));
        assert!(days("monday").is_err());
        assert_eq!((hours("9-17"), away("3-3")), (Ok((9, 17)), Ok((3, 3))));
        assert!(hours("17-9").is_err() && hours("0-25").is_err() && away("0-2").is_err() && every("PT59S").is_err() && every("unlimited").is_err());
        assert_eq!(date("2027-01-04").map(|day| day.to_string()), Ok("2027-01-04".to_owned()));
        for none in ["2027-13-01", "2027-02-29", "4.1.2027", ""] {
            assert!(date(none).unwrap_err().contains("YEAR-MONTH-DAY"), "{none}");
        }
    }
}
