//! Bodies about whole containers: create, list, stop, properties, capacity.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::network::{NetIn, NetOutRule};
use crate::number::{Nanoseconds, is_zero, open_number};
use crate::redact::Hidden;

/// A container's properties, sorted by key as Go writes maps. May hold secrets.
pub type Properties = BTreeMap<String, String>;

/// What a container is to be. Everything is optional.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// Its name; empty lets the server make one.
    #[serde(skip_serializing_if = "is_zero")]
    pub handle: String,
    /// How long it may stay without a client; 0 takes the server's default.
    #[serde(skip_serializing_if = "is_zero")]
    pub grace_time: Nanoseconds,
    /// The older form of `image.uri`; giving both is an error.
    #[serde(skip_serializing_if = "is_zero")]
    pub rootfs: String,
    /// Where the root file system comes from. Always written.
    pub image: ImageRef,
    /// Host folders and files to show inside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bind_mounts: Vec<BindMount>,
    /// `""`, `"a.b.c.d"` or `"a.b.c.d/n"`.
    #[serde(skip_serializing_if = "is_zero")]
    pub network: String,
    /// Properties to set before anything else is done.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
    /// `KEY=value` for every process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// No user namespace and a wide set of capabilities.
    #[serde(skip_serializing_if = "is_zero")]
    pub privileged: bool,
    /// Resource limits. Always written.
    pub limits: Limits,
    /// Allowed traffic out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub netout_rules: Vec<NetOutRule>,
    /// Port mappings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub netin: Vec<NetIn>,
}

impl fmt::Debug for ContainerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerSpec")
            .field("handle", &self.handle)
            .field("grace_time", &self.grace_time)
            .field("rootfs", &self.rootfs)
            .field("image", &self.image)
            .field("bind_mounts", &self.bind_mounts)
            .field("network", &self.network)
            .field("properties", &Hidden(self.properties.len()))
            .field("env", &Hidden(self.env.len()))
            .field("privileged", &self.privileged)
            .field("limits", &self.limits)
            .field("netout_rules", &self.netout_rules)
            .field("netin", &self.netin)
            .finish()
    }
}

/// Where a root file system comes from, and with whose credentials.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageRef {
    /// A path, or `docker://`, `oci://`, `raw://` and the like.
    #[serde(skip_serializing_if = "is_zero")]
    pub uri: String,
    /// Registry user.
    #[serde(skip_serializing_if = "is_zero")]
    pub username: String,
    /// Registry password.
    #[serde(skip_serializing_if = "is_zero")]
    pub password: String,
}

impl ImageRef {
    /// Whether nothing was said. Clients always send the object, so an empty
    /// one means the same as none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        is_zero(self)
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageRef")
            .field("uri", &self.uri)
            .field("username", &Hidden(self.username.len().min(1)))
            .field("password", &Hidden(self.password.len().min(1)))
            .finish()
    }
}

/// One host path shown inside a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BindMount {
    /// Path outside.
    #[serde(skip_serializing_if = "is_zero")]
    pub src_path: String,
    /// Path inside.
    #[serde(skip_serializing_if = "is_zero")]
    pub dst_path: String,
    /// Read-only unless said otherwise.
    #[serde(skip_serializing_if = "is_zero")]
    pub mode: BindMountMode,
    /// Whose path `src_path` is; ignored by the stock server.
    #[serde(skip_serializing_if = "is_zero")]
    pub origin: BindMountOrigin,
}

open_number! {
    /// Access through a [`BindMount`].
    BindMountMode(u8) {
        /// Read only.
        READ_ONLY = 0,
        /// Read and write.
        READ_WRITE = 1,
    }
}

open_number! {
    /// Whose path the source of a [`BindMount`] is.
    BindMountOrigin(u8) {
        /// The server's.
        HOST = 0,
        /// The container's.
        CONTAINER = 1,
    }
}

/// Answer to a create: the handle given or made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateResponse {
    /// The container's handle.
    pub handle: String,
}

/// Answer to a list: `[]` when there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ListResponse {
    /// Handles, in no promised order.
    pub handles: Vec<String>,
}

/// Body of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StopRequest {
    /// KILL at once instead of TERM first.
    pub kill: bool,
}

/// Value of one property, both as request and as answer.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertyValue {
    /// The value.
    pub value: String,
}

impl fmt::Debug for PropertyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropertyValue")
            .field("value", &Hidden(self.value.len().min(1)))
            .finish()
    }
}

/// Body of a grace-time request: a bare integer of nanoseconds.
pub type GraceTimeRequest = Nanoseconds;

/// What the server's machine offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capacity {
    /// Bytes of memory of the machine.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_in_bytes: u64,
    /// Bytes of the file system that holds containers.
    #[serde(skip_serializing_if = "is_zero")]
    pub disk_in_bytes: u64,
    /// Bytes that containers may come to use.
    #[serde(skip_serializing_if = "is_zero")]
    pub schedulable_disk_in_bytes: u64,
    /// Most containers at once.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_containers: u64,
}
