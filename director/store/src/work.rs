//! What a task does: the agreement between who asks (the API) and who works (the engine).
//!
//! One variant for each kind of task of the director's catalogue; the fields are what the request
//! said. The manifest of a deploy travels in the row, so that any worker can run it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod scheduled;

pub use scheduled::Scheduled;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// `POST /deployments` and `PUT .../jobs/...`.
    UpdateDeployment(Deploy),
    /// `DELETE /deployments/NAME`.
    DeleteDeployment {
        /// Its name.
        deployment: String,
        /// Go on past errors of agents and CPI.
        force: bool,
    },
    /// `POST .../instance_groups/IG/ID/actions/ACTION`.
    UpdateInstance(InstanceAction),
    /// `POST /releases`.
    UpdateRelease(Upload),
    /// `DELETE /releases/NAME`.
    DeleteRelease {
        /// Its name.
        name: String,
        /// One version; all of them if `None`.
        version: Option<String>,
        /// Go on past errors of the blobstore.
        force: bool,
    },
    /// `POST /releases/export`.
    ExportRelease(Export),
    /// `POST /stemcells`.
    UpdateStemcell(Upload),
    /// `DELETE /stemcells/NAME/VERSION`.
    DeleteStemcell {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// Go on past errors of the CPI.
        force: bool,
    },
    /// `GET .../vms?format=full` and `GET .../instances?format=full`.
    VmState {
        /// The deployment's name.
        deployment: String,
        /// Whether instances without a machine are wanted too.
        instances: bool,
    },
    /// `GET .../logs`.
    FetchLogs(Logs),
    /// `POST .../ssh`.
    Ssh(Ssh),
    /// `POST .../errands/NAME/runs`.
    RunErrand(Errand),
    /// `POST .../scans`.
    ScanCloud {
        /// The deployment's name.
        deployment: String,
    },
    /// `PUT .../problems`.
    ApplyResolutions {
        /// The deployment's name.
        deployment: String,
        /// Problem to resolution; `None` is the automatic choice.
        resolutions: BTreeMap<String, Option<String>>,
        /// Instance group to number or percentage.
        max_in_flight: BTreeMap<String, String>,
    },
    /// `PUT .../scan_and_fix`.
    ScanAndFix {
        /// The deployment's name.
        deployment: String,
        /// Instance group to ids.
        jobs: BTreeMap<String, Vec<String>>,
    },
    /// `DELETE /vms/CID`.
    DeleteVm {
        /// What the CPI calls it.
        cid: String,
    },
    /// `DELETE /disks/CID`.
    DeleteDisk {
        /// What the CPI calls it.
        cid: String,
        /// Only take it from its instance.
        orphan: bool,
    },
    /// `PUT /disks/CID/attachments`.
    AttachDisk {
        /// What the CPI calls it.
        cid: String,
        /// The deployment's name.
        deployment: String,
        /// The instance group.
        job: String,
        /// The instance's id.
        instance_id: String,
        /// Whether the cloud properties of the disk that is there are kept.
        copy_properties: bool,
    },
    /// `POST .../snapshots`: of all disks of a deployment.
    SnapshotDeployment {
        /// The deployment's name.
        deployment: String,
    },
    /// `POST .../jobs/GROUP/ID/snapshots`: of the disks of an instance.
    CreateSnapshot {
        /// The deployment's name.
        deployment: String,
        /// The instance group.
        job: String,
        /// Index or id.
        id: String,
    },
    /// `DELETE .../snapshots/CID`.
    DeleteSnapshot {
        /// The deployment's name.
        deployment: String,
        /// What the CPI calls it.
        cid: String,
    },
    /// `DELETE .../snapshots`: all of a deployment.
    DeleteSnapshots {
        /// The deployment's name.
        deployment: String,
    },
    /// `/dynamic_disks/...`.
    DynamicDisk(DynamicDisk),
    /// `POST /cleanup`.
    CleanUp {
        /// Also what is not used at all.
        remove_all: bool,
        /// Not orphaned disks.
        keep_orphaned_disks: bool,
    },
    /// What the scheduler wants from time to time.
    Scheduled(Scheduled),
}

