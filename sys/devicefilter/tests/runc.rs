//! Beside a real runc: its filter on the outer container, ours inside, and on the same cgroup.
//!
//! runc runs in a view where `/sys/fs/cgroup` is cgroup2 alone (own mount and cgroup namespace),
//! so that it uses device programs also on hosts that mount v1 controllers.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod common;

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Output};

use common::{Cgroup, NULL, ZERO, ids, program, read, rules, try_below};
use serde_json::json;
use warren_sys_devicefilter::attach::How;
use warren_sys_devicefilter::bpf;
use warren_sys_devicefilter::explain::explain;
use warren_sys_devicefilter::interpret;
use warren_sys_devicefilter::probe::{Ask, Outcome};
use warren_sys_devicefilter::{
    Access, Defaults, Device, Policy, Program, Request, Style, install, remove, update,
};

/// A container started by runc in the cgroup `name` below `cgroup`; deleted when dropped.
struct Runc<'c> {
    cgroup: &'c Cgroup,
    bundle: tempfile::TempDir,
    name: String,
    words: String,
}

impl<'c> Runc<'c> {
    fn start(cgroup: &'c Cgroup, name: &str) -> Self {
        let bundle = tempfile::tempdir().unwrap();
        for dir in ["bin", "usr", "lib", "lib64", "proc", "dev", "tmp"] {
            std::fs::create_dir_all(bundle.path().join("rootfs").join(dir)).unwrap();
        }
        let bind = |dir: &str| json!({"destination": dir, "source": dir, "type": "bind", "options": ["rbind", "ro"]});
        let mut mounts = vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc"}),
            json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                   "options": ["nosuid", "mode=755"]}),
        ];
        mounts.extend(["/bin", "/usr", "/lib", "/lib64"].map(bind));
        let spaces = ["pid", "mount", "ipc", "uts"].map(|kind| json!({ "type": kind }));
        let spec = json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false, "user": {"uid": 0, "gid": 0}, "cwd": "/",
                "args": ["sleep", "300"], "env": ["PATH=/usr/bin:/bin"],
            },
            "root": {"path": "rootfs"},
            "mounts": mounts,
            "linux": {"cgroupsPath": format!("/{name}"), "namespaces": spaces},
        });
        std::fs::write(bundle.path().join("config.json"), spec.to_string()).unwrap();
        let mut runc = Self {
            cgroup,
            bundle,
            name: name.to_owned(),
            words: String::new(),
        };
        let output = runc.call("run -d");
        runc.words = std::fs::read_to_string(runc.bundle.path().join("words")).unwrap();
        assert!(output.status.success(), "runc: {} {output:?}", runc.words);
        runc
    }

    fn call(&self, verb: &str) -> Output {
        // Output of a detached container goes to a file: its init would hold a pipe open.
        let view = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && cd \"$1\" \
                    && exec runc --root state $2 \"$3\" </dev/null >>words 2>&1";
        Command::new("sh")
            .args(["-c", "echo 0 > \"$0/cgroup.procs\"; exec unshare -mC sh -c \"$1\" sh \"$2\" \"$3\" \"$4\""])
            .args([self.cgroup.path.as_os_str(), view.as_ref(), self.bundle.path().as_os_str()])
            .args([verb, &format!("warren-test-{}-{}", std::process::id(), self.name)])
            .output()
            .expect("this test needs sh, unshare and runc: apt-get install util-linux runc")
    }
}

impl Drop for Runc<'_> {
    fn drop(&mut self) {
        let output = self.call("delete -f");
        assert!(
            output.status.success() || std::thread::panicking(),
            "{output:?}"
        );
    }
}

fn container() -> Program {
    Program::new(
        &Policy::for_container(&[], &Defaults::default()).unwrap(),
        Style::Shared,
    )
}

fn dir(path: &Path) -> File {
    File::open(path).unwrap()
}

