//! Escapes of halves of surrogate pairs, which Go reads as U+FFFD and other
//! parsers refuse.

use std::borrow::Cow;

/// Length of an escape such as `\ud83d`.
const ESCAPE: usize = 6;

/// The same text with `\ufffd` for each escape of a surrogate without its
/// other half.
///
/// Backslashes mean nothing outside strings, so strings need not be told from
/// the rest.
pub(super) fn mend(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        at = match unit(bytes, start) {
            Some(0xd800..=0xdbff) => {
                if matches!(unit(bytes, start + ESCAPE), Some(0xdc00..=0xdfff)) {
                    start + 2 * ESCAPE
                } else {
                    out.push_str(&text[copied..start]);
                    out.push_str("\\ufffd");
                    copied = start + ESCAPE;
                    copied
                }
            }
            Some(0xdc00..=0xdfff) => {
                out.push_str(&text[copied..start]);
                out.push_str("\\ufffd");
                copied = start + ESCAPE;
                copied
            }
            Some(_) => start + ESCAPE,
            // The escaped character, of whatever length, is passed over.
            None => {
                let next = text[start + 1..].chars().next();
                start + 1 + next.map_or(0, char::len_utf8)
            }
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The code unit of the escape at `start`, if one is there.
fn unit(bytes: &[u8], start: usize) -> Option<u32> {
    let digits = bytes.get(start..start + ESCAPE)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |value, digit| {
        Some(value << 4 | char::from(*digit).to_digit(16)?)
    })
}
