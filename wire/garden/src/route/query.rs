//! Query strings: filters of a list, users and paths of file calls, handles of
//! bulk calls.
//!
//! Read as Go reads them: pairs with a broken escape or a `;` are dropped, and
//! of a key given twice the first value counts.

use std::collections::BTreeMap;

use crate::container::Properties;
use crate::escape;

/// The first value of each key of a query string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query string, without its `?`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut values = BTreeMap::new();
        for pair in text.split('&') {
            if pair.is_empty() || pair.contains(';') {
                continue;
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let (Some(key), Some(value)) = (escape::decode(key), escape::decode(value)) {
                values.entry(key).or_insert(value);
            }
        }
        Self(values)
    }

    /// The query of a list: each property must have this value.
    #[must_use]
    pub fn of_filter(properties: &Properties) -> Self {
        Self(properties.clone())
    }

    /// The query of a stream-in: who unpacks, and where to.
    #[must_use]
    pub fn of_stream_in(user: &str, destination: &str) -> Self {
        Self::default()
            .with("user", user)
            .with("destination", destination)
    }

    /// The query of a stream-out: who packs, and what.
    #[must_use]
    pub fn of_stream_out(user: &str, source: &str) -> Self {
        Self::default().with("user", user).with("source", source)
    }

    /// The query of a bulk call.
    #[must_use]
    pub fn of_handles<S: AsRef<str>>(handles: &[S]) -> Self {
        let list: Vec<&str> = handles.iter().map(AsRef::as_ref).collect();
        Self::default().with("handles", &list.join(","))
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The value of a key; empty when absent.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// The handles of a bulk call; none when there is no such key, or nothing
    /// in it.
    pub fn handles(&self) -> impl Iterator<Item = &str> {
        self.get("handles")
            .split(',')
            .filter(|handle| !handle.is_empty())
    }

    /// All keys and values: the filter of a list.
    #[must_use]
    pub fn into_filter(self) -> Properties {
        self.0
    }

    /// Writes the query string, sorted by key, without a `?`.
    #[must_use]
    pub fn encode(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(key, value)| {
                let (key, value) = (escape::encode_query(key), escape::encode_query(value));
                format!("{key}={value}")
            })
            .collect();
        pairs.join("&")
    }
}
