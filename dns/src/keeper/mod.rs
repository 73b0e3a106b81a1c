//! The process that keeps the one that answers, and `/etc/resolv.conf`.
//!
//! ```text
//! aside ⇄ binding ─► starting ─► answering ─► end
//! ```
//!
//! | state | while |
//! |---|---|
//! | aside | there is a job `bosh-dns`, or somebody else has the address |
//! | binding | the address is added to loopback if it is missing, sockets are bound |
//! | starting | the other process has the sockets and does not answer yet |
//! | answering | `/etc/resolv.conf` has our address first, and gets it back when it is written anew |
//!
//! It ends, for init to start it again, when the other process ends, and when a job `bosh-dns` comes;
//! then, and when it is told to end, the address leaves `/etc/resolv.conf` again. If it is killed,
//! the line stays: the name servers behind ours are asked meanwhile.
//!
//! From `starting` on it has no right but to end the other process; that one never had any.

mod address;
pub(crate) mod rights;
mod watch;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use warren_lib_errchain::chain;

use crate::{Log, Sources, resolv_conf};
pub use address::AddressError;
use watch::{Watch, Woken};

/// The job that does the same.
const JOB: &str = "bosh-dns";
/// How often it is looked whether the address is free.
const LOOK: Duration = Duration::from_secs(1);
/// How many bytes of questions may wait.
const ROOM: usize = 4 << 20;
/// How long the other process may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to keep.
#[derive(Debug, Clone)]
pub struct Options {
    /// Files that names come from; `resolv_conf` is written as well.
    pub sources: Sources,
    /// Our port.
    pub port: u16,
    /// The program that answers on the sockets that it gets as standard input (UDP) and output (TCP),
    /// with its arguments, its name first.
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
    /// Signals, changes of files, or the other process's end.
    #[error("cannot wait for {0}")]
    Wait(&'static str, #[source] io::Error),
    /// Rights.
    #[error("cannot give up rights")]
    Rights(#[source] io::Error),
    /// The other process.
    #[error("cannot start the process that answers")]
    Start(#[source] io::Error),
    /// It does not do what it should.
    #[error("the process that answers does not, after {} s", PATIENCE.as_secs())]
    Silent,
    /// It ended.
    #[error("the process that answers has ended: {0}")]
    Ended(std::process::ExitStatus),
}

/// Keeps a name server until a job takes its place, or it is told to end.
///
/// # Errors
/// [`KeeperError`].
pub fn keep(options: &Options, log: Log) -> Result<(), KeeperError> {
    let address = SocketAddr::new(options.sources.own, options.port);
    let jobs = &options.sources.jobs;
    let mut watch = Watch::new(&[jobs, &options.sources.resolv_conf])?;
    let Some((udp, tcp)) = sockets(address, jobs, &mut watch, log)? else {
        return Ok(());
    };
    make_room(&udp);
    rights::close_bounding().map_err(KeeperError::Rights)?;
    let mut child = start(options, udp, tcp)?;
    rights::keep_only_to_end_others().map_err(KeeperError::Rights)?;
    let kept = answering(options, address, &mut child, &mut watch, log);
    if kept.is_ok()
        && change(&options.sources.resolv_conf, log, |text| {
            resolv_conf::without(text, address.ip())
        })
    {
        log("the system asks others again");
    }
    // It is ours to end; after its own end there is nothing to end.
    let _ = child.kill();
    let _ = child.wait();
    kept
}

/// Bound sockets, or none if we are told to end before they can be had.
fn sockets(
    address: SocketAddr,
    jobs: &Path,
    watch: &mut Watch,
    log: Log,
) -> Result<Option<(UdpSocket, TcpListener)>, KeeperError> {
    let mut said = String::new();
    loop {
        let reason = if has_job(jobs) {
            format!("standing aside for the job {JOB}")
        } else {
            match bind(address) {
                Ok(sockets) => return Ok(Some(sockets)),
                Err(KeeperError::Bind(_, error)) if error.kind() == ErrorKind::AddrInUse => {
                    format!("standing aside: somebody else listens on {address}")
                }
                Err(error) => return Err(error),
            }
        };
        if reason != said {
            log(&reason);
            said = reason;
        }
        if watch.wait(Some(LOOK))? == Woken::End {
            return Ok(None);
        }
    }
}

fn has_job(jobs: &Path) -> bool {
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

/// Starts the other process as nobody in the group that may read files of jobs.
fn start(options: &Options, udp: UdpSocket, tcp: TcpListener) -> Result<Child, KeeperError> {
    let (udp, tcp) = (OwnedFd::from(udp), OwnedFd::from(tcp));
    let mut last = None;
    for user in rights::users(&options.groups) {
        let (program, arguments) = &options.program;
        let mut command = Command::new(program);
        if let Some((name, rest)) = arguments.split_first() {
            command.arg0(name).args(rest);
        }
        let copy = |fd: &OwnedFd| fd.try_clone().map_err(KeeperError::Start);
        command
            .stdin(Stdio::from(copy(&udp)?))
            .stdout(Stdio::from(copy(&tcp)?))
            .current_dir("/")
            .env_clear();
        // Who we are decides whether we may become somebody else.
        if rustix::process::geteuid().is_root() {
            command.uid(user.0).gid(user.1);
        }
        match command.spawn() {
            Ok(child) => return Ok(child),
            // A user that this user namespace does not have.
            Err(error) if error.kind() == ErrorKind::InvalidInput => last = Some(error),
            Err(error) => return Err(KeeperError::Start(error)),
        }
    }
    Err(KeeperError::Start(
        last.unwrap_or_else(|| ErrorKind::NotFound.into()),
    ))
}

/// Waits until it answers, then until there is a reason to end.
fn answering(
    options: &Options,
    address: SocketAddr,
    child: &mut Child,
    watch: &mut Watch,
    log: Log,
) -> Result<(), KeeperError> {
    watch.child(child)?;
    let end = Instant::now() + PATIENCE;
    while !answers(address) {
        if let Some(status) = child
            .try_wait()
            .map_err(|e| KeeperError::Wait("a child", e))?
        {
            return Err(KeeperError::Ended(status));
        }
        if Instant::now() >= end {
            return Err(KeeperError::Silent);
        }
    }
    log(&format!("answering on {address}"));
    let path = &options.sources.resolv_conf;
    let put = |text: &str| resolv_conf::with_first(text, address.ip());
    loop {
        if has_job(&options.sources.jobs) {
            log(&format!("stepping aside for the job {JOB}"));
            return Ok(());
        }
        if change(path, log, put) {
            log(&format!("the system asks {} first", address.ip()));
        }
        match watch.wait(None)? {
            Woken::End => return Ok(()),
            Woken::Child => {
                let status = child.wait().map_err(|e| KeeperError::Wait("a child", e))?;
                return Err(KeeperError::Ended(status));
            }
            Woken::Change => {}
        }
    }
}

/// Asks for the name that is always there.
fn answers(address: SocketAddr) -> bool {
    const WAIT: Duration = Duration::from_millis(50);
    let Some(name) = warren_lib_dns::encode_name(crate::answer::UPCHECK) else {
        return false;
    };
    let query = [
        &[0x77, 0x72, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
        &name,
        &[0, 1, 0, 1],
    ]
    .concat();
    let ask = || -> io::Result<bool> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(WAIT))?;
        socket.send(&query)?;
        let mut buffer = [0; 512];
        let count = socket.recv(&mut buffer)?;
        Ok(count > query.len() && buffer[..2] == query[..2])
    };
    ask().unwrap_or(false)
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
