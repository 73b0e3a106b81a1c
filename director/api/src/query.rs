//! Paths and queries of requests, decoded.
//!
//! The stock client puts names into paths as they are and CIDs with `%2F`, so a path is split first
//! and decoded afterwards. Any text gives a value.

/// The parameters of a query in order; a name may come several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what is behind the `?`. A trailing `?` alone is common and means nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name, true), decoded(value, true))
                })
                .collect(),
        )
    }

    /// Whether a name or value has this character.
    #[must_use]
    pub fn has(&self, character: char) -> bool {
        let mut all = self.0.iter();
        all.any(|(name, value)| name.contains(character) || value.contains(character))
    }

    /// The last value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut backwards = self.0.iter().rev();
        backwards
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The last value of a parameter, unless it is empty.
    #[must_use]
    pub fn some(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is exactly `true`; nothing else is.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// All values of a parameter that may come several times, as `NAME[]` or `NAME`.
    pub fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0
            .iter()
            .filter(move |(other, _)| other.strip_suffix("[]").unwrap_or(other) == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parts between commas of a parameter, without empty ones.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&str> {
        let whole = self.get(name).unwrap_or_default();
        whole
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()
    }
}

/// The parts of a path between slashes, decoded; empty parts do not count.
#[must_use]
pub fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(|part| decoded(part, false))
        .collect()
}

/// Decodes `%XX`, in queries also `+`. What is no UTF-8 then becomes replacement characters.
fn decoded(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let digit = |place: usize| {
                    let byte = bytes.get(place).copied()?;
                    char::from(byte)
                        .to_digit(16)
                        .and_then(|digit| u8::try_from(digit).ok())
                };
                match (digit(at), digit(at + 1)) {
                    (Some(high), Some(low)) => {
                        out.push(high << 4 | low);
                        at += 2;
                    }
                    _ => out.push(b'%'),
                }
            }
            b'+' if plus_is_space => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("state=queued,processing&verbose=2&a%20b=c+d%2B&x&deployment[]=e");
        assert_eq!(query.list("state"), ["queued", "processing"]);
        assert_eq!(query.get("a b"), Some("c d+"));
        assert_eq!(query.get("x"), Some(""));
        assert_eq!(query.some("x"), None);
        assert_eq!(query.all("deployment").collect::<Vec<_>>(), ["e"]);
        assert!(Query::parse("force=true").is_true("force"));
        assert!(!Query::parse("force=TRUE").is_true("force"));
        assert!(!Query::parse("force=1&").is_true("force"));
        assert_eq!(Query::parse("a=1&a=2").get("a"), Some("2"));
    }

    #[test]
    fn paths_are_split_before_they_are_decoded() {
        assert_eq!(segments("//disks/a%2Fb/"), ["disks", "a/b"]);
        assert_eq!(segments("/a%zz/%4"), ["a%zz", "%4"]);
        assert_eq!(segments("/%ff+"), ["\u{fffd}+"]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_query_and_a_path(text in "\\PC*", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Query::parse(&text);
            let _ = segments(&text);
            let text = String::from_utf8_lossy(&bytes);
            let _ = Query::parse(&text);
            let _ = segments(&text);
        }
    }
}
