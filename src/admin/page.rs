//! Pages of a list: keyset pages, so that the thousandth is as fast as the first and nothing is shown twice or left out.

use chrono::Datelike;

use super::problem::Problem;
use crate::domain::clock::Timestamp;

/// How many items a page holds unless `limit` says otherwise.
pub fn default_limit() -> u32 {
    50
}

/// How many to ask the store for: one more than the page holds tells whether there is another.
pub const fn asked(limit: u32) -> u32 {
    limit.saturating_add(1)
}

/// A time that was asked for: of a year that both databases know, and that RFC 3339 can write.
pub fn time(name: &str, at: Option<Timestamp>) -> Result<Option<Timestamp>, Problem> {
    match at {
        Some(at) if !(0..=9999).contains(&at.year()) => {
            Err(Problem::malformed(format!("The parameter `{name}` is malformed: it must be of the years 0000 to 9999.")))
        }
        at => Ok(at),
    }
}

/// The items of the page, and where the next one begins: after the last of them.
pub fn cut<T, K>(mut found: Vec<T>, limit: u32, key: impl FnOnce(&T) -> K) -> (Vec<T>, Option<K>) {
    let limit = limit as usize;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more { found.last().map(key) } else { None };
    (found, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_last_page_has_no_next() {
        assert_eq!(asked(2), 3);
        assert_eq!(cut(vec![1, 2, 3], 2, |n| *n), (vec![1, 2], Some(2)));
        assert_eq!(cut(vec![1, 2], 2, |n| *n), (vec![1, 2], None));
        assert_eq!(cut(Vec::<u8>::new(), 2, |n| *n), (vec![], None));
    }
}
