//! Archives into a directory: nothing outside it changes.
//!
//! Two threads do it, each in a mount namespace with a tmpfs and with a root of its own, so that a
//! finding harms nothing: in one the destination is below the root, in the other it is the root.
#![no_main]

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, chroot};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use warren_container_stream::{archive, extract};
use warren_fuzz::archive::{entries, with_checksums, written};
use warren_sys_process::namespaces::{Kind, in_new};

struct Worker {
    to: SyncSender<Vec<u8>>,
    done: Receiver<()>,
}

/// What could change: everything of a file that an archive can set.
fn facts(path: &Path) -> Vec<String> {
    let mut all: Vec<String> = fs::read_dir(path)
        .expect("it is there")
        .map(|entry| {
            let entry = entry.expect("it is there");
            let of = entry.metadata().expect("it is there");
            let content = fs::read(entry.path()).unwrap_or_default();
            let times = (of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
            let rest = (of.mode(), of.uid(), of.gid(), of.nlink(), times);
            format!("{:?} {rest:?} {content:?}", entry.file_name())
        })
        .collect();
    let of = fs::metadata(path).expect("it is there");
    all.push(format!(
        "{:?}",
        (of.mode(), of.uid(), of.mtime(), of.mtime_nsec())
    ));
    all.sort();
    all
}

fn work(scratch: PathBuf, is_root: bool, inputs: Receiver<Vec<u8>>, done: SyncSender<()>) {
    mount_change(
        "/",
        MountPropagationFlags::REC | MountPropagationFlags::PRIVATE,
    )
    .expect("root");
    let flags = MountFlags::NODEV | MountFlags::NOSUID;
    mount("tmpfs", &scratch, "tmpfs", flags, None).expect("root");
    let (out, outside) = (scratch.join("out"), scratch.join("outside"));
    fs::create_dir(&out).expect("an empty tmpfs");
    fs::create_dir(&outside).expect("an empty tmpfs");
    fs::write(outside.join("canary"), "sings").expect("an empty tmpfs");
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let held = openat(CWD, &outside, flags, Mode::empty()).expect("just made");
    // Without /proc there is no way back to it by a path.
    let (root, out) = if is_root {
        (&out, "/")
    } else {
        (&scratch, "/out")
    };
    chroot(root).expect("root");
    std::env::set_current_dir("/").expect("the new root");
    let outside = || -> Vec<String> {
        // The descriptor's directory, from inside another root.
        rustix::process::fchdir(&held).expect("held");
        let found = facts(Path::new("."));
        rustix::process::chdir("/").expect("the new root");
        found
    };
    let before = outside();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for bytes in inputs {
        let destination = openat(CWD, out, flags, Mode::empty()).expect("it is ours");
        let _ = extract(bytes.as_slice(), destination.as_fd(), 0o022);
        drop(destination);
        assert_eq!(outside(), before);
        // What was unpacked can be packed.
        let source = Path::new(out).join(".");
        archive(std::io::sink(), &source).expect("everything there is ours");
        for entry in fs::read_dir(out).expect("it is ours") {
            let entry = entry.expect("it is ours");
            let removed = match entry.file_type().expect("it is ours").is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
            removed.expect("it is ours");
        }
        done.send(()).expect("somebody waits");
    }
}

fn worker(name: &str, is_root: bool) -> Worker {
    let scratch = PathBuf::from(format!(
        "/dev/shm/warren-fuzz-{}-{name}",
        std::process::id()
    ));
    fs::create_dir_all(&scratch).expect("/dev/shm is writable");
    let (to, inputs) = sync_channel(0);
    let (finished, done) = sync_channel(0);
    std::thread::spawn(move || {
        in_new(&[Kind::Mount], || work(scratch, is_root, inputs, finished)).expect("root");
    });
    Worker { to, done }
}

fn workers() -> &'static [Mutex<Worker>; 2] {
    static WORKERS: OnceLock<[Mutex<Worker>; 2]> = OnceLock::new();
    WORKERS.get_or_init(|| [worker("below", false), worker("root", true)].map(Mutex::new))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let archive = match how & 2 {
        0 => written(entries(bytes)).0,
        _ => with_checksums(bytes),
    };
    let worker = workers()[usize::from(how & 1)]
        .lock()
        .expect("no other thread");
    worker.to.send(archive).expect("it works on");
    worker.done.recv().expect("it works on");
});
