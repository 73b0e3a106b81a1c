//! Where things are on the host: the directories of the configuration.
//!
//! ```text
//! StemcellsDir/CID                      link to .content/SHA256 (a stock CPI's: archive or directory)
//! StemcellsDir/.content/SHA256          a root file system's plain archive, by its content
//! StemcellsDir/.content/.lock           taken while either changes
//! DisksDir/CID                          a disk: an ext4 file system in a file, or a directory
//! DisksDir/.info/CID                    its size, kind and metadata (JSON), and its lock
//! DisksDir/.snapshots/CID               what a disk held
//! HostEphemeralBindMountsDir/CID        a machine's /var/vcap/data; bound to itself, private
//! HostEphemeralBindMountsDir/.making/CID  locked by the create_vm that makes it; gone when it is made
//! HostPersistentBindMountsDir/CID       bound to itself, shared; each disk of the machine mounted below
//! HostPersistentBindMountsDir/.guest/CID  slave of the former; what the container gets
//! HostPersistentBindMountsDir/.locks/CID  a machine's lock; made when first needed, gone with the machine
//! ```
//!
//! The container hears of disks that are mounted on the host; what it mounts or unmounts itself
//! stays its own. No id begins with a dot.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::config::Actions;

/// The directories, each without symbolic links, so that the mount table shows them alike.
#[derive(Debug, Clone)]
pub struct Places {
    stemcells: PathBuf,
    disks: PathBuf,
    ephemeral: PathBuf,
    persistent: PathBuf,
}

impl Places {
    /// Those of a configuration.
    ///
    /// # Errors
    /// A directory cannot be made.
    pub fn new(actions: &Actions) -> Result<Self, Error> {
        let real = |path: &Path| {
            make(path).map_err(Error::host("make the directory", path))?;
            std::fs::canonicalize(path).map_err(Error::host("find the directory", path))
        };
        Ok(Self {
            stemcells: real(&actions.stemcellsdir)?,
            disks: real(&actions.disksdir)?,
            ephemeral: real(&actions.hostephemeralbindmountsdir)?,
            persistent: real(&actions.hostpersistentbindmountsdir)?,
        })
    }

    /// A stemcell.
    #[must_use]
    pub fn stemcell(&self, cid: &str) -> PathBuf {
        self.stemcells.join(cid)
    }

    /// All stemcells.
    #[must_use]
    pub fn stemcells(&self) -> &Path {
        &self.stemcells
    }

    /// Archives by their content.
    #[must_use]
    pub fn contents(&self) -> PathBuf {
        self.stemcells.join(".content")
    }

    /// A disk.
    #[must_use]
    pub fn disk(&self, cid: &str) -> PathBuf {
        self.disks.join(cid)
    }

    /// What is written down about disks.
    #[must_use]
    pub fn disk_infos(&self) -> PathBuf {
        self.disks.join(".info")
    }

    /// Snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.disks.join(".snapshots")
    }

    /// A machine's `/var/vcap/data`.
    #[must_use]
    pub fn ephemeral(&self, vm: &str) -> PathBuf {
        self.ephemeral.join(vm)
    }

    /// Marks of machines that are being made.
    #[must_use]
    pub fn making(&self) -> PathBuf {
        self.ephemeral.join(".making")
    }

    /// Where all machines' disks are mounted.
    #[must_use]
    pub fn all_persistent(&self) -> &Path {
        &self.persistent
    }

    /// Where a machine's disks are mounted.
    #[must_use]
    pub fn persistent(&self, vm: &str) -> PathBuf {
        self.persistent.join(vm)
    }

    /// The same as the container gets it.
    #[must_use]
    pub fn guest(&self, vm: &str) -> PathBuf {
        self.persistent.join(".guest").join(vm)
    }

    /// Locks of machines.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.persistent.join(".locks")
    }
}

/// What machines keep is nobody's business on the host.
fn make(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}
