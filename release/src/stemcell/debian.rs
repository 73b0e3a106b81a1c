//! A root file system of Debian packages, by `mmdebstrap`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::file;
use super::{Error, sources};
use crate::archive::EPOCH;

/// What jobs and agents take for granted.
pub const PACKAGES: &[&str] = &[
    "bash",
    "bzip2",
    "ca-certificates",
    "cron",
    "curl",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "logrotate",
    "lsof",
    "nftables",
    "openssh-server",
    "procps",
    "psmisc",
    "rsync",
    "rsyslog",
    "sudo",
    "tzdata",
    "unzip",
    "util-linux",
    "xz-utils",
    "zip",
];
/// What packages are compiled with.
pub const DEV_TOOLS: &[&str] = &["build-essential", "cmake", "pkg-config"];

/// Bytes of what `mmdebstrap` says that are told.
const TAIL: u64 = 4000;

/// What is to be installed.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// `bookworm` ...
    pub suite: String,
    /// `mmdebstrap`'s variant: `minbase`, or less.
    pub variant: String,
    /// Packages.
    pub packages: Vec<String>,
    /// An address, a line of a sources.list, or a file of them; the machine's own if none is given.
    pub mirrors: Vec<String>,
}

impl Bootstrap {
    /// The machine's own release of Debian with what is taken for granted.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::NoSystem`] where the machine's release has no name.
    pub fn own() -> Result<Self, Error> {
        let path = Path::new("/etc/os-release");
        let text = std::fs::read_to_string(path).map_err(file("read", path))?;
        let suite = text
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let suite = suite.ok_or_else(|| Error::NoSystem {
            path: path.to_owned(),
        })?;
        Ok(Self {
            suite: suite.trim_matches('"').to_owned(),
            variant: "minbase".to_owned(),
            packages: PACKAGES.iter().map(ToString::to_string).collect(),
            mirrors: Vec::new(),
        })
    }
}

/// Installs packages into a directory that is not there yet. Needs root, or what `mmdebstrap` can
/// make of less.
///
/// # Errors
/// [`Error::Program`], [`Error::Failed`], [`Error::File`]; the directory is for the caller to
/// remove.
pub fn bootstrap(wanted: &Bootstrap, root: &Path) -> Result<(), Error> {
    let folder = std::env::temp_dir();
    let mut log = tempfile::tempfile().map_err(file("make a file in", &folder))?;
    let said = |log: &File| log.try_clone().map_err(file("write", &folder));
    let mut command = Command::new("mmdebstrap");
    command
        .arg(format!("--variant={}", wanted.variant))
        .arg("--format=directory")
        .args([
            "--aptopt=Acquire::Languages \"none\"",
            "--aptopt=Apt::Install-Recommends \"false\"",
        ]);
    if !wanted.packages.is_empty() {
        command.arg(format!("--include={}", wanted.packages.join(",")));
    }
    command.arg(&wanted.suite).arg(root);
    match wanted.mirrors.as_slice() {
        [] => command.args(sources::of(Path::new("/"))),
        mirrors => command.args(mirrors),
    };
    let status = command
        .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(said(&log)?)
        .stderr(said(&log)?)
        .status()
        .map_err(|source| Error::Program {
            program: "mmdebstrap",
            package: "mmdebstrap",
            source,
        })?;
    if status.success() {
        return Ok(());
    }
    let end = log.seek(SeekFrom::End(0)).map_err(file("read", &folder))?;
    let from = end.saturating_sub(TAIL);
    log.seek(SeekFrom::Start(from))
        .map_err(file("read", &folder))?;
    let mut tail = Vec::new();
    log.read_to_end(&mut tail).map_err(file("read", &folder))?;
    Err(Error::Failed {
        program: "mmdebstrap",
        status,
        tail: String::from_utf8_lossy(&tail).trim().to_owned(),
    })
}
