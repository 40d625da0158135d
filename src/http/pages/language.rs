//! The languages the pages speak, and the choice among them.

/// A language the pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    German,
}

/// No honest request names more; the rest is not read.
const MOST_TAGS: usize = 32;
const LONGEST_HEADER: usize = 1024;

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The direction of its script, as `dir` says it.
    pub fn direction(self) -> &'static str {
        match self {
            Self::English | Self::German => "ltr",
        }
    }

    /// `ui_locales` (OpenID Connect Core §3.1.2.1: tags by preference, separated by spaces), then `Accept-Language` (RFC 9110 §12.5.4), then English.
    pub fn choose(ui_locales: Option<&str>, accept_language: Option<&str>) -> Self {
        let named = ui_locales.map(start).unwrap_or_default().split_ascii_whitespace().take(MOST_TAGS).find_map(Self::of_range);
        named.or_else(|| accepted(accept_language.map(start).unwrap_or_default())).unwrap_or_default()
    }

    /// The language of a range such as `de`, `de-AT` or `DE_CH`.
    fn of_range(range: &str) -> Option<Self> {
        let primary = range.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

/// The best of the accepted languages; among equal weights the first.
fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(Language, u16)> = None;
    for part in header.split(',').take(MOST_TAGS) {
        let mut pieces = part.split(';');
        let range = pieces.next().unwrap_or_default().trim();
        let language = if range == "*" { Some(Language::default()) } else { Language::of_range(range) };
        let weight = pieces.find_map(|piece| piece.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')).map_or(Some(1000), weight);
        if let (Some(language), Some(weight)) = (language, weight)
            && weight > 0
            && best.is_none_or(|(_, heaviest)| weight > heaviest)
        {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

/// A `qvalue` in thousandths; nothing when it is none.
fn weight(text: &str) -> Option<u16> {
    let value: f32 = text.trim().parse().ok()?;
    (0.0..=1.0).contains(&value).then_some((value * 1000.0) as u16)
}

/// At most the first 1024 bytes, cut between characters.
fn start(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_HEADER);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Language::{English, German};
    use super::*;

    #[test]
    fn ui_locales_come_before_the_browsers_languages() {
        assert_eq!(Language::choose(Some("fr-CA de en"), Some("en")), German);
        assert_eq!(Language::choose(Some("en-GB de"), Some("de")), English);
        assert_eq!(Language::choose(Some("fr"), Some("de")), German);
        assert_eq!(Language::choose(Some(""), Some("de")), German);
    }

    #[test]
    fn weights_decide_and_zero_excludes() {
        assert_eq!(Language::choose(None, Some("en;q=0.8, de;q=0.9")), German);
        assert_eq!(Language::choose(None, Some("fr, de-AT;q=0.7, en;q=0.3")), German);
        assert_eq!(Language::choose(None, Some("de;q=0, en;q=0.1")), English);
        assert_eq!(Language::choose(None, Some("de;q=0")), English);
        assert_eq!(Language::choose(None, Some("*, de;q=0.5")), English);
        assert_eq!(Language::choose(None, Some("DE-de;Q = 1")), German);
    }

    #[test]
    fn junk_is_english() {
        let long = "é".repeat(100_000);
        for junk in ["", ",,,", ";q=1", "de;q=abc", "de;q=NaN", "de;q=7", "de;q=-1", "\0\u{202e}<script>", "zz-ZZ", &long] {
            assert_eq!(Language::choose(Some("\u{1} - _ xx"), Some(junk)), English, "{:.20}", junk);
        }
        assert_eq!(Language::choose(Some(&format!("{}de", "x ".repeat(4000))), None), English);
    }

    proptest::proptest! {
        #[test]
        fn any_text_gets_a_language(ui in ".*", accept in ".*") {
            Language::choose(Some(&ui), Some(&accept));
        }
    }
}
