//! Texts that an old command line wrote as `!binary |-` and base64 on the next line.

use std::borrow::Cow;

/// The document with such texts as plain ones. What cannot be decoded stays as it is.
pub(crate) fn with_plain_texts(text: &str) -> Cow<'_, str> {
    if !text.contains("!binary |-") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_end();
        let head = trimmed
            .strip_suffix("!!binary |-")
            .or_else(|| trimmed.strip_suffix("!binary |-"));
        let decoded = head
            .filter(|head| head.trim_end().ends_with(':'))
            .and_then(|head| Some((head, decode(lines.peek()?.trim())?)));
        match decoded {
            Some((head, value)) => {
                lines.next();
                out.push_str(head);
                out.push_str(&crate::yaml::quoted(&value));
                out.push('\n');
            }
            None => out.push_str(line),
        }
    }
    Cow::Owned(out)
}

/// Base64 of printable ASCII.
fn decode(text: &str) -> Option<String> {
    let digits = text.trim_end_matches('=');
    let mut out = String::new();
    let (mut bits, mut held) = (0u32, 0);
    for byte in digits.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            let byte = u8::try_from(bits >> held & 0xff).ok()?;
            let is_printable = (b' '..=b'~').contains(&byte);
            out.push(is_printable.then_some(char::from(byte))?);
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_texts_are_read() {
        let text =
            "sha1: !binary |-\n  ZGEzOWEz\nname: !!binary |-\n    YQ==\nother: !binary |-\n  *\n";
        let expected = "sha1: da39a3\nname: a\nother: !binary |-\n  *\n";
        assert_eq!(with_plain_texts(text), expected);
        assert_eq!(with_plain_texts("a: !binary |-"), "a: !binary |-");
    }
}
