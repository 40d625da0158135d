//! Reading `Cookie` (RFC 6265 §5.4).

/// The value of the one cookie `name` among all lines of the header; HTTP/2 may send it in several (RFC 9113 §8.2.3).
///
/// Byte by byte: whoever owns a neighbouring host can set cookies that reach this one, in any encoding. One that is no text must not hide
/// ours, and white space that is not ASCII must not make another name ours. Two of one `__Host-` name come from no browser: which of them
/// is ours is not for us to guess.
pub fn only<'a>(lines: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Option<&'a str> {
    let pairs = lines.into_iter().flat_map(|line| line.split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let value = values.next()?;
    values.all(|other| other == value).then(|| std::str::from_utf8(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_or_none() {
        for (lines, expected) in [
            (&["a=1; s=x; b=2"][..], Some("x")),
            (&["a=1", "s=x"], Some("x")),
            (&["s=x; s=x"], Some("x")),
            (&["s=x; s=y"], None),
            (&["s=x", "s=y"], None),
            (&["xs=x; sx=y; s"], None),
            (&["s="], Some("")),
            (&["\u{a0}s=x"], None),
            (&[], None),
        ] {
            assert_eq!(only(lines.iter().map(|line| line.as_bytes()), "s"), expected, "{lines:?}");
        }
    }
}
