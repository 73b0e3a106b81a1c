//! Comparing a body with its bytes.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use warren_wire_garden::json::{decode, encode};

/// `value` is written exactly as `json`, and `json` read back gives `value`.
#[track_caller]
pub fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    let written = encode(value).unwrap_or_else(|error| panic!("{json}: {error}"));
    assert_eq!(String::from_utf8_lossy(&written), format!("{json}\n"));
    let read: T = decode(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
    assert_eq!(read, *value);
}
