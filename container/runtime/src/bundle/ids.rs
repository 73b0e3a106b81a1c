//! Whose ids a container's are.
//!
//! All but root are the host's own, so that files need no translation. Root is the greatest id that
//! we have, which nobody else uses: 4294967294 on a host, less in a container.

use crate::host::Host;
use crate::oci::IdMapping;
use crate::spec::ContainerSpec;

/// The mappings, of users and of groups alike; none for a privileged container.
#[must_use]
pub fn mappings(spec: &ContainerSpec, host: &Host) -> Vec<IdMapping> {
    if spec.privileged {
        return Vec::new();
    }
    let root = IdMapping {
        container: 0,
        host: host.max_id,
        size: 1,
    };
    let others = IdMapping {
        container: 1,
        host: 1,
        size: host.max_id.saturating_sub(1),
    };
    [root, others]
        .into_iter()
        .filter(|mapping| mapping.size > 0)
        .collect()
}
