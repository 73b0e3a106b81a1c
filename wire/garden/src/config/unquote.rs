//! Go string literals in double quotes.

/// The text of a literal, quotes included in `literal`; nothing when it is not
/// well-formed or its bytes are not UTF-8.
pub(super) fn unquote(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    if literal.len() < 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut left = inner.chars();
    while let Some(character) = left.next() {
        match character {
            '"' | '\n' => return None,
            '\\' => escape(&mut left, &mut bytes)?,
            other => push(&mut bytes, other),
        }
    }
    String::from_utf8(bytes).ok()
}

fn escape(left: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    match left.next()? {
        'a' => bytes.push(0x07),
        'b' => bytes.push(0x08),
        'f' => bytes.push(0x0c),
        'n' => bytes.push(b'\n'),
        'r' => bytes.push(b'\r'),
        't' => bytes.push(b'\t'),
        'v' => bytes.push(0x0b),
        '\\' => bytes.push(b'\\'),
        '"' => bytes.push(b'"'),
        'x' => bytes.push(u8::try_from(number(left, 16, 2, 0)?).ok()?),
        'u' => push(bytes, char::from_u32(number(left, 16, 4, 0)?)?),
        'U' => push(bytes, char::from_u32(number(left, 16, 8, 0)?)?),
        first @ '0'..='7' => {
            let first = first.to_digit(8)?;
            bytes.push(u8::try_from(number(left, 8, 2, first)?).ok()?);
        }
        _ => return None,
    }
    Some(())
}

fn number(left: &mut std::str::Chars<'_>, base: u32, digits: u32, first: u32) -> Option<u32> {
    (0..digits).try_fold(first, |value, _| {
        let digit = left.next()?.to_digit(base)?;
        value.checked_mul(base)?.checked_add(digit)
    })
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
