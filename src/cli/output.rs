//! What commands print: tables for people, JSON for programs.

use std::fmt::{Display, Write as _};
use std::io::{ErrorKind, Write as _};

use serde_json::Value;

use super::{Done, Failure};
use crate::domain::clock::Timestamp;

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> Done {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure(format!("cannot write to standard output: {error}"))),
        _ => Ok(()),
    }
}

pub(super) fn json(value: &Value) -> Done {
    print(&escaped(&format!("{}\n", serde_json::to_string_pretty(value)?)))
}

/// JSON need not escape all that steers a terminal, and may: it stands in strings only, but for the ends of lines.
fn escaped(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        if c != '\n' && steers(c) {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
        text
    })
}

/// Columns under their headings; the last one is not padded.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> Done {
    print(&lay_out(headings, rows))
}

/// One thing: its properties below each other.
pub(super) fn properties(rows: &[(&str, String)]) -> Done {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    print(&rows.iter().map(|(name, value)| format!("{name:width$}  {}\n", plain(value))).collect::<String>())
}

fn lay_out(headings: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = headings.iter().map(|heading| heading.to_uppercase()).collect();
    let cells: Vec<Vec<String>> = std::iter::once(&heading).chain(rows).map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let width = |column: usize| cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    cells.iter().map(line).collect()
}

/// A value that a stranger chose must not steer the terminal, nor turn around what stands beside it.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

pub(super) fn time_or(at: Option<Timestamp>, otherwise: &str) -> String {
    at.map_or_else(|| otherwise.to_owned(), time)
}

/// `1 session`, `2 sessions`
pub(super) fn count(number: impl Display, what: &str) -> String {
    let number = number.to_string();
    format!("{number} {what}{}", if number == "1" { "" } else { "s" })
}

pub(super) fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_steers_no_terminal_and_says_the_same() {
        let value = serde_json::json!({ "a\u{9b}": ["\u{1b}[31m\u{7f}\u{85}\u{202e}\u{2069}\n", "ö\u{1f600}"] });
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && steers(c)) && text.contains("ö\u{1f600}"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn columns_stand_under_their_headings() {
        let rows = [vec!["alice".to_owned(), "a\u{1b}[31m\u{202e}b".to_owned()], vec!["ö".to_owned(), String::new()]];
        assert_eq!(lay_out(&["name", "x"], &rows), "NAME   X\nalice  a\u{fffd}[31m\u{fffd}b\nö\n");
    }
}
