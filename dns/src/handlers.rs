//! Handlers: domains for which a job names servers of their own. Pure.
//!
//! ```json
//! [{"domain": "corp.example.", "cache": {"enabled": true},
//!   "source": {"type": "dns", "recursors": ["10.0.0.2", "10.0.0.3:5353"]}}]
//! ```

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use crate::PORT;

/// What is asked for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// In lower case, without the last dot.
    pub domain: String,
    /// Whom to ask; nobody if it is of a kind that is not supported.
    pub recursors: Vec<SocketAddr>,
    /// Whether answers may be told again.
    pub cached: bool,
}

#[derive(Deserialize)]
struct Entry {
    domain: String,
    #[serde(default)]
    cache: CacheEntry,
    source: Source,
}

#[derive(Deserialize, Default)]
struct CacheEntry {
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
struct Source {
    r#type: String,
    #[serde(default)]
    recursors: Vec<String>,
}

/// A file of handlers that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HandlersError {
    /// Not a list of handlers.
    #[error("it is no JSON list of handlers")]
    Json(#[from] serde_json::Error),
    /// A kind that only bosh-dns has, or nobody.
    #[error("the handler of {domain} is of type {kind}; only dns is supported, so its names fail")]
    Kind {
        /// Whose.
        domain: String,
        /// Which.
        kind: String,
    },
    /// Something that is no address.
    #[error("the handler of {domain} names {text:?}, which is no address of a server")]
    Address {
        /// Whose.
        domain: String,
        /// What.
        text: String,
    },
}

/// Reads a file. Handlers with something wrong are there as well, so that their names are not asked
/// of others; what is wrong comes beside.
///
/// # Errors
/// [`HandlersError::Json`]: nothing can be read.
pub fn parse(bytes: &[u8]) -> Result<(Vec<Handler>, Vec<HandlersError>), HandlersError> {
    let entries: Vec<Entry> = serde_json::from_slice(bytes)?;
    let mut wrong = Vec::new();
    let mut handlers = Vec::new();
    for entry in entries {
        let domain = entry.domain.trim_end_matches('.').to_ascii_lowercase();
        let mut recursors = Vec::new();
        if entry.source.r#type == "dns" {
            for text in entry.source.recursors {
                match server(&text) {
                    Some(address) => recursors.push(address),
                    None => wrong.push(HandlersError::Address {
                        domain: domain.clone(),
                        text,
                    }),
                }
            }
        } else {
            wrong.push(HandlersError::Kind {
                domain: domain.clone(),
                kind: entry.source.r#type,
            });
        }
        handlers.push(Handler {
            domain,
            recursors,
            cached: entry.cache.enabled,
        });
    }
    Ok((handlers, wrong))
}

/// An address with or without a port.
fn server(text: &str) -> Option<SocketAddr> {
    let plain: Result<IpAddr, _> = text.parse();
    match plain {
        Ok(address) => Some(SocketAddr::new(address, PORT)),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    #[test]
    fn handlers_are_read() {
        let (handlers, wrong) = parse(
            br#"[{"domain":"Corp.example.","cache":{"enabled":true},
                  "source":{"type":"dns","recursors":["10.0.0.2","10.0.0.3:5353","fd00::1","x"]}},
                 {"domain":"web.example","source":{"type":"http","url":"http://127.0.0.1"}}]"#,
        )
        .unwrap();
        assert_eq!(handlers[0].domain, "corp.example");
        assert!(handlers[0].cached && !handlers[1].cached);
        let recursors: Vec<_> = handlers[0]
            .recursors
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(recursors, ["10.0.0.2:53", "10.0.0.3:5353", "[fd00::1]:53"]);
        assert!(handlers[1].recursors.is_empty());
        assert_eq!(wrong.len(), 2);
        assert!(wrong[1].to_string().contains("type http"));
        assert!(parse(b"{}").is_err());
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
