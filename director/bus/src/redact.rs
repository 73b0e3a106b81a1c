//! Words of agents without the passwords that they may repeat.
//!
//! An agent that cannot reach a signed URL may say which: stock's does, with its query. Whoever reads the
//! error of a task could use it.

/// What begins a signature in a URL.
const KEY: &str = "st=";
/// What stands in its place.
const HIDDEN: &str = "<redacted>";

/// A text whose URLs have no signatures.
pub(crate) fn without_signatures(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(KEY) {
        let (before, found) = rest.split_at(at + KEY.len());
        clean.push_str(before);
        let is_key = before
            .strip_suffix(KEY)
            .is_some_and(|before| before.ends_with(['?', '&']) || before.ends_with("\\u0026"));
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=' | '%');
        let length = match is_key {
            true => found.find(|c| !is_part(c)).unwrap_or(found.len()),
            false => 0,
        };
        if length > 0 {
            clean.push_str(HIDDEN);
        }
        rest = &found[length..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_hidden_and_nothing_else() {
        for (text, clean) in [
            (
                r#"Get "https://h:1/signed/a9/abc?st=qAa_-9&ts=1&e=2": refused, st=x"#,
                r#"Get "https://h:1/signed/a9/abc?st=<redacted>&ts=1&e=2": refused, st=x"#,
            ),
            ("?ts=1\\u0026st=abc", "?ts=1\\u0026st=<redacted>"),
            ("?ts=1&st=abc", "?ts=1&st=<redacted>"),
            ("?st=a ?st=b", "?st=<redacted> ?st=<redacted>"),
            ("?st=", "?st="),
            ("the test=1 of p\u{e9}st=7", "the test=1 of p\u{e9}st=7"),
            ("", ""),
        ] {
            assert_eq!(without_signatures(text), clean);
        }
    }
}
