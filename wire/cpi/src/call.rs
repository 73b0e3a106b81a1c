//! The methods, as one enum that is the whole contract.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{CallError, Networks};

type Object = Map<String, Value>;

/// A method with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// What the CPI can.
    Info,
    /// Takes an image; gives its id.
    CreateStemcell {
        /// A file that is removed afterwards.
        image_path: String,
        /// Of the stemcell.
        cloud_properties: Object,
        /// Version 3 only.
        tags: Option<Object>,
    },
    /// Removes an image.
    DeleteStemcell {
        /// Its id.
        cid: String,
    },
    /// Makes a machine; gives its id and, from version 2 on, its networks.
    CreateVm {
        /// Its agent's name on the bus.
        agent_id: String,
        /// What it is made of.
        stemcell_cid: String,
        /// What it is like.
        cloud_properties: Object,
        /// Where it is.
        networks: Networks,
        /// Disks that it will get, to be near them.
        disk_cids: Vec<String>,
        /// For its agent.
        env: Object,
    },
    /// Removes a machine.
    DeleteVm {
        /// Its id.
        cid: String,
    },
    /// Whether there is such a machine.
    HasVm {
        /// Its id.
        cid: String,
    },
    /// Starts a machine again.
    RebootVm {
        /// Its id.
        cid: String,
    },
    /// What people should see of a machine.
    SetVmMetadata {
        /// Its id.
        cid: String,
        /// Texts.
        metadata: Object,
    },
    /// What cloud properties give a machine of this size.
    CalculateVmCloudProperties {
        /// `cpu`, `ram`, `ephemeral_disk_size` (MiB).
        requirements: Object,
    },
    /// Makes a disk; gives its id.
    CreateDisk {
        /// MiB.
        size: u64,
        /// What it is like.
        cloud_properties: Object,
        /// The machine that it is for.
        vm_cid: Option<String>,
    },
    /// Removes a disk.
    DeleteDisk {
        /// Its id.
        cid: String,
    },
    /// Whether there is such a disk.
    HasDisk {
        /// Its id.
        cid: String,
    },
    /// Gives a disk to a machine; gives a hint for its agent.
    AttachDisk {
        /// The machine.
        vm_cid: String,
        /// The disk.
        disk_cid: String,
    },
    /// Takes a disk from a machine.
    DetachDisk {
        /// The machine.
        vm_cid: String,
        /// The disk.
        disk_cid: String,
    },
    /// The disks of a machine.
    GetDisks {
        /// Its id.
        vm_cid: String,
    },
    /// Makes a disk larger.
    ResizeDisk {
        /// Its id.
        cid: String,
        /// MiB.
        size: u64,
    },
    /// Changes a disk; gives its new id or nothing.
    UpdateDisk {
        /// Its id.
        cid: String,
        /// MiB.
        size: u64,
        /// What it shall be like.
        cloud_properties: Object,
    },
    /// What people should see of a disk.
    SetDiskMetadata {
        /// Its id.
        cid: String,
        /// Texts.
        metadata: Object,
    },
    /// Keeps what a disk holds; gives an id.
    SnapshotDisk {
        /// The disk.
        cid: String,
        /// Texts.
        metadata: Object,
    },
    /// Forgets what a disk held.
    DeleteSnapshot {
        /// Its id.
        cid: String,
    },
    /// Makes a network; gives its id, addresses and cloud properties.
    CreateNetwork {
        /// `type`, `cloud_properties`, `range`, `gateway`, `netmask_bits`.
        definition: Object,
    },
    /// Removes a network.
    DeleteNetwork {
        /// Its id.
        cid: String,
    },
    /// Warren's own: the end of what a machine's agent wrote, for the error of one that never
    /// answered. Others say `NotImplemented`.
    GetVmLog {
        /// Its id.
        cid: String,
    },
}

/// The names of all methods.
pub const METHODS: &[&str] = &[
    "info",
    "create_stemcell",
    "delete_stemcell",
    "create_vm",
    "delete_vm",
    "has_vm",
    "reboot_vm",
    "set_vm_metadata",
    "calculate_vm_cloud_properties",
    "create_disk",
    "delete_disk",
    "has_disk",
    "attach_disk",
    "detach_disk",
    "get_disks",
    "resize_disk",
    "update_disk",
    "set_disk_metadata",
    "snapshot_disk",
    "delete_snapshot",
    "create_network",
    "delete_network",
    "get_vm_log",
];