#[test]
fn our_filters_live_beside_runcs() {
    let top = Cgroup::v2("runc");
    let runc = Runc::start(&top, "outer");
    let outer = top.path.join("outer");
    let its = ids(&outer);
    assert_eq!(its.len(), 1, "runc put no filter: {}", runc.words);

    // Same level as runc's own filter.
    let (mut beside, mut inside) = (None, None);
    let report = install(dir(&outer).as_fd(), &container(), &mut beside).unwrap();
    assert_eq!((report.how, &report.foreign), (How::Added, &its));
    // And the nested case: a cgroup of ours below.
    let inner = outer.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let user = rules(&["-a", "+b 7:* rw"]);
    let policy = Policy::for_container(&user, &Defaults::default()).unwrap();
    let wide = Program::new(&policy, Style::Compact);
    install(dir(&inner).as_fd(), &wide, &mut inside).unwrap();
    for _ in 0..3 {
        update(dir(&outer).as_fd(), &container(), &mut beside).unwrap();
        update(dir(&inner).as_fd(), &wide, &mut inside).unwrap();
    }
    assert_eq!(
        (ids(&outer)[0], ids(&outer).len(), ids(&inner).len()),
        (its[0], 2, 1)
    );

    assert_eq!(try_below(&inner, read(NULL), Ask::Open), Outcome::Passes);
    let loop0 = Request {
        device: Device::block(7, 0),
        access: Access::READ,
    };
    assert_eq!(try_below(&inner, loop0, Ask::Check), Outcome::Denied);
    let why = explain(top.root(), &inner, loop0, None).unwrap();
    assert_eq!(why.denied_at().unwrap().path, outer);

    remove(dir(&outer).as_fd(), &mut beside).unwrap();
    assert_eq!(ids(&outer), its);
    std::fs::remove_dir(&inner).unwrap();
}

/// For a spec without rules, runc's program and ours answer alike, and are of one size.
#[test]
fn runcs_program_is_ours() {
    let top = Cgroup::v2("same");
    let runc = Runc::start(&top, "outer");
    let its = ids(&top.path.join("outer"));
    let its = bpf::by_id(*its.first().expect(&runc.words))
        .unwrap()
        .unwrap();
    let insns = its.info().insns.clone().unwrap();
    let ours = container();
    for kind in [Device::char, Device::block] {
        for (major, minor) in [0, 1, 5, 7, 10, 136]
            .into_iter()
            .flat_map(|major| [0, 1, 2, 3, 4, 5, 7, 8, 9, 200, 229].map(|minor| (major, minor)))
        {
            for bits in 0..8 {
                let device = kind(major, minor);
                let request = Request {
                    device,
                    access: Access::from_bits(bits),
                };
                let answers = (
                    interpret::allows(&insns, request),
                    interpret::allows(ours.insns(), request),
                );
                assert_eq!(answers.0, answers.1, "{request}");
            }
        }
    }
    assert_eq!(insns, ours.insns());
}

/// The hazard this crate guards against: runc, given a cgroup that has filters of others, takes
/// all of them away. Our next update notices, comes back, and leaves runc's in place.
#[test]
fn runc_detaches_foreign_filters_and_we_come_back() {
    let top = Cgroup::v2("hazard");
    let shared = top.child("shared");
    let mut record = None;
    install(
        dir(&shared).as_fd(),
        &program(&["+c 1:3 rwm", "+c *:* m"]),
        &mut record,
    )
    .unwrap();
    let stranger = bpf::load(&program(&["+a"])).unwrap();
    bpf::attach(dir(&shared).as_fd(), stranger.as_fd()).unwrap();

    let runc = Runc::start(&top, "shared");
    assert!(
        runc.words.contains("found more than one filter"),
        "{}",
        runc.words
    );
    let its = ids(&shared);
    assert_eq!(its.len(), 1);
    let ours = record
        .as_ref()
        .map(|owned: &warren_sys_devicefilter::Owned| owned.programs[0].id);
    assert!(!its.contains(&ours.unwrap()) && !its.contains(&stranger.info().id));
    assert_eq!(
        try_below(&shared, read(ZERO), Ask::Open),
        Outcome::Passes,
        "runc's policy alone"
    );

    let program = program(&["+c 1:3 rwm", "+c *:* m"]);
    let report = update(dir(&shared).as_fd(), &program, &mut record).unwrap();
    assert_eq!((report.how, report.foreign), (How::Added, its));
    assert_eq!(try_below(&shared, read(ZERO), Ask::Open), Outcome::Denied);
}
