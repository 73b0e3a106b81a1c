//! Which release and which stemcell a manifest means.

use warren_wire_release::{Wanted, latest};

/// The version that `wanted` (`latest`, `1.latest`, `1.5`) means among those that there are.
#[must_use]
pub fn choose<'a>(wanted: &str, there: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    Wanted::new(wanted).choose(there)
}

/// The highest of these.
#[must_use]
pub fn highest<'a>(versions: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    latest(versions)
}
