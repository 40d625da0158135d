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

/// The same of `base` and of `base-2`, `base-3` … up to `N` in one look: all there are of a family of cookies.
pub fn numbered<'a, const N: usize>(lines: impl IntoIterator<Item = &'a [u8]>, base: &str) -> [Option<&'a str>; N] {
    let mut values: [Option<&[u8]>; N] = [None; N];
    let mut twice = [false; N];
    for pair in lines.into_iter().flat_map(|line| line.split(|byte| *byte == b';')) {
        let Some(rest) = pair.trim_ascii().strip_prefix(base.as_bytes()) else { continue };
        let (index, value) = match rest {
            [b'=', value @ ..] => (0, value),
            // One digit: there are fewer than ten.
            [b'-', digit @ b'2'..=b'9', b'=', value @ ..] => (usize::from(*digit - b'1'), value),
            _ => continue,
        };
        if let (Some(there), Some(twice)) = (values.get_mut(index), twice.get_mut(index)) {
            *twice |= there.is_some_and(|other| other != value);
            *there = Some(value);
        }
    }
    let mut twice = twice.into_iter();
    values.map(|value| value.filter(|_| twice.next() == Some(false)).and_then(|value| std::str::from_utf8(value).ok()))
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

    #[test]
    fn a_family_in_one_look() {
        fn read<'a>(lines: &[&'a str]) -> [Option<&'a str>; 5] {
            numbered(lines.iter().map(|line| line.as_bytes()), "s")
        }
        assert_eq!(read(&["s=a; s-2=b; x=y", "s-5=c"]), [Some("a"), Some("b"), None, None, Some("c")]);
        assert_eq!(read(&["s-1=a; s-6=b; s-0=c; s-22=d; s-=e; s-2x=f; s-02=g; s-2=; xs-3=h; s-state=i"]), [None, Some(""), None, None, None]);
        // What is there twice is not guessed at; the others are not touched by it.
        assert_eq!(read(&["s=a; s=a; s-2=b; s-2=c; s-2=b; s-3=d"]), [Some("a"), None, Some("d"), None, None]);
        // Byte for byte as the other reader.
        for lines in [&["a=1; s=x; b=2"][..], &["s=x", "s=y"], &["\u{a0}s=x"], &["s"], &["s=x=y"]] {
            let one = only(lines.iter().map(|line| line.as_bytes()), "s");
            assert_eq!(read(lines)[0], one, "{lines:?}");
        }
    }
}
