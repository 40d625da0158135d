//! Users found by the first letters of their name or e-mail address: two walks along an index each, merged, so that a page costs as much
//! among a million users as among ten.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use uuid::Uuid;

use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::row::id;
use super::schema::users;
use super::sql_types::DbId;
use super::user_lists::UserFilter;
use super::users::UserRow;
use crate::domain::id::UserId;
use crate::domain::user::User;

/// Where in the order of a search a user stands: what was found of them, the name or the address, and who it is.
pub type Place = (String, UserId);

/// What is walked along: as the index has it, so that the planner takes that.
struct Walk {
    column: &'static str,
    /// Whether the index leaves out who has none of it.
    partial: bool,
    prefix: String,
}

/// How often a page is filled up that lost what was found twice, or is not wanted.
const ROUNDS: usize = 4;
/// How many of each walk are looked at in a round where some are not wanted.
const FILTERED: u32 = 200;

/// Users whose name or e-mail address begins with `prefix`, whatever the case of its letters (of an address: of its ASCII letters), in the order
/// of what was found, those after `after`; and where the next page begins, if there may be one. A page may hold less than `limit`.
pub fn search(conn: &mut Connection, prefix: &str, filter: &UserFilter, after: Option<Place>, limit: u32) -> Result<(Vec<User>, Option<Place>), StoreError> {
    let (name, email) = match conn {
        Connection::Sqlite(_) => ("users.username", "lower(users.email)"),
        Connection::Postgres(_) => ("users.username COLLATE \"C\"", "lower(users.email COLLATE \"C\")"),
    };
    let names = Walk { column: name, partial: false, prefix: prefix.to_lowercase() };
    let emails = Walk { column: email, partial: true, prefix: prefix.to_ascii_lowercase() };
    let (wanted, mut place, mut page) = (limit as usize, after, Vec::new());
    let round = if filter.is_empty() { limit } else { FILTERED.max(limit) };
    for _ in 0..ROUNDS {
        let mut found: Vec<(Place, bool, User)> = Vec::new();
        for user in names.on(conn, place.as_ref(), round)? {
            found.push(((user.username.clone(), user.id), filter.fits(&user), user));
        }
        for user in emails.on(conn, place.as_ref(), round)? {
            // Whoever is found by both is shown once, by name.
            let shown = !user.username.starts_with(&names.prefix) && filter.fits(&user);
            found.push(((user.profile.email.as_deref().unwrap_or_default().to_ascii_lowercase(), user.id), shown, user));
        }
        found.sort_by(|(one, ..), (other, ..)| (&one.0, one.1.0).cmp(&(&other.0, other.1.0)));
        // Each walk was cut after `round + 1`: of the two together no more than that is in order.
        let cut = found.len() > round as usize;
        let mut found = found.into_iter();
        for (at, shown, user) in found.by_ref().take(round as usize) {
            place = Some(at);
            if shown {
                page.push(user);
            }
            if page.len() == wanted {
                break;
            }
        }
        if page.len() == wanted {
            let more = cut || found.any(|(_, shown, _)| shown);
            return Ok((page, place.filter(|_| more)));
        }
        if !cut {
            return Ok((page, None));
        }
    }
    Ok((page, place))
}

impl Walk {
    fn on(&self, conn: &mut Connection, after: Option<&Place>, limit: u32) -> Result<Vec<User>, StoreError> {
        let start = (self.prefix.clone(), UserId(Uuid::nil()));
        let (text, user) = after.filter(|(text, _)| *text >= self.prefix).cloned().unwrap_or(start);
        let same = sql::<Bool>("(").sql(self.column).sql(", users.id) > (").bind::<Text, _>(text.clone()).sql(", ").bind::<DbId, _>(id(user.0)).sql(")");
        // Said of the text alone too: SQLite begins there in an index of an expression, and not at a pair.
        let mut query = users::table.filter(sql::<Text>(self.column).ge(text)).filter(same).into_boxed();
        if let Some(end) = past(&self.prefix) {
            query = query.filter(sql::<Text>(self.column).lt(end));
        }
        if self.partial {
            query = query.filter(users::email.is_not_null());
        }
        let query = query.order((sql::<Text>(self.column), users::id)).limit(i64::from(limit) + 1);
        Ok(query.load::<UserRow>(conn)?.into_iter().map(User::from).collect())
    }
}

/// The first text after all that begin with `prefix`, by bytes. `None`: there is none.
fn past(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // UTF-8 keeps the order of the characters; the range leaves out what is none.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_after_all_that_begin_alike() {
        assert_eq!(past("ab").as_deref(), Some("ac"));
        assert_eq!(past("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(past("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!((past(""), past("\u{10ffff}")), (None, None));
    }
}
