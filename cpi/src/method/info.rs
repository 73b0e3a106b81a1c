//! `info`: what the CPI can.
//!
//! Version 2 is told, as the stock CPI does, which every caller takes; callers that speak 1 or 3 all
//! the same are understood.

use serde_json::{Value, json};

/// The answer.
pub(super) fn info() -> Value {
    json!({
        "api_version": 2,
        "stemcell_formats": ["warden-tar", "general-tar", "docker-light", "warden-light"],
    })
}
