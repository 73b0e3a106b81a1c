//! Layers with whiteouts into a directory: nothing outside it changes, what is hidden has names that
//! can be hidden, and how overlayfs is told of it makes no difference to what it is.
//!
//! A thread does it in a mount namespace of its own with a tmpfs, so that a finding harms nothing.
#![no_main]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};

use libfuzzer_sys::fuzz_target;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use warren_container_rootfs::layer::{
    Expected, Hidden, Limits, Markers, Unpacked, XattrNamespace, unpack,
};
use warren_fuzz::archive::{layer_entries, with_checksums, written};
use warren_sys_process::namespaces::{Kind, in_new};

struct Worker {
    to: SyncSender<Vec<u8>>,
    done: Receiver<()>,
}

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    entries: 1000,
};

/// Unpacks into a directory that is made for it and goes again.
fn unpacked(blob: &[u8], out: &Path, markers: Markers) -> Option<Unpacked> {
    fs::create_dir(out).expect("an empty tmpfs");
    let directory = File::open(out).expect("just made");
    let expected = Expected::default();
    let outcome = unpack(blob, directory.into(), markers, expected, LIMITS);
    fs::remove_dir_all(out).expect("it is ours");
    outcome.ok()
}

fn check(hidden: &Hidden) {
    for path in hidden.whiteouts.iter().chain(&hidden.opaque) {
        for name in path.split(|byte| *byte == b'/') {
            let is_root = path.is_empty();
            assert!(is_root || !matches!(name, b"" | b"." | b".."), "{path:?}");
            assert!(!name.starts_with(b".wh."), "{path:?}");
        }
    }
    assert!(!hidden.whiteouts.contains(&Vec::new()));
    assert!(hidden.whiteouts.is_disjoint(&hidden.opaque));
}

fn work(scratch: PathBuf, inputs: Receiver<Vec<u8>>, done: SyncSender<()>) {
    mount_change(
        "/",
        MountPropagationFlags::REC | MountPropagationFlags::PRIVATE,
    )
    .expect("root");
    mount("tmpfs", &scratch, "tmpfs", MountFlags::NOSUID, None).expect("root");
    let outside = scratch.join("outside");
    fs::create_dir(&outside).expect("an empty tmpfs");
    fs::write(outside.join("canary"), "sings").expect("an empty tmpfs");
    let plain = Markers {
        xattrs: None,
        devices: false,
    };
    let overlay = Markers {
        xattrs: Some(XattrNamespace::Trusted),
        devices: true,
    };
    for blob in inputs {
        let first = unpacked(&blob, &scratch.join("out"), plain);
        let second = unpacked(&blob, &scratch.join("out"), overlay);
        assert_eq!(first.is_some(), second.is_some());
        if let (Some(first), Some(second)) = (first, second) {
            check(&first.hidden);
            assert_eq!(first.hidden, second.hidden);
            assert_eq!(first.diff_id, second.diff_id);
            assert_eq!((first.bytes, first.entries), (second.bytes, second.entries));
        }
        let canary = fs::read(outside.join("canary")).expect("nobody has touched it");
        assert_eq!(canary, b"sings");
        let names = |path: &Path| fs::read_dir(path).expect("it is there").count();
        assert_eq!((names(&scratch), names(&outside)), (1, 1));
        done.send(()).expect("somebody waits");
    }
}

fn worker() -> &'static Mutex<Worker> {
    static WORKER: OnceLock<Mutex<Worker>> = OnceLock::new();
    WORKER.get_or_init(|| {
        let scratch = PathBuf::from(format!("/dev/shm/warren-fuzz-{}-layer", std::process::id()));
        fs::create_dir_all(&scratch).expect("/dev/shm is writable");
        let (to, inputs) = sync_channel(0);
        let (finished, done) = sync_channel(0);
        std::thread::spawn(move || {
            in_new(&[Kind::Mount], || work(scratch, inputs, finished)).expect("root");
        });
        Mutex::new(Worker { to, done })
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let blob = match how % 3 {
        0 => written(layer_entries(bytes)).0,
        1 => with_checksums(bytes),
        // Perhaps compressed.
        _ => bytes.to_vec(),
    };
    let worker = worker().lock().expect("no other thread");
    worker.to.send(blob).expect("it works on");
    worker.done.recv().expect("it works on");
});
