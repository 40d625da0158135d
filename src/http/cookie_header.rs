//! Reading `Cookie` (RFC 6265 §5.4).

/// The values of the cookies that are called `base` and one of `endings`, in one look at all lines of the header; HTTP/2 may send it in several
/// (RFC 9113 §8.2.3).
///
/// Byte by byte: whoever owns a neighbouring host can set cookies that reach this one, in any encoding. One that is no text must not hide
/// ours, and white space that is not ASCII must not make another name ours. Two of one `__Host-` name come from no browser: which of them
/// is ours is not for us to guess.
pub fn family<'a, const N: usize>(lines: impl IntoIterator<Item = &'a [u8]>, base: &str, endings: [&str; N]) -> [Option<&'a str>; N] {
    let mut values: [Option<&[u8]>; N] = [None; N];
    let mut twice = [false; N];
    for pair in lines.into_iter().flat_map(|line| line.split(|byte| *byte == b';')) {
        let Some(rest) = pair.trim_ascii_start().strip_prefix(base.as_bytes()) else { continue };
        let mut parts = rest.trim_ascii_end().splitn(2, |byte| *byte == b'=');
        let (Some(ending), Some(value)) = (parts.next(), parts.next()) else { continue };
        let Some(index) = endings.iter().position(|known| known.as_bytes() == ending) else { continue };
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

    fn read<'a, const N: usize>(lines: &[&'a str], endings: [&str; N]) -> [Option<&'a str>; N] {
        family(lines.iter().map(|line| line.as_bytes()), "s", endings)
    }

    #[test]
    fn one_value_or_none() {
        for (lines, expected) in [
            (&["a=1; s=x; b=2"][..], Some("x")),
            (&["a=1", "s=x"], Some("x")),
            (&["s=x; s=x"], Some("x")),
            (&["s=x; s=y"], None),
            (&["s=x", "s=y"], None),
            (&["s=x; s=y; s=x"], None),
            (&["xs=x; sx=y; s"], None),
            (&["s="], Some("")),
            (&["s=x=y"], Some("x=y")),
            (&["s =x"], None),
            (&["\u{a0}s=x"], None),
            (&[], None),
        ] {
            assert_eq!(read(lines, [""]), [expected], "{lines:?}");
        }
        assert_eq!(family([&b"s=\xff; s-2=x"[..]], "s", ["", "-2"]), [None, Some("x")]);
    }

    #[test]
    fn a_family_in_one_look() {
        let endings = ["", "-2", "-5", "-state"];
        assert_eq!(read(&["s=a; s-2=b; x=y", "s-5=c"], endings), [Some("a"), Some("b"), Some("c"), None]);
        assert_eq!(read(&["s-1=a; s-6=b; s-22=d; s-=e; s-2x=f; s-02=g; s-2=; xs-5=h; s-state=i"], endings), [None, Some(""), None, Some("i")]);
        // What is there twice is not guessed at; the others are not touched by it.
        assert_eq!(read(&["s=a; s=a; s-2=b; s-2=c; s-2=b; s-5=d"], endings), [Some("a"), None, Some("d"), None]);
    }
}
