//! Queries and parts of paths, percent-encoded. Source: RFC 3986.

use std::fmt::Write;

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => {
                // Writing to a text cannot fail.
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
}

/// One part of a path; `*`, which the director gives a meaning, stays.
pub fn path_segment(text: &str) -> String {
    if text == "*" {
        return text.to_owned();
    }
    let mut out = String::new();
    encode(&mut out, text);
    out
}

/// A query that grows.
#[derive(Debug, Clone, Default)]
pub struct Query(String);

impl Query {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        encode(&mut self.0, key);
        self.0.push('=');
        encode(&mut self.0, value);
        self
    }

    /// Adds a pair if there is a value that is not empty.
    #[must_use]
    pub fn some(self, key: &str, value: Option<&str>) -> Self {
        match value.filter(|value| !value.is_empty()) {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds `key=true` if it is so: the director knows no other spelling.
    #[must_use]
    pub fn flag(self, key: &str, is_set: bool) -> Self {
        match is_set {
            true => self.with(key, "true"),
            false => self,
        }
    }

    /// With its question mark, or empty.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_encoded() {
        assert_eq!(path_segment("a/b c"), "a%2Fb%20c");
        assert_eq!(path_segment("*"), "*");
        let query = Query::new()
            .with("a", "1&2")
            .some("b", None)
            .flag("c", true);
        assert_eq!(query.as_str(), "?a=1%262&c=true");
    }
}
