//! What has to be done as root: the address, the sockets, `/etc/resolv.conf`. Then the process becomes
//! another one, which answers and has no rights.
//!
//! ```text
//! aside ⇄ binding ─► first in /etc/resolv.conf ─► nobody: the executable anew ─► answering ─► end
//!   ▲                                                                                         │
//!   └───────────────────────────────── init, as root ◄────────────────────────────────────────┘
//! ```
//!
//! | state | while |
//! |---|---|
//! | aside | there is a job `bosh-dns`, or somebody else has the address; `/etc/resolv.conf` does not name us |
//! | binding | the address is added to loopback if it is missing, sockets are bound: queries wait there |
//! | answering | there is no job `bosh-dns`, and `/etc/resolv.conf` names us first |
//!
//! What answers may change nothing, so it ends when something is to be changed, and init, which keeps
//! it, begins here again. Meanwhile, and whenever it is gone, the port is refused at once and the name
//! servers behind ours are asked.

mod address;
pub(crate) mod rights;
pub(crate) mod watch;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::net::sockopt;
use warren_lib_errchain::chain;
use warren_sys_process::ending;

use crate::{Log, Sources, resolv_conf};
pub use address::AddressError;
use watch::{Watch, WatchError, Woken};

/// The job that does the same.
const JOB: &str = "bosh-dns";
/// Tells what answers that `/etc/resolv.conf` names us first, and that it is to see to that.
pub const FIRST: &str = "--first";
/// How often it is looked whether the address is free.
const LOOK: Duration = Duration::from_secs(1);
/// How many bytes of questions may wait.
const ROOM: usize = 4 << 20;

/// What to begin with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Files that names come from; `resolv_conf` is written as well.
    pub sources: Sources,
    /// Our port.
    pub port: u16,
    /// The program that answers on the sockets that it gets as standard input (UDP) and output (TCP),
    /// with its arguments, its name first; [`FIRST`] is added to them.
    pub program: (PathBuf, Vec<OsString>),
    /// Where groups are; `vcap` may read the files of jobs.
    pub groups: PathBuf,
}

