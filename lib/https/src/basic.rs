//! Basic authentication (RFC 7617).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Name and password that come with a request.
#[must_use]
pub fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Whether two texts are the same, in a time that tells nothing of where they differ.
#[must_use]
pub fn same(one: &str, two: &str) -> bool {
    one.len() == two.len()
        && one
            .bytes()
            .zip(two.bytes())
            .fold(0, |difference, (left, right)| difference | (left ^ right))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_have_colons_and_a_name_none() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            credentials(&headers)
        };
        // "me:a:b".
        let expected = Some(("me".to_owned(), "a:b".to_owned()));
        assert_eq!(of("basic bWU6YTpi"), expected);
        assert_eq!(of("Basic  bWU6YTpi "), expected);
        for bad in ["bWU6YTpi", "Bearer bWU6YTpi", "Basic me:a", "Basic bWU="] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(credentials(&HeaderMap::new()), None);
    }

    #[test]
    fn only_equal_texts_are_the_same() {
        assert!(same("", "") && same("word", "word"));
        for other in ["", "wor", "words", "worD", "Word"] {
            assert!(!same("word", other), "{other}");
        }
    }
}
