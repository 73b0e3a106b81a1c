//! What may not be shown: leaves under `properties` and `bosh`, and credentials in a release's URL.

use crate::yaml::{Mapping, Value};

const HIDDEN: &str = "<redacted>";

/// The value with secrets replaced.
pub fn redacted(mut value: Value) -> Value {
    walk(&mut value);
    if let Some(releases) = value.as_map_mut().and_then(|map| map.get_mut("releases"))
        && let Some(releases) = releases.as_seq_mut()
    {
        for release in releases {
            if let Some(Value::String(url)) =
                release.as_map_mut().and_then(|map| map.get_mut("url"))
            {
                *url = without_credentials(url);
            }
        }
    }
    value
}

fn walk(value: &mut Value) {
    match value {
        Value::Map(map) => {
            for (key, value) in map.iter_mut() {
                match (key.as_str(), value) {
                    (Some("properties" | "bosh"), Value::Map(map)) => hide(map),
                    (_, value) => walk(value),
                }
            }
        }
        Value::Seq(items) => items.iter_mut().for_each(walk),
        _ => {}
    }
}

fn hide(map: &mut Mapping) {
    for (_, value) in map.iter_mut() {
        hide_value(value);
    }
}

fn hide_value(value: &mut Value) {
    match value {
        Value::Map(map) => hide(map),
        Value::Seq(items) => items.iter_mut().for_each(hide_value),
        leaf => *leaf = HIDDEN.into(),
    }
}

/// `https://user:secret@host/x` as `https://<redacted>:<redacted>@host/x`.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return url.to_owned();
    };
    format!("{scheme}://{HIDDEN}:{HIDDEN}@{}", &rest[at + 1..])
}