/// It cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The address.
    #[error("cannot give this machine the address of its name server")]
    Address(#[source] AddressError),
    /// Sockets.
    #[error("cannot listen on {0}")]
    Bind(SocketAddr, #[source] io::Error),
    /// Changes.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Rights.
    #[error("cannot give up rights")]
    Rights(#[source] io::Error),
    /// The one that answers.
    #[error("cannot become the process that answers")]
    Become(#[source] io::Error),
}

/// Becomes the process that answers, and so returns only if that cannot be, or if it is told to end
/// before. That process begins with SIGTERM and SIGINT held: see [`ending`].
///
/// # Errors
/// [`KeeperError`].
pub fn begin(options: &Options, log: Log) -> Result<(), KeeperError> {
    let address = SocketAddr::new(options.sources.own, options.port);
    let Some((udp, tcp, watch)) = sockets(address, options, log)? else {
        return Ok(());
    };
    make_room(&udp);
    if change(&options.sources.resolv_conf, log, |text| {
        resolv_conf::with_first(text, address.ip())
    }) {
        log(&format!("the system asks {} first", address.ip()));
    }
    rights::close_bounding().map_err(KeeperError::Rights)?;
    match become_nobody(options, udp, tcp, watch) {
        error if error.kind() == ErrorKind::Interrupted => Ok(()),
        error => Err(KeeperError::Become(error)),
    }
}

/// Bound sockets and what knows whether we are told to end later, or none if we are told to end before
/// they can be had.
fn sockets(
    address: SocketAddr,
    options: &Options,
    log: Log,
) -> Result<Option<(UdpSocket, TcpListener, Watch)>, KeeperError> {
    let (jobs, path) = (&options.sources.jobs, &options.sources.resolv_conf);
    let mut watch = Watch::new(&[jobs, path])?;
    let mut said = String::new();
    loop {
        let reason = if has_job(jobs) {
            format!("standing aside for the job {JOB}")
        } else {
            match bind(address) {
                Ok((udp, tcp)) => return Ok(Some((udp, tcp, watch))),
                Err(KeeperError::Bind(_, error)) if error.kind() == ErrorKind::AddrInUse => {
                    format!("standing aside: somebody else listens on {address}")
                }
                Err(error) => return Err(error),
            }
        };
        if reason != said {
            log(&reason);
            said = reason;
            // Of one before us. Where the address is in use, the line is whose that is.
            if !is_in_use(address)
                && change(path, log, |text| resolv_conf::without(text, address.ip()))
            {
                log("the system asks others again");
            }
        }
        if watch.wait(Some(LOOK))? == Woken::End {
            return Ok(None);
        }
    }
}

fn is_in_use(address: SocketAddr) -> bool {
    UdpSocket::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

pub(crate) fn has_job(jobs: &Path) -> bool {
    // A link that leads nowhere yet counts, too.
    jobs.join(JOB).symlink_metadata().is_ok()
}

fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener), KeeperError> {
    let try_once =
        || -> io::Result<_> { Ok((UdpSocket::bind(address)?, TcpListener::bind(address)?)) };
    let failed = |error| KeeperError::Bind(address, error);
    match try_once() {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
            address::add_to_loopback(address.ip()).map_err(KeeperError::Address)?;
            try_once().map_err(failed)
        }
        done => done.map_err(failed),
    }
}

/// Room for bursts of questions. Without CAP_NET_ADMIN the system's limit applies, and whoever asks
/// then asks again.
fn make_room(udp: &UdpSocket) {
    let set = sockopt::set_socket_recv_buffer_size_force(udp, ROOM);
    let _ = set.or_else(|_| sockopt::set_socket_recv_buffer_size(udp, ROOM));
}

/// Executes the program that answers, as nobody in the group that may read files of jobs. Returns
/// only if that failed, or if we are told to end before: then it is interrupted.
fn become_nobody(options: &Options, udp: UdpSocket, tcp: TcpListener, watch: Watch) -> io::Error {
    let (program, arguments) = &options.program;
    let mut command = Command::new(program);
    if let Some((name, rest)) = arguments.split_first() {
        command.arg0(name).args(rest);
    }
    if is_first(&options.sources) {
        command.arg(FIRST);
    }
    command
        .stdin(Stdio::from(OwnedFd::from(udp)))
        .stdout(Stdio::from(OwnedFd::from(tcp)))
        .current_dir("/")
        .env_clear();
    // Who we are decides whether we may become somebody else.
    if rustix::process::geteuid().is_root() {
        let Some((user, group)) = rights::user(&options.groups) else {
            return io::Error::other("this user namespace has neither nobody nor vcap");
        };
        command.uid(user).gid(group);
    }
    ending::exec(&mut command, watch.told())
}

/// Whether the system asks us first.
pub(crate) fn is_first(sources: &Sources) -> bool {
    std::fs::read(&sources.resolv_conf).is_ok_and(|text| {
        resolv_conf::with_first(&String::from_utf8_lossy(&text), sources.own).is_none()
    })
}

/// Changes the file of name servers if there is something to change; tells whether it was.
fn change(path: &Path, log: Log, to: impl Fn(&str) -> Option<String>) -> bool {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => {
            log(&format!("cannot read {}: {error}", path.display()));
            return false;
        }
    };
    let Some(new) = to(&text) else {
        return false;
    };
    match write(path, &new) {
        Ok(()) => true,
        Err(error) => {
            let error = chain(&error);
            log(&format!("cannot write {}: {error}", path.display()));
            false
        }
    }
}

/// In one step where it is a file like others; in place where it is a mount point, as containers have
/// it: all at once first, so that there is no moment without name servers, then cut to its length.
fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::{FileExt, PermissionsExt};
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Path::new("/"));
    let renamed = || -> io::Result<()> {
        let file = tempfile::Builder::new()
            .prefix(".resolv-")
            .tempfile_in(directory)?;
        let mode = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.as_file().write_all_at(text.as_bytes(), 0)?;
        file.persist(&path).map(drop).map_err(|error| error.error)
    };
    renamed().or_else(|_| {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)
    })
}
