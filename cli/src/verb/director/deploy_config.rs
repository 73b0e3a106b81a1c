//! Configs of type `deploy`: flags that all deploys have, or those of some deployments.
//!
//! ```text
//! flags: [fix, recreate]       names of flags that take no value
//! include: [zookeeper]         only these deployments, if there is any
//! exclude: [redis]             not these
//! ```
//!
//! A director that has no such configs, or does not let us read them, says nothing.

use warren_director_client::Director;
use warren_director_client::configs::Filter;
use warren_wire_manifest::yaml::{Dialect, Value, parse};

/// Texts of a list.
fn texts<'a>(document: &'a Value, key: &str) -> Vec<&'a str> {
    let all = document
        .get(key)
        .and_then(Value::as_seq)
        .unwrap_or_default();
    all.iter().filter_map(Value::as_str).collect()
}

/// The flags that one config gives a deployment.
fn flags(document: &str, deployment: &str) -> Vec<String> {
    let Ok(document) = parse(document, Dialect::Go) else {
        return Vec::new();
    };
    let (included, excluded) = (texts(&document, "include"), texts(&document, "exclude"));
    let is_meant = included.is_empty() || included.contains(&deployment);
    if !is_meant || excluded.contains(&deployment) {
        return Vec::new();
    }
    let flags = texts(&document, "flags").into_iter();
    flags
        .map(|flag| flag.trim_start_matches("--").to_owned())
        .collect()
}

/// The flags that the director's configs give a deployment.
pub fn flags_of(director: &Director, deployment: &str) -> Vec<String> {
    let filter = Filter {
        kind: Some("deploy".to_owned()),
        name: None,
        recent: 1,
    };
    let configs = director.configs(&filter).unwrap_or_default();
    let mut all: Vec<String> = Vec::new();
    for flag in configs
        .iter()
        .flat_map(|config| flags(&config.content, deployment))
    {
        if !all.contains(&flag) {
            all.push(flag);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_deployments_have_flags() {
        let document = "flags: [fix, --recreate, 7]\ninclude: [a, b]\nexclude: [b]\n";
        assert_eq!(flags(document, "a"), ["fix", "recreate"]);
        for none in ["b", "c"] {
            assert!(flags(document, none).is_empty(), "{none}");
        }
        assert_eq!(flags("flags: [fix]", "x"), ["fix"]);
        for nonsense in ["", "[]", "flags: fix", "{", "flags: [[]]"] {
            assert!(flags(nonsense, "x").is_empty(), "{nonsense}");
        }
    }
}
