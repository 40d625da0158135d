//! `application/x-www-form-urlencoded`, as the WHATWG's URL standard writes it. What a code, a challenge or a state is made of stays as it is,
//! and a test for each letter of such a text is guessed wrongly every other time by the processor: so the whole text is looked at without a branch.

/// Stays as it is.
const fn is_plain(byte: u8) -> bool {
    (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte == b'-') | (byte == b'_') | (byte == b'.') | (byte == b'*')
}

/// Appends `name=value`, after an `&` if it is not the first.
pub fn append_pair(text: &mut String, first: bool, name: &str, value: &str) {
    if !first {
        text.push('&');
    }
    append(text, name);
    text.push('=');
    append(text, value);
}

fn append(text: &mut String, part: &str) {
    if part.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        text.push_str(part);
    } else {
        text.extend(form_urlencoded::byte_serialize(part.as_bytes()));
    }
}

/// How long a part is when it is written so.
pub fn encoded_len(part: &str) -> usize {
    part.bytes().map(|byte| 1 + 2 * usize::from(!(is_plain(byte) | (byte == b' ')))).sum()
}

/// Whether a part that was written so is what it stands for.
pub fn stands_for_itself(part: &str) -> bool {
    part.bytes().fold(true, |all, byte| all & (byte != b'+') & (byte != b'%'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every byte, by itself, is taken as form_urlencoded takes it.
    #[test]
    fn the_same_letters_are_plain() {
        for byte in 0..=u8::MAX {
            let written: String = form_urlencoded::byte_serialize(&[byte]).collect();
            assert_eq!(is_plain(byte), written.as_bytes() == [byte], "{byte}");
        }
    }

    proptest! {
        #[test]
        fn it_is_what_form_urlencoded_writes(pairs in prop::collection::vec(("[a-z_]{0,8}", any::<String>()), 0..5), plain in "[A-Za-z0-9_.*-]{0,80}") {
            let all: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([("code", plain.as_str())]).collect();
            let expected = form_urlencoded::Serializer::new(String::new()).extend_pairs(&all).finish();
            let mut text = String::new();
            for (i, (name, value)) in all.iter().enumerate() {
                append_pair(&mut text, i == 0, name, value);
            }
            prop_assert_eq!(&text, &expected);
            let parts: usize = all.iter().map(|(name, value)| encoded_len(name) + encoded_len(value)).sum();
            prop_assert_eq!(parts + 2 * all.len() - 1, expected.len());
        }

        #[test]
        fn what_stands_for_itself_is_read_as_it_is(part in "[ -~é+%]{0,40}") {
            let read: String = form_urlencoded::parse(format!("x={}", part.replace('&', "")).as_bytes()).map(|(_, value)| value.into_owned()).collect();
            prop_assert!(!stands_for_itself(&part) || read == part.replace('&', ""));
        }
    }
}
