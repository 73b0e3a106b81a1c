//! Bytes in JSON: as text where they are text, as base64 where they are not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes as the worker sends and takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bytes {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Base64(String),
}

impl Bytes {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Bytes::Text(text.to_owned()),
            Err(_) => Bytes::Base64(STANDARD.encode(bytes)),
        }
    }

    pub(crate) fn into_bytes(self) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Bytes::Text(text) => Ok(text.into_bytes()),
            Bytes::Base64(text) => STANDARD.decode(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Bytes;

    proptest! {
        #[test]
        fn come_back_as_they_were(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(Bytes::new(&bytes).into_bytes().unwrap(), bytes);
        }
    }
}
