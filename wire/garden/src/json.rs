//! JSON of the wire: Go's habits, and the body that says nothing.

use serde::{Deserialize, Serialize};

pub use warren_lib_gojson::{JsonError, decode, encode};

/// The body of every call that has nothing to say: `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Empty {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_say() {
        assert_eq!(encode(&Empty {}).unwrap(), b"{}\n");
        assert_eq!(decode::<Empty>(br#"{"x":1}"#).unwrap(), Empty {});
    }
}
