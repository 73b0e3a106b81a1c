//! Facts about the machine, or the container that we are in, which the plan needs.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{Resource, getrlimit};
use rustix::thread::CapabilitySet;
use warren_container_runtime::host::{Host as Machine, HostError};
use warren_container_runtime::users;
use warren_sys_process::capabilities;

use crate::Step;
use crate::plan::mounts::OPTIONAL;
use crate::settings::Isolation;

/// The user that processes run as.
pub const USER: &str = "vcap";

/// Devices that a process is given, of those that open here.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Capabilities that we and what we start can have.
    pub bounding: CapabilitySet,
    /// Devices that our own filter lets through: name in `/dev`, major, minor. All are character
    /// devices.
    pub devices: Vec<(String, u32, u32)>,
    /// The host name.
    pub hostname: String,
    /// Of the system's directories that not every machine has, those that there are.
    pub present: BTreeSet<String>,
    /// Programs of another architecture are translated, for which a filter of system calls is in
    /// the way.
    pub rosetta: bool,
    /// As many files as we may let a process open; `None` if there is no bound.
    pub open_files: Option<u64>,
    /// The largest core dump that we may let a process write.
    pub core_file_size: Option<u64>,
}

/// Who processes run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Host {
    /// Asks the machine. Which devices open matters to a container alone, and cannot be tried where
    /// nothing may be mounted.
    ///
    /// # Errors
    /// It does not answer.
    pub fn discover(isolation: Isolation) -> Result<Self, Step> {
        let machine = match isolation {
            Isolation::Container => Machine::discover()?.devices,
            Isolation::Direct => Vec::new(),
        };
        let devices = machine
            .iter()
            .filter(|(name, _)| DEVICES.contains(name))
            .map(|(name, device)| ((*name).to_owned(), device.major, device.minor));
        let may_raise = capabilities::has(CapabilitySet::SYS_RESOURCE).unwrap_or(false);
        let bound = |resource| getrlimit(resource).maximum.filter(|_| !may_raise);
        let present = OPTIONAL
            .iter()
            .filter(|path| Path::new(path).exists())
            .map(|path| (*path).to_owned());
        let uname = rustix::system::uname();
        Ok(Self {
            bounding: capabilities::bounding().map_err(HostError::from)?,
            devices: devices.collect(),
            hostname: uname.nodename().to_string_lossy().into_owned(),
            present: present.collect(),
            rosetta: Path::new("/proc/sys/fs/binfmt_misc/rosetta").exists(),
            open_files: bound(Resource::Nofile),
            core_file_size: bound(Resource::Core),
        })
    }
}

/// Finds the user in the machine's own files.
///
/// # Errors
/// There is none.
pub fn user() -> Result<User, Step> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root =
        rustix::fs::openat(CWD, "/", flags, Mode::empty()).map_err(Step::errno("open", "/"))?;
    let user = users::lookup(root.as_fd(), USER).map_err(|error| Step::User(USER, error))?;
    let (uid, gid) = (user.uid, user.gid);
    Ok(User { uid, gid })
}
