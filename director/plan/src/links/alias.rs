//! Names of a manifest's own choice for who provides a link.
//!
//! `provides.LINK.aliases[]` of a job, whether its release or the manifest itself
//! (`custom_provider_definitions`) defines the link: `{domain, health_filter, initial_health_check,
//! placeholder_type}`, of which only the domain must be there. The others go to name servers as they
//! are, who know what they mean: a `_` in the domain of an alias with a placeholder stands for each
//! `uuid`, for example. Source: reference of the deploy engine, section 9.

use serde_json::Value as Json;
use warren_wire_manifest::yaml::Value;

use crate::{Error, json};

/// A name that stands for the group of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub domain: String,
    /// Whose health counts: `smart`, `healthy`, `unhealthy`, `all`.
    pub health_filter: Option<String>,
    /// `synchronous` or `asynchronous`.
    pub initial_health_check: Option<String>,
    /// What a `_` in the name stands for.
    pub placeholder_type: Option<String>,
}

/// Reads the aliases of a link that a job of a group provides.
pub(super) fn parse(
    aliases: &[Value],
    link: &str,
    job: &str,
    group: &str,
) -> Result<Vec<Alias>, Error> {
    let read = |value: &Value| {
        let value = json::from_manifest(value);
        let map = value.as_object()?;
        let text = |key: &str| match map.get(key) {
            None | Some(Json::Null) => Some(None),
            Some(Json::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        };
        Some(Alias {
            domain: text("domain")?.filter(|domain| !domain.is_empty())?,
            health_filter: text("health_filter")?,
            initial_health_check: text("initial_health_check")?,
            placeholder_type: text("placeholder_type")?,
        })
    };
    let refused = || {
        Error::new(
            40_000,
            format!(
                "An alias of link '{link}' of job '{job}' in instance group '{group}' must be a hash of \
                 strings with a 'domain'"
            ),
        )
    };
    let read = |value| read(value).ok_or_else(refused);
    aliases.iter().map(read).collect()
}