/// A deploy, or a change of state by way of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// The deployment's name.
    pub deployment: String,
    /// The manifest as uploaded; `None` is the last one that was carried out.
    pub manifest: Option<String>,
    /// Keys of cloud configs.
    pub cloud_configs: Vec<i64>,
    /// Keys of runtime configs.
    pub runtime_configs: Vec<i64>,
    /// A change of state of some instances.
    pub change: Option<StateChange>,
    /// Make all machines anew.
    pub recreate: bool,
    /// Make all disks anew.
    pub recreate_persistent_disks: bool,
    /// Only machines made before this time, RFC 3339.
    pub recreate_vms_created_before: Option<String>,
    /// Make machines anew whose agent does not answer.
    pub fix: bool,
    /// Instance groups that are not drained; `*` is all of them.
    pub skip_drain: Vec<String>,
    /// Instead of the manifest's, a number or percentage.
    pub canaries: Option<String>,
    /// Instead of the manifest's, a number or percentage.
    pub max_in_flight: Option<String>,
    /// Stop before anything is changed.
    pub dry_run: bool,
    /// Take current values of all variables.
    pub force_latest_variables: bool,
    /// Whether the deployment is new, for the events.
    pub new: bool,
}

/// `PUT .../jobs/GROUP/ID?state=...`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// `started`, `stopped`, `detached`, `restart` or `recreate`.
    pub state: String,
    /// All groups if `None`.
    pub job: Option<String>,
    /// Index or id; all instances if `None`.
    pub id: Option<String>,
}

/// What one instance is to do, without a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceAction {
    /// The deployment's name.
    pub deployment: String,
    /// The instance group.
    pub job: String,
    /// Index or id.
    pub id: String,
    /// `start`, `stop`, `restart` or `recreate`.
    pub action: String,
    /// Do not drain.
    pub skip_drain: bool,
    /// Delete the machine as well.
    pub hard: bool,
    /// Do not wait for an agent that does not answer.
    pub ignore_unresponsive_agent: bool,
}

/// An upload of a release or a stemcell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Where it is.
    pub source: Source,
    /// What it should be, as a digest.
    pub sha1: Option<String>,
    /// Take it again even if it is there.
    pub fix: bool,
    /// Give it the next version of this director.
    pub rebase: bool,
}

/// Where an upload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A file that the API has written; whoever takes it deletes it.
    Path(String),
    /// To be downloaded.
    Url(String),
}

/// What to do with a disk that is in no manifest. Disks have names of their own; sizes are MiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum DynamicDisk {
    /// `POST /dynamic_disks`.
    Create {
        /// The deployment's name.
        deployment: String,
        /// The availability zone.
        az: String,
        /// The disk's name.
        name: String,
        /// Its type in the cloud config.
        pool: String,
        /// Its size.
        size: u64,
        /// What people see of it.
        metadata: Option<serde_json::Map<String, serde_json::Value>>,
    },
    /// `POST /dynamic_disks/NAME/attach`.
    Attach {
        /// The disk's name.
        name: String,
        /// The instance's id.
        instance_id: String,
        /// What people see of it.
        metadata: Option<serde_json::Map<String, serde_json::Value>>,
    },
    /// `POST /dynamic_disks/provide`.
    Provide {
        /// The instance's id.
        instance_id: String,
        /// The disk's name.
        name: String,
        /// Its type in the cloud config.
        pool: String,
        /// Its size.
        size: u64,
        /// What people see of it.
        metadata: Option<serde_json::Map<String, serde_json::Value>>,
    },
    /// `POST /dynamic_disks/NAME/detach`.
    Detach {
        /// The disk's name.
        name: String,
    },
    /// `DELETE /dynamic_disks/NAME`.
    Delete {
        /// The disk's name.
        name: String,
    },
}

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The deployment's name.
    pub deployment: String,
    /// The release.
    pub release_name: String,
    /// Its version.
    pub release_version: String,
    /// On which system.
    pub stemcell_os: String,
    /// On which version of it.
    pub stemcell_version: String,
    /// Digests as SHA-256.
    pub sha2: bool,
    /// Only these jobs; all if empty.
    pub jobs: Vec<String>,
}

