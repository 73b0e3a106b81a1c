//! What a deployment switches on.

use crate::check::{Fields, Invalid, class, refuse};
use crate::yaml::Value;

/// The `features` block; `None` leaves it to the director's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// Links give DNS names instead of addresses.
    pub use_dns_addresses: Option<bool>,
    /// DNS names are short.
    pub use_short_dns_addresses: Option<bool>,
    /// DNS names are those of links; switches the two above on.
    pub use_link_dns_names: bool,
    /// Ties between availability zones are broken by chance.
    pub randomize_az_placement: bool,
    /// Variables are made anew when their definition changes.
    pub converge_variables: bool,
    /// Jobs and agent settings are kept in memory.
    pub use_tmpfs_config: Option<bool>,
}

impl Features {
    pub(super) fn parse(value: Option<&Value>) -> Result<Features, Invalid> {
        let fields = match value {
            None => return Ok(Features::default()),
            Some(value @ Value::Map(_)) => Fields::of(value)?,
            Some(other) => refuse!(
                FeaturesInvalidFormat,
                "Key 'features' expects a Hash, but received '{}'",
                class(other)
            ),
        };
        let switch = |key: &str| match fields.value(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => refuse!(
                FeaturesInvalidFormat,
                "Key '{key}' in 'features' expected to be a boolean, but received '{}'",
                class(other)
            ),
        };
        let mut features = Features {
            use_dns_addresses: switch("use_dns_addresses")?,
            use_link_dns_names: switch("use_link_dns_names")?.unwrap_or(false),
            use_short_dns_addresses: switch("use_short_dns_addresses")?,
            randomize_az_placement: switch("randomize_az_placement")?.unwrap_or(false),
            converge_variables: switch("converge_variables")?.unwrap_or(false),
            use_tmpfs_config: switch("use_tmpfs_config")?,
        };
        if features.use_link_dns_names {
            for (key, value) in [
                (
                    "use_short_dns_addresses",
                    &mut features.use_short_dns_addresses,
                ),
                ("use_dns_addresses", &mut features.use_dns_addresses),
            ] {
                if *value == Some(false) {
                    refuse!(
                        IncompatibleFeatures,
                        "cannot enable `use_link_dns_names` when `{key}` is explicitly disabled"
                    );
                }
                *value = Some(true);
            }
        }
        Ok(features)
    }
}
