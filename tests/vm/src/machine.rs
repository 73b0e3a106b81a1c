//! Starting QEMU and waiting for the agent inside.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_tests_harness::{Actor, programs};

use crate::director;

/// Longest time from power-on to the agent's first word.
const BOOT: Duration = Duration::from_secs(900);
/// Lines of the console shown when a machine does not come up.
const TAIL: usize = 60;
/// Memory of the machine, in MiB.
const MEMORY: &str = "2048";
/// Other crates' tests that are run in machines as well: `/host/PACKAGE-NAME` there.
const GUEST_TESTS: [(&str, &str); 9] = [
    ("warren-container-rootfs", "quota"),
    ("warren-container-rootfs", "rungs"),
    ("warren-container-runtime", "host"),
    ("warren-sys-cgroup", "controllers"),
    ("warren-sys-cgroup", "groups"),
    ("warren-sys-cgroup", "identity"),
    ("warren-sys-devicefilter", "filter"),
    ("warren-tests-conformance", "garden"),
    ("warren-tests-nested", "containers"),
];
const EMULATOR: &str = "qemu-system-x86_64";

/// What one machine has on disk.
#[derive(Debug)]
pub(crate) struct Files {
    /// The socket; in the system's place for such, since the path of a socket may
    /// have 107 bytes at most. Not needed any more once it is open.
    folder: TempDir,
    /// Stays for reading afterwards.
    pub console: PathBuf,
}

impl Files {
    #[track_caller]
    pub(crate) fn new() -> Files {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = folder();
        let consoles = programs::target().join("vm/console");
        if let Err(error) = fs::create_dir_all(&consoles) {
            panic!("cannot make {}: {error}", consoles.display());
        }
        let test = std::env::current_exe().ok();
        let test = test
            .as_deref()
            .and_then(Path::file_stem)
            .unwrap_or("test".as_ref());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let console = consoles.join(format!("{}-{count}.log", test.display()));
        Files { folder, console }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    fn tail(&self) -> String {
        let text = fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

#[track_caller]
fn folder() -> TempDir {
    match tempfile::Builder::new().prefix("warren-test-vm-").tempdir() {
        Ok(folder) => folder,
        Err(error) => panic!("cannot make a folder for the machine: {error}"),
    }
}

/// Builds what is missing, starts the machine and waits for its agent.
#[track_caller]
pub(crate) fn boot(files: &Files) -> Actor {
    let image = image();
    let disk = HostDisk::shared();
    let mut process = start(files, &image, &disk);
    let socket = connect(files, &mut process);
    let actor = AssertUnwindSafe(|| Actor::elsewhere(process, socket.into(), BOOT));
    match catch_unwind(actor) {
        Ok(actor) => actor,
        Err(panic) => {
            eprintln!(
                "the machine did not come up; its console:\n{}",
                files.tail()
            );
            resume_unwind(panic)
        }
    }
}

/// The folder with kernel, initial RAM disk and root disk.
#[track_caller]
fn image() -> PathBuf {
    let script = programs::workspace().join("scripts/vm-image");
    let output = Command::new(&script)
        .arg(programs::target())
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim_end().into()
        }
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("cannot run {}: {error}", script.display()),
    }
}

/// A disk with the executables under test, and a root file system for directors. It is not needed any
/// more once it is open.
#[derive(Debug)]
struct HostDisk {
    folder: TempDir,
}

impl HostDisk {
    /// One for all machines that boot at the same time.
    #[track_caller]
    fn shared() -> Arc<HostDisk> {
        static LAST: Mutex<Weak<HostDisk>> = Mutex::new(Weak::new());
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(disk) = last.upgrade() {
            return disk;
        }
        let disk = Arc::new(HostDisk::make());
        *last = Arc::downgrade(&disk);
        disk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("host.ext4")
    }

    #[track_caller]
    fn make() -> HostDisk {
        let disk = HostDisk { folder: folder() };
        let content = disk.folder.path().join("host");
        let mut executables = vec![
            (programs::actor().to_owned(), "warren-test-actor".to_owned()),
            (programs::warren().to_owned(), "warren".to_owned()),
        ];
        for (package, name) in GUEST_TESTS {
            executables.push((programs::test(package, name), format!("{package}-{name}")));
        }
        let copied = fs::create_dir(&content).and_then(|()| {
            let copy = |(from, to): &(PathBuf, String)| strip(from, &content.join(to));
            executables.iter().try_for_each(copy)?;
            director::root(&content.join("director"))
        });
        if let Err(error) = copied {
            panic!("cannot gather what machines need: {error}");
        }
        let output = Command::new("mkfs.ext4")
            .args(["-q", "-O", "^has_journal", "-d"])
            .args([&content, &disk.path()])
            .arg("768M")
            .env("PATH", path_with_sbin())
            .output();
        match output {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("mkfs.ext4: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("cannot run mkfs.ext4 (Debian package e2fsprogs): {error}"),
        }
        // The disk has its own copy.
        let _ = fs::remove_dir_all(content);
        disk
    }
}

/// Copies an executable without what only a debugger reads: nine parts of ten, which the machine
/// would have to read, too.
fn strip(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut strip = Command::new("strip");
    let status = strip
        .arg("--strip-debug")
        .arg("-o")
        .args([to, from])
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(std::io::Error::other(format!("strip: {status}"))),
    }
}

/// Administrators' programs are not on every user's path.
fn path_with_sbin() -> String {
    format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}

#[track_caller]
fn start(files: &Files, image: &Path, disk: &HostDisk) -> Child {
    let output = match File::create(&files.console).and_then(|file| Ok((file.try_clone()?, file))) {
        Ok(output) => output,
        Err(error) => panic!("cannot make {}: {error}", files.console.display()),
    };
    let child = Command::new(programs::actor())
        .args(["tether", EMULATOR])
        .args([
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            MEMORY,
        ])
        .args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
        ])
        .args(["-serial", "stdio"])
        .arg("-kernel")
        .arg(image.join("vmlinuz"))
        .arg("-initrd")
        .arg(image.join("initrd"))
        .args([
            "-append",
            "console=ttyS0 panic=-1 systemd.unified_cgroup_hierarchy=1",
        ])
        .arg("-drive")
        .arg(drive(&image.join("root.ext4")))
        .arg("-drive")
        .arg(drive(&disk.path()))
        .arg("-chardev")
        .arg(format!(
            "socket,id=agent,path={},server=on,wait=off",
            files.socket().display()
        ))
        .args(["-device", "virtio-serial-pci"])
        .args(["-device", "virtserialport,chardev=agent,name=warren"])
        .stdin(Stdio::piped())
        .stdout(output.0)
        .stderr(output.1)
        .spawn();
    match child {
        Ok(child) => child,
        Err(error) => panic!("cannot start {EMULATOR} (Debian package qemu-system-x86): {error}"),
    }
}

/// A disk whose changes are thrown away, so that machines can share it.
fn drive(path: &Path) -> String {
    // A comma in an option's value is doubled.
    let path = path.display().to_string().replace(',', ",,");
    format!("file={path},format=raw,if=virtio,snapshot=on")
}

/// The socket of the agent's port, which QEMU makes at once.
#[track_caller]
fn connect(files: &Files, process: &mut Child) -> UnixStream {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match UnixStream::connect(files.socket()) {
            Ok(socket) => return socket,
            Err(error) => {
                let ended = !matches!(process.try_wait(), Ok(None));
                if ended || Instant::now() > deadline {
                    let _ = process.kill();
                    let _ = process.wait();
                    panic!("no {EMULATOR} to talk to: {error}\n{}", files.tail());
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