/// Which logs to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// The deployment's name.
    pub deployment: String,
    /// The instance group; `*` is all.
    pub job: String,
    /// Index or id; `*` is all.
    pub id: String,
    /// `job`, `agent`, `system`, or several with commas.
    pub kind: String,
    /// Patterns of files.
    pub filters: Option<Vec<String>>,
}

/// Who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ssh {
    /// The deployment's name.
    pub deployment: String,
    /// `setup` or `cleanup`.
    pub command: String,
    /// The instance group; all if `None`.
    pub job: Option<String>,
    /// Indexes or ids; all instances if empty.
    pub ids: Vec<String>,
    /// `user` and `public_key`, or `user_regex`.
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// An errand to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// The deployment's name.
    pub deployment: String,
    /// A job, or an instance group.
    pub name: String,
    /// Leave the machine of an errand's group.
    pub keep_alive: bool,
    /// Only if something has changed since it last succeeded.
    pub when_changed: bool,
    /// Group with index, id or `first`; all if empty.
    pub instances: Vec<(String, Option<String>)>,
}

impl Work {
    /// The task's type, as the catalogue has it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Work::UpdateDeployment(_) => "update_deployment",
            Work::DeleteDeployment { .. } => "delete_deployment",
            Work::UpdateInstance(_) => "update_instance",
            Work::UpdateRelease(_) => "update_release",
            Work::DeleteRelease { .. } => "delete_release",
            Work::ExportRelease(_) => "export_release",
            Work::UpdateStemcell(_) => "update_stemcell",
            Work::DeleteStemcell { .. } => "delete_stemcell",
            Work::VmState { .. } => "vms",
            Work::FetchLogs(_) => "fetch_logs",
            Work::Ssh(_) => "ssh",
            Work::RunErrand(_) => "run_errand",
            Work::ScanCloud { .. } => "cck_scan",
            Work::ApplyResolutions { .. } => "cck_apply",
            Work::ScanAndFix { .. } => "cck_scan_and_fix",
            Work::DeleteVm { .. } => "delete_vm",
            Work::DeleteDisk { orphan: false, .. } => "delete_orphan_disks",
            Work::DeleteDisk { orphan: true, .. } => "orphan_disk",
            Work::AttachDisk { .. } => "attach_disk",
            Work::SnapshotDeployment { .. } => "snapshot_deployment",
            Work::CreateSnapshot { .. } => "create_snapshot",
            Work::DeleteSnapshot { .. } => "delete_snapshot",
            Work::DeleteSnapshots { .. } => "delete_deployment_snapshots",
            Work::DynamicDisk(DynamicDisk::Create { .. }) => "create_dynamic_disk",
            Work::DynamicDisk(DynamicDisk::Attach { .. }) => "attach_dynamic_disk",
            Work::DynamicDisk(DynamicDisk::Provide { .. }) => "provide_dynamic_disk",
            Work::DynamicDisk(DynamicDisk::Detach { .. }) => "detach_dynamic_disk",
            Work::DynamicDisk(DynamicDisk::Delete { .. }) => "delete_dynamic_disk",
            Work::CleanUp { .. } => "delete_artifacts",
            Work::Scheduled(scheduled) => scheduled.kind(),
        }
    }

    /// Which workers do it: short questions do not wait behind long deploys.
    #[must_use]
    pub fn queue(&self) -> &'static str {
        match self {
            Work::VmState { .. } | Work::Ssh(_) => "urgent",
            _ => "normal",
        }
    }
}