impl Call {
    /// Its name on the wire.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Call::Info => "info",
            Call::CreateStemcell { .. } => "create_stemcell",
            Call::DeleteStemcell { .. } => "delete_stemcell",
            Call::CreateVm { .. } => "create_vm",
            Call::DeleteVm { .. } => "delete_vm",
            Call::HasVm { .. } => "has_vm",
            Call::RebootVm { .. } => "reboot_vm",
            Call::SetVmMetadata { .. } => "set_vm_metadata",
            Call::CalculateVmCloudProperties { .. } => "calculate_vm_cloud_properties",
            Call::CreateDisk { .. } => "create_disk",
            Call::DeleteDisk { .. } => "delete_disk",
            Call::HasDisk { .. } => "has_disk",
            Call::AttachDisk { .. } => "attach_disk",
            Call::DetachDisk { .. } => "detach_disk",
            Call::GetDisks { .. } => "get_disks",
            Call::ResizeDisk { .. } => "resize_disk",
            Call::UpdateDisk { .. } => "update_disk",
            Call::SetDiskMetadata { .. } => "set_disk_metadata",
            Call::SnapshotDisk { .. } => "snapshot_disk",
            Call::DeleteSnapshot { .. } => "delete_snapshot",
            Call::CreateNetwork { .. } => "create_network",
            Call::DeleteNetwork { .. } => "delete_network",
            Call::GetVmLog { .. } => "get_vm_log",
        }
    }

    /// Its arguments by position.
    #[must_use]
    pub fn arguments(&self) -> Vec<Value> {
        match self.clone() {
            Call::Info => vec![],
            Call::CreateStemcell {
                image_path,
                cloud_properties,
                tags,
            } => {
                let mut arguments = vec![json!(image_path), json!(cloud_properties)];
                arguments.extend(tags.map(|tags| json!({ "tags": tags })));
                arguments
            }
            Call::CreateVm {
                agent_id,
                stemcell_cid,
                cloud_properties,
                networks,
                disk_cids,
                env,
            } => vec![
                json!(agent_id),
                json!(stemcell_cid),
                json!(cloud_properties),
                json!(networks),
                json!(disk_cids),
                json!(env),
            ],
            Call::DeleteStemcell { cid }
            | Call::DeleteVm { cid }
            | Call::HasVm { cid }
            | Call::RebootVm { cid }
            | Call::DeleteDisk { cid }
            | Call::HasDisk { cid }
            | Call::DeleteSnapshot { cid }
            | Call::DeleteNetwork { cid }
            | Call::GetVmLog { cid }
            | Call::GetDisks { vm_cid: cid } => vec![json!(cid)],
            Call::SetVmMetadata { cid, metadata }
            | Call::SetDiskMetadata { cid, metadata }
            | Call::SnapshotDisk { cid, metadata } => vec![json!(cid), json!(metadata)],
            Call::CalculateVmCloudProperties { requirements } => vec![json!(requirements)],
            Call::CreateDisk {
                size,
                cloud_properties,
                vm_cid,
            } => vec![json!(size), json!(cloud_properties), json!(vm_cid)],
            Call::AttachDisk { vm_cid, disk_cid } | Call::DetachDisk { vm_cid, disk_cid } => {
                vec![json!(vm_cid), json!(disk_cid)]
            }
            Call::ResizeDisk { cid, size } => vec![json!(cid), json!(size)],
            Call::UpdateDisk {
                cid,
                size,
                cloud_properties,
            } => vec![json!(cid), json!(size), json!(cloud_properties)],
            Call::CreateNetwork { definition } => vec![json!(definition)],
        }
    }

    /// Understands a method with its arguments; more arguments than it has are ignored.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn parse(method: &str, arguments: Vec<Value>) -> Result<Self, CallError> {
        let Some(method) = METHODS.iter().find(|name| **name == method) else {
            return Err(CallError::Unknown {
                method: method.to_owned(),
            });
        };
        let mut take = Arguments {
            method,
            got: arguments.len(),
            place: 0,
            rest: arguments.into_iter(),
        };
        Ok(match *method {
            "info" => Call::Info,
            "create_stemcell" => Call::CreateStemcell {
                image_path: take.next("image_path")?,
                cloud_properties: take.object("cloud_properties")?,
                tags: take.optional::<Object>("env")?.and_then(|mut env| {
                    match env.remove("tags") {
                        Some(Value::Object(tags)) => Some(tags),
                        _ => None,
                    }
                }),
            },
            "delete_stemcell" => Call::DeleteStemcell { cid: take.cid()? },
            "create_vm" => Call::CreateVm {
                agent_id: take.next("agent_id")?,
                stemcell_cid: take.cid()?,
                cloud_properties: take.object("cloud_properties")?,
                networks: take.next("networks")?,
                disk_cids: take
                    .next::<Option<Vec<String>>>("disk_cids")?
                    .unwrap_or_default(),
                env: take.object("env")?,
            },
            "delete_vm" => Call::DeleteVm { cid: take.cid()? },
            "has_vm" => Call::HasVm { cid: take.cid()? },
            "reboot_vm" => Call::RebootVm { cid: take.cid()? },
            "set_vm_metadata" => Call::SetVmMetadata {
                cid: take.cid()?,
                metadata: take.object("metadata")?,
            },
            "calculate_vm_cloud_properties" => Call::CalculateVmCloudProperties {
                requirements: take.object("requirements")?,
            },
            "create_disk" => Call::CreateDisk {
                size: take.next("size")?,
                cloud_properties: take.object("cloud_properties")?,
                vm_cid: take
                    .optional::<String>("vm_cid")?
                    .filter(|cid| !cid.is_empty()),
            },
            "delete_disk" => Call::DeleteDisk { cid: take.cid()? },
            "has_disk" => Call::HasDisk { cid: take.cid()? },
            "attach_disk" => Call::AttachDisk {
                vm_cid: take.cid()?,
                disk_cid: take.cid()?,
            },
            "detach_disk" => Call::DetachDisk {
                vm_cid: take.cid()?,
                disk_cid: take.cid()?,
            },
            "get_disks" => Call::GetDisks {
                vm_cid: take.cid()?,
            },
            "resize_disk" => Call::ResizeDisk {
                cid: take.cid()?,
                size: take.next("size")?,
            },
            "update_disk" => Call::UpdateDisk {
                cid: take.cid()?,
                size: take.next("size")?,
                cloud_properties: take.object("cloud_properties")?,
            },
            "set_disk_metadata" => Call::SetDiskMetadata {
                cid: take.cid()?,
                metadata: take.object("metadata")?,
            },
            "snapshot_disk" => Call::SnapshotDisk {
                cid: take.cid()?,
                metadata: take.optional::<Object>("metadata")?.unwrap_or_default(),
            },
            "delete_snapshot" => Call::DeleteSnapshot { cid: take.cid()? },
            "create_network" => Call::CreateNetwork {
                definition: take.object("definition")?,
            },
            "delete_network" => Call::DeleteNetwork { cid: take.cid()? },
            // The names were checked above.
            _ => Call::GetVmLog { cid: take.cid()? },
        })
    }
}

struct Arguments {
    method: &'static str,
    got: usize,
    place: usize,
    rest: std::vec::IntoIter<Value>,
}

impl Arguments {
    fn next<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, CallError> {
        self.place += 1;
        let value = self.rest.next().ok_or(CallError::TooFew {
            method: self.method,
            wanted: self.place,
            got: self.got,
        })?;
        serde_json::from_value(value).map_err(|error| CallError::Argument {
            method: self.method,
            place: self.place,
            name,
            reason: error.to_string(),
        })
    }

    fn optional<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, CallError> {
        if self.rest.len() == 0 {
            return Ok(None);
        }
        self.next(name)
    }

    /// An object; null is an empty one.
    fn object(&mut self, name: &'static str) -> Result<Object, CallError> {
        Ok(self.next::<Option<Object>>(name)?.unwrap_or_default())
    }

    fn cid(&mut self) -> Result<String, CallError> {
        let cid: String = self.next("cid")?;
        if cid.is_empty() {
            return Err(CallError::Argument {
                method: self.method,
                place: self.place,
                name: "cid",
                reason: "Expected CID to be non-empty".to_owned(),
            });
        }
        Ok(cid)
    }
}
