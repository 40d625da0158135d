//! Durations as admins write them: ISO 8601 (`P30D`, `PT15M`, `P1DT12H`) or `unlimited`.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::clock::Timestamp;

/// How long something may last. There is no ceiling: ten years is as good as ten minutes. Zero is `PT0S`. What is longer than [`LONGEST`] is
/// unlimited, and is shown so: its end would be in a year that neither RFC 3339 nor a calendar knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lifetime {
    Limited(TimeDelta),
    Unlimited,
}

/// In seconds: a thousand years of 365 days. Whatever is added to a time of today stays one that every format and database holds.
pub const LONGEST: i64 = 1_000 * 365 * 86_400;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write ISO 8601 such as `PT15M`, `PT8H`, `P30D`, `P52W`, `P10Y` (a year is 365 days; write months as days), or `unlimited`")]
pub struct InvalidLifetime(pub String);

impl Lifetime {
    pub const fn seconds(seconds: i64) -> Self {
        match TimeDelta::try_seconds(seconds) {
            Some(delta) => Self::Limited(delta),
            None => Self::Unlimited,
        }
    }

    pub fn is_longer_than(self, other: Self) -> bool {
        match (self, other) {
            (Self::Limited(a), Self::Limited(b)) => a > b,
            (Self::Unlimited, Self::Limited(_)) => true,
            (_, Self::Unlimited) => false,
        }
    }

    /// When something that began at `start` ends; `None` is never.
    pub fn after(self, start: Timestamp) -> Option<Timestamp> {
        match self {
            // Beyond what a timestamp can hold (the year 262,142) is never.
            Self::Limited(delta) => start.checked_add_signed(delta),
            Self::Unlimited => None,
        }
    }
}

/// The earlier of two ends, where `None` is never.
pub fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

impl FromStr for Lifetime {
    type Err = InvalidLifetime;

    fn from_str(text: &str) -> Result<Self, InvalidLifetime> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        match iso8601_seconds(text) {
            Some(seconds) if seconds > LONGEST => Ok(Self::Unlimited),
            Some(seconds) => Ok(Self::seconds(seconds)),
            None => Err(InvalidLifetime(text.to_owned())),
        }
    }
}

/// ISO 8601-1 §5.5.2.3, whole numbers only, designators in order, each at most once.
fn iso8601_seconds(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let date = sum(date, &[('Y', 365 * 86_400), ('W', 7 * 86_400), ('D', 86_400)])?;
    let time = sum(time, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    date.checked_add(time)
}

fn sum(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0i64;
    for (designator, seconds) in units {
        if let Some((number, rest)) = text.split_once(*designator) {
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*seconds)?)?;
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Limited(delta) = self else {
            return f.write_str("unlimited");
        };
        let seconds = delta.num_seconds();
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest == 0 && days == 0 {
            return f.write_str("T0S");
        }
        if rest > 0 {
            f.write_str("T")?;
            for (designator, value) in [('H', rest / 3_600), ('M', rest / 60 % 60), ('S', rest % 60)] {
                if value > 0 {
                    write!(f, "{value}{designator}")?;
                }
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Lifetime {
    type Error = InvalidLifetime;
    fn try_from(text: String) -> Result<Self, InvalidLifetime> {
        text.parse()
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> String {
        lifetime.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_admins_write() {
        for (text, seconds) in
            [("PT15M", 900), ("PT8H", 28_800), ("P30D", 2_592_000), ("P1DT12H", 129_600), ("P2W", 1_209_600), ("P10Y", 315_360_000), ("PT0S", 0)]
        {
            assert_eq!(text.parse::<Lifetime>(), Ok(Lifetime::seconds(seconds)), "{text}");
        }
        assert_eq!("P1000Y".parse::<Lifetime>(), Ok(Lifetime::seconds(LONGEST)));
        for longer in ["P1001Y", "PT31536000001S", "PT9223372036854775S", "P25000000000W"] {
            assert_eq!(longer.parse::<Lifetime>(), Ok(Lifetime::Unlimited), "{longer}");
        }
        assert_eq!("unlimited".parse::<Lifetime>(), Ok(Lifetime::Unlimited));
    }

    #[test]
    fn refuses_what_is_ambiguous_or_empty() {
        for text in ["", "P", "PT", "P1M", "15m", "P-1D", "PT1M1H", "P1D ", "PT1.5H", "P1DT", "30", "P1000000000000000000Y", "PT99999999999999999999S"] {
            assert!(text.parse::<Lifetime>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree(seconds in 0i64..=LONGEST) {
            let lifetime = Lifetime::seconds(seconds);
            prop_assert_eq!(lifetime.to_string().parse::<Lifetime>(), Ok(lifetime));
        }
    }
}
