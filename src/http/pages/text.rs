//! Texts of others, made fit to be shown: names without control and direction characters and of sane length, links that are really web links,
//! and spans of time in one unit.

use serde::Serialize;

/// The longest name a page shows.
const LONGEST: usize = 120;

/// A name or text of another's making as it may stand on a page: no control, direction or invisible characters, one line, at most 120 characters.
pub(super) fn display(text: &str) -> String {
    let mut shown = String::new();
    let mut length = 0usize;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = !shown.is_empty();
            continue;
        }
        if c.is_control() || invisible(c) {
            continue;
        }
        if length >= LONGEST {
            shown.push('…');
            break;
        }
        if gap {
            shown.push(' ');
            length += 1;
            gap = false;
        }
        shown.push(c);
        length += 1;
    }
    shown
}

/// Characters that change how the text around them reads (Unicode UAX #9 direction marks and overrides) or hide in it.
/// The joiners U+200C and U+200D stay: Persian and emoji need them.
fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// The address when it is a web address, else nothing: a `javascript:` link must not be written.
pub(super) fn web_address(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => text.to_owned(),
        _ => String::new(),
    }
}

/// The letter in an account's badge.
pub(super) fn initial(name: &str) -> String {
    display(name).chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().to_string()).unwrap_or_else(|| "•".to_owned())
}

/// HTML text: what `<`, `>`, `&` and the quotes mean is taken from them.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A span of time in the one unit a person would use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    /// The message that says it.
    pub message: &'static str,
    pub count: u64,
}

impl Span {
    /// Rounds up, so that "in 2 minutes" is never too early.
    pub(super) fn rounded(seconds: u64) -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let (message, unit) = match seconds {
            0..MINUTE => ("span-seconds", 1),
            MINUTE..HOUR => ("span-minutes", MINUTE),
            HOUR..DAY => ("span-hours", HOUR),
            _ => ("span-days", DAY),
        };
        Self { message, count: seconds.max(1).div_ceil(unit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_deceive() {
        assert_eq!(display("  Notes \n\t App "), "Notes App");
        assert_eq!(display("gpj.\u{202e}exe"), "gpj.exe");
        assert_eq!(display("a\u{0}b\u{200b}c\u{2066}d\u{feff}"), "abcd");
        assert_eq!(display("علی\u{200c}رضا"), "علی\u{200c}رضا");
        assert_eq!(display(&"x".repeat(10_240)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn only_web_addresses_are_linked() {
        assert_eq!(web_address("https://app.example/x?y=1"), "https://app.example/x?y=1");
        for hostile in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "vbscript:x",
            "",
            "\u{1}javascript:alert(1)",
            "java\tscript:alert(1)",
        ] {
            assert_eq!(web_address(hostile), "", "{hostile:?}");
        }
    }

    #[test]
    fn spans_round_up_in_one_unit() {
        let said = |seconds| (Span::rounded(seconds).message, Span::rounded(seconds).count);
        assert_eq!(said(0), ("span-seconds", 1));
        assert_eq!(said(59), ("span-seconds", 59));
        assert_eq!(said(61), ("span-minutes", 2));
        assert_eq!(said(3600), ("span-hours", 1));
        assert_eq!(said(90 * 86_400), ("span-days", 90));
        assert_eq!(said(u64::MAX).0, "span-days");
    }
}
