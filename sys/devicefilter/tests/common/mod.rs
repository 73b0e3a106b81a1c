//! Child cgroups for tests, and a stranger who attaches programs in other ways than we do.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]
#![expect(
    unsafe_code,
    reason = "bpf(2) calls that the crate itself has no use for"
)]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use warren_sys_devicefilter::bpf;
use warren_sys_devicefilter::probe::{Ask, Nodes, Outcome, Scratch};
use warren_sys_devicefilter::{Access, Device, DeviceRule, Policy, Program, Request, Style};

/// Mount point of the file system type, with an option, from `/proc/self/mountinfo`.
fn mount_point(fs: &str, option: &str) -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let found = mounts.lines().find(|line| {
        let Some((_, tail)) = line.split_once(" - ") else {
            return false;
        };
        let mut words = tail.split(' ');
        let options = words.clone().nth(2).unwrap_or("");
        words.next() == Some(fs)
            && (option.is_empty() || options.split(',').any(|word| word == option))
    });
    let line = found.unwrap_or_else(|| panic!("no {fs} mount ({option}): mount one to test this"));
    line.split(' ').nth(4).unwrap().into()
}

/// A cgroup of our own. When dropped it is removed, and every program that was on it or below
/// must be gone from the kernel.
pub struct Cgroup {
    pub path: PathBuf,
    v2: bool,
}

impl Cgroup {
    pub fn v2(label: &str) -> Self {
        Self::at(&mount_point("cgroup2", ""), label, true)
    }

    pub fn v1(label: &str) -> Self {
        Self::at(&mount_point("cgroup", "devices"), label, false)
    }

    fn at(root: &Path, label: &str, v2: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!(
            "warren-test-{}-{unique}-{label}",
            std::process::id()
        ));
        std::fs::create_dir(&path).expect("tests need root and a writable cgroup tree");
        Self { path, v2 }
    }

    pub fn root(&self) -> &Path {
        self.path.parent().unwrap()
    }

    pub fn child(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir(&path).unwrap();
        path
    }

    pub fn dir(&self) -> File {
        File::open(&self.path).unwrap()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let mut dirs = vec![self.path.clone()];
        let mut at = 0;
        while let Some(dir) = dirs.get(at).cloned() {
            let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
            dirs.extend(
                entries
                    .filter(|e| e.file_type().unwrap().is_dir())
                    .map(|e| e.path()),
            );
            at += 1;
        }
        let ids: Vec<u32> = if self.v2 {
            dirs.iter().flat_map(|dir| ids(dir)).collect()
        } else {
            vec![]
        };
        for dir in dirs.iter().rev() {
            patiently(|| std::fs::remove_dir(dir).is_ok(), "cgroup stays busy");
        }
        if !std::thread::panicking() {
            let gone = |id: &u32| bpf::by_id(*id).unwrap().is_none();
            patiently(|| ids.iter().all(gone), "programs outlive their cgroup");
        }
    }
}

fn patiently(mut done: impl FnMut() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(
            Instant::now() < deadline || std::thread::panicking(),
            "{what}"
        );
        if Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ids of the programs attached to a cgroup itself.
pub fn ids(path: &Path) -> Vec<u32> {
    bpf::query(File::open(path).unwrap().as_fd()).unwrap().ids
}

/// Rules as text: `+` allows, `-` denies.
pub fn rules(texts: &[&str]) -> Vec<DeviceRule> {
    let rule = |text: &&str| DeviceRule::parse_v1(text.starts_with('+'), &text[1..]).unwrap();
    texts.iter().map(rule).collect()
}

pub fn policy(texts: &[&str]) -> Policy {
    Policy::from_rules(&rules(texts)).unwrap()
}

pub fn program(texts: &[&str]) -> Program {
    Program::new(&policy(texts), Style::Shared)
}

pub const NULL: Device = Device::char(1, 3);
pub const ZERO: Device = Device::char(1, 5);
pub const FULL: Device = Device::char(1, 7);

pub const fn read(device: Device) -> Request {
    Request {
        device,
        access: Access::READ,
    }
}

/// Asks from a process right below the cgroup.
pub fn try_below(path: &Path, request: Request, ask: Ask) -> Outcome {
    let scratch = Scratch::below(path).unwrap();
    let outcome = Nodes::detached()
        .unwrap()
        .try_in(scratch.procs(), request, ask)
        .unwrap();
    scratch.close().unwrap();
    outcome
}

/// `BPF_PROG_ATTACH` with any flags, as a stranger would.
pub fn attach_with(cgroup: &Path, program: BorrowedFd<'_>, flags: u32) {
    let dir = File::open(cgroup).unwrap();
    let mut attr = [0_u32; 64];
    attr[0] = dir.as_raw_fd().cast_unsigned();
    attr[1] = program.as_raw_fd().cast_unsigned();
    attr[2] = 6;
    attr[3] = flags;
    call(8, &mut attr);
}

/// `BPF_LINK_CREATE`; the program stays attached while the link is open.
pub fn link(cgroup: &Path, program: BorrowedFd<'_>) -> OwnedFd {
    let dir = File::open(cgroup).unwrap();
    let mut attr = [0_u32; 64];
    attr[0] = program.as_raw_fd().cast_unsigned();
    attr[1] = dir.as_raw_fd().cast_unsigned();
    attr[2] = 6;
    let fd = call(28, &mut attr);
    // SAFETY: just made for us.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn call(command: i32, attr: &mut [u32; 64]) -> i32 {
    // SAFETY: 256 bytes, more than any kernel's union; only descriptors and numbers inside.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_mut_ptr(), 256) };
    assert!(
        answer >= 0,
        "bpf command {command}: {}",
        std::io::Error::last_os_error()
    );
    i32::try_from(answer).unwrap()
}
