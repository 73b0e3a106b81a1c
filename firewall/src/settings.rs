//! The NATS endpoints in an agent's settings files, with the agent's own precedence.
//!
//! `update_settings.json` `mbus.urls`, then `settings.json` `env.bosh.mbus.urls`, then
//! its `mbus`. Everything else in these files is left unread: they hold secrets.

use serde::Deserialize;

use crate::endpoint::{self, Endpoint, Mbus};

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or `mbus` is of another type.
    #[error("the agent settings are not what an agent writes: {0}")]
    Malformed(#[source] serde_json::Error),
    /// A URL that names no server.
    #[error("the agent settings' mbus URL number {index} is unusable: {source}")]
    Url {
        /// Position in the list, from 1.
        index: usize,
        /// What is wrong with it.
        source: endpoint::Error,
    },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    mbus: Option<String>,
    env: Option<Env>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Env {
    bosh: Option<Bosh>,
}

/// `env.bosh` of settings.json and the whole of update_settings.json: both hold `mbus.urls`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Bosh {
    mbus: Option<Urls>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Urls {
    urls: Option<Vec<String>>,
}

/// The NATS servers that an agent with these files connects to; none if it listens itself.
///
/// # Errors
/// When a file is malformed or names a server that cannot be one.
pub fn endpoints(settings: &str, update_settings: Option<&str>) -> Result<Vec<Endpoint>, Error> {
    let settings: Settings = serde_json::from_str(settings).map_err(Error::Malformed)?;
    let update: Bosh = match update_settings {
        Some(text) => serde_json::from_str(text).map_err(Error::Malformed)?,
        None => Bosh::default(),
    };
    let urls = |bosh: Option<Bosh>| {
        bosh.and_then(|bosh| bosh.mbus)
            .and_then(|mbus| mbus.urls)
            .filter(|urls| !urls.is_empty())
    };
    let urls = urls(Some(update))
        .or_else(|| urls(settings.env.and_then(|env| env.bosh)))
        .unwrap_or_else(|| {
            settings
                .mbus
                .into_iter()
                .filter(|url| !url.is_empty())
                .collect()
        });
    let mut endpoints = Vec::new();
    for (position, url) in urls.iter().enumerate() {
        match url.parse().map_err(|source| Error::Url {
            index: position + 1,
            source,
        })? {
            Mbus::Nats(endpoint) => endpoints.push(endpoint),
            Mbus::Listener => {}
        }
    }
    Ok(endpoints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(settings: &str, update: Option<&str>) -> Vec<String> {
        endpoints(settings, update)
            .unwrap()
            .iter()
            .map(Endpoint::to_string)
            .collect()
    }

    #[test]
    fn the_agents_precedence() {
        let plain = r#"{"agent_id":"a","mbus":"nats://10.254.50.4:4222","ntp":[],"env":{}}"#;
        let env = r#"{"mbus":"nats://10.0.0.1:4222",
            "env":{"bosh":{"mbus":{"urls":["nats://10.0.0.2:4222","nats://[fd00::2]:4223"]}}}}"#;
        let update = r#"{"mbus":{"cert":{"ca":"x"},"urls":["nats://10.0.0.3:4222"]}}"#;
        let renewed_certificate_only = r#"{"mbus":{"cert":{"ca":"x"},"urls":null}}"#;
        assert_eq!(shown(plain, None), ["10.254.50.4:4222"]);
        assert_eq!(shown(env, None), ["10.0.0.2:4222", "[fd00::2]:4223"]);
        assert_eq!(shown(env, Some(update)), ["10.0.0.3:4222"]);
        assert_eq!(
            shown(plain, Some(renewed_certificate_only)),
            ["10.254.50.4:4222"]
        );
        assert!(shown(r#"{"mbus":"https://u:p@0.0.0.0:6868"}"#, None).is_empty());
        assert!(shown("{}", None).is_empty());
    }

    #[test]
    fn a_bad_url_is_named_by_position_and_never_quoted() {
        let error = endpoints(r#"{"mbus":"nats://u:hunter2@h:0"}"#, None).unwrap_err();
        assert!(matches!(error, Error::Url { index: 1, .. }));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(matches!(endpoints("[", None), Err(Error::Malformed(_))));
    }
}
