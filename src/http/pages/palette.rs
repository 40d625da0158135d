//! The colours, light and dark, as the theme stylesheet says them. Every pair that carries text or marks a control keeps the contrast
//! of WCAG 2.2 AA (§1.4.3: 4.5, §1.4.11: 3) whatever accent is configured: what would not, is moved towards black or white until it does.

use std::fmt;

/// An sRGB colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(u8, u8, u8);

const BLACK: Colour = Colour(0, 0, 0);
const WHITE: Colour = Colour(255, 255, 255);

impl Colour {
    /// `#rgb` or `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix('#')?;
        let long: String = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => digits.to_owned(),
            _ => return None,
        };
        if !long.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(&long, 16).ok()?;
        let [_, red, green, blue] = value.to_be_bytes();
        Some(Self(red, green, blue))
    }

    /// Relative luminance (WCAG 2.2, "relative luminance").
    fn luminance(self) -> f64 {
        let channel = |value: u8| {
            let share = f64::from(value) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(self.0) + 0.7152 * channel(self.1) + 0.0722 * channel(self.2)
    }

    /// Contrast ratio (WCAG 2.2, "contrast ratio").
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// `percent` of the way to another colour.
    fn towards(self, other: Self, percent: u32) -> Self {
        let mix = |from: u8, to: u8| u8::try_from((u32::from(from) * (100 - percent) + u32::from(to) * percent) / 100).unwrap_or(to);
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// Black or white, whichever reads better on this colour; one of them has a contrast of at least 4.58 with any colour.
    fn ink(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }

    /// This colour, moved to black or white (away from the grounds) no further than the contrast with every ground needs.
    fn readable(self, grounds: &[Self], least: f64) -> Self {
        let target = grounds.first().map_or(BLACK, |ground| ground.ink());
        (0..=100).map(|percent| self.towards(target, percent)).find(|colour| grounds.iter().all(|ground| colour.contrast(*ground) >= least)).unwrap_or(target)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl fmt::Debug for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The colours of one scheme.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scheme {
    /// Around the sheet.
    pub ground: Colour,
    /// The sheet everything stands on.
    pub surface: Colour,
    /// Rows under the pointer, badges.
    pub raised: Colour,
    pub text: Colour,
    pub muted: Colour,
    /// Hairlines that only decorate.
    pub line: Colour,
    /// The edge of fields and secondary buttons, which tells that they are controls.
    pub edge: Colour,
    pub accent: Colour,
    pub accent_hover: Colour,
    pub on_accent: Colour,
    /// The edge of the primary button: as the accent, but visible on the surface.
    pub accent_edge: Colour,
    pub link: Colour,
    pub focus: Colour,
    /// The key.
    pub mark: Colour,
    /// A breath of the key's colour, under the letter of an account.
    pub mark_tint: Colour,
    pub error: Colour,
    pub error_ground: Colour,
}

const DEFAULT_ACCENT: Colour = Colour(0x1c, 0x58, 0x4a);
const DEFAULT_ACCENT_DARK: Colour = Colour(0x8c, 0xd3, 0xb8);
/// The default key is of brass.
const BRASS: Colour = Colour(0xa8, 0x7b, 0x1e);
const BRASS_DARK: Colour = Colour(0xdd, 0xb9, 0x63);

impl Scheme {
    pub(super) fn light(accent: Option<Colour>) -> Self {
        let (ground, surface, raised) = (Colour(0xe9, 0xee, 0xeb), Colour(0xfd, 0xfe, 0xfd), Colour(0xf1, 0xf5, 0xf2));
        Self {
            ground,
            surface,
            raised,
            text: Colour(0x16, 0x20, 0x1c),
            muted: Colour(0x52, 0x60, 0x59),
            line: Colour(0xd9, 0xe1, 0xdc),
            edge: Colour(0x7d, 0x8c, 0x84),
            error: Colour(0xa5, 0x25, 0x1c),
            error_ground: Colour(0xfb, 0xee, 0xec),
            ..Self::accented(accent.unwrap_or(DEFAULT_ACCENT), accent.unwrap_or(BRASS), [surface, raised, ground])
        }
    }

    pub(super) fn dark(accent: Option<Colour>) -> Self {
        let (ground, surface, raised) = (Colour(0x0d, 0x12, 0x10), Colour(0x16, 0x1c, 0x19), Colour(0x20, 0x28, 0x24));
        Self {
            ground,
            surface,
            raised,
            text: Colour(0xe8, 0xee, 0xea),
            muted: Colour(0xa3, 0xb0, 0xa9),
            line: Colour(0x2c, 0x36, 0x31),
            edge: Colour(0x74, 0x83, 0x7b),
            error: Colour(0xff, 0xa8, 0x9c),
            error_ground: Colour(0x36, 0x1c, 0x1a),
            ..Self::accented(accent.unwrap_or(DEFAULT_ACCENT_DARK), accent.unwrap_or(BRASS_DARK), [surface, raised, ground])
        }
    }

    /// What follows from the accent and the grounds; the rest is black until the caller says it.
    fn accented(accent: Colour, mark: Colour, grounds: [Colour; 3]) -> Self {
        let on_accent = accent.ink();
        let away = if on_accent == WHITE { BLACK } else { WHITE };
        let [ground, surface, raised] = [BLACK; 3];
        let link = accent.readable(&grounds, 4.5);
        Self {
            ground,
            surface,
            raised,
            text: BLACK,
            muted: BLACK,
            line: BLACK,
            edge: BLACK,
            error: BLACK,
            error_ground: BLACK,
            accent,
            accent_hover: accent.towards(away, 14),
            on_accent,
            accent_edge: accent.readable(&grounds, 3.0),
            link,
            focus: link,
            mark: mark.readable(&grounds, 3.0),
            mark_tint: grounds.first().map_or(BLACK, |surface| surface.towards(mark, 22)),
        }
    }

    fn declarations(&self) -> String {
        let Self {
            ground,
            surface,
            raised,
            text,
            muted,
            line,
            edge,
            accent,
            accent_hover,
            on_accent,
            accent_edge,
            link,
            focus,
            mark,
            mark_tint,
            error,
            error_ground,
        } = self;
        format!(
            "--ground:{ground};--surface:{surface};--raised:{raised};--text:{text};--muted:{muted};--line:{line};--edge:{edge};--accent:{accent};\
             --accent-hover:{accent_hover};--on-accent:{on_accent};--accent-edge:{accent_edge};--link:{link};--focus:{focus};--mark:{mark};--mark-tint:{mark_tint};\
             --error:{error};--error-ground:{error_ground}"
        )
    }
}

/// Both schemes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub light: Scheme,
    pub dark: Scheme,
}

impl Palette {
    /// Without an accent for the dark scheme the light one serves both.
    pub(super) fn new(accent: Option<Colour>, accent_dark: Option<Colour>) -> Self {
        Self { light: Scheme::light(accent), dark: Scheme::dark(accent_dark.or(accent)) }
    }

    pub(super) fn stylesheet(&self) -> String {
        format!(":root{{{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n", self.light.declarations(), self.dark.declarations())
    }

    /// The key on a tile of the accent, which reads on any tab strip.
    pub(super) fn favicon(&self) -> String {
        include_str!("assets/mark.svg").replace("TILE", &self.light.accent.to_string()).replace("KEY", &self.light.on_accent.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scheme: &Scheme) {
        let Scheme {
            ground,
            surface,
            raised,
            text,
            muted,
            edge,
            accent,
            accent_hover,
            on_accent,
            accent_edge,
            link,
            focus,
            mark,
            mark_tint,
            error,
            error_ground,
            ..
        } = *scheme;
        let mut read = vec![
            ("button", on_accent, accent),
            ("button under the pointer", on_accent, accent_hover),
            ("error in its box", error, error_ground),
            ("text in the error box", text, error_ground),
            ("badge", text, mark_tint),
        ];
        let mut seen = Vec::new();
        for under in [ground, surface, raised] {
            read.extend([("text", text, under), ("muted", muted, under), ("link", link, under), ("error", error, under)]);
            seen.extend([("edge", edge, under), ("button edge", accent_edge, under), ("focus", focus, under), ("key", mark, under)]);
        }
        for (least, pairs) in [(4.5, read), (3.0, seen)] {
            for (what, over, under) in pairs {
                let ratio = over.contrast(under);
                assert!(ratio >= least, "{what}: {over} on {under} is {ratio:.2}, not {least}");
            }
        }
    }

    #[test]
    fn contrast_is_the_one_of_wcag() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 1e-9);
        assert!((Colour::parse("#767676").unwrap().contrast(WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn the_default_palette_reads_in_light_and_dark() {
        let palette = Palette::new(None, None);
        check(&palette.light);
        check(&palette.dark);
        // The defaults are chosen, not corrected.
        assert_eq!(palette.light.link, DEFAULT_ACCENT);
        assert_eq!(palette.dark.link, DEFAULT_ACCENT_DARK);
        assert_eq!(palette.light.mark, BRASS);
    }

    #[test]
    fn awkward_accents_are_corrected() {
        for text in ["#ffff00", "#000000", "#ffffff", "#777777", "#ff0000", "#00f", "#0f0", "#e9eeeb", "#161c19", "#ff69b4"] {
            let palette = Palette::new(Colour::parse(text), None);
            check(&palette.light);
            check(&palette.dark);
        }
        assert_eq!(Colour::parse("#ffff00").unwrap().ink(), BLACK);
        assert_eq!(Colour::parse("#00f").unwrap().ink(), WHITE);
    }

    proptest::proptest! {
        #[test]
        fn every_accent_reads(red: u8, green: u8, blue: u8) {
            let palette = Palette::new(Some(Colour(red, green, blue)), None);
            check(&palette.light);
            check(&palette.dark);
        }
    }

    #[test]
    fn colours_are_parsed_strictly() {
        assert_eq!(Colour::parse("#1A2b3c"), Some(Colour(0x1a, 0x2b, 0x3c)));
        assert_eq!(Colour::parse("#abc"), Some(Colour(0xaa, 0xbb, 0xcc)));
        for wrong in ["", "red", "#12", "#12345", "#1234567", "123456", "#ééé", "#+12345", "#fff;}"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_fixed_stylesheet_names_no_colour_of_its_own() {
        let css = include_str!("assets/gatekey.css");
        let theme = Palette::new(None, None).stylesheet();
        assert!(!css.contains('#') && !css.contains("rgb("), "colours belong to the palette, where their contrast is tested");
        for piece in css.split("var(--").skip(1) {
            let name = piece.split(')').next().unwrap();
            assert!(theme.contains(&format!("--{name}:")) || css.contains(&format!("--{name}:")), "`--{name}` is nowhere set");
        }
    }
}
