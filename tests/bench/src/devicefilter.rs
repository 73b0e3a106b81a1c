//! Attaching a container's default device filter: ours, and runc's own `bpf` calls.
//!
//! runc attaches inside `runc run`; its part is the time its bpf(2) calls take, as strace
//! tells it. Ours is measured the same way for that comparison, and by the clock besides.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use warren_sys_devicefilter::{Defaults, Owned, Policy, Program, Style, install, remove, update};
use warren_tests_harness::{Actor, ActorBuilder, Ns, Sandbox};

use crate::figures::{Samples, myself, table};

const RUNS: usize = 40;

/// Measures install and update by the clock, and the bpf(2) calls of both under strace.
pub fn bench() {
    let sandbox = Sandbox::new("bench-devicefilter");
    let host = ActorBuilder::new().spawn();
    let group = sandbox.child_cgroup("ours");
    let (exe, directory) = (myself(), group.display().to_string());
    let ours = ["inside", "devicefilter", &directory];
    let runs = RUNS.to_string();
    let argv = [&[exe.as_str()][..], &ours, &[&runs]].concat();
    let clock = host.run(&argv).success().stdout;
    let (install, update) = clock.split_once("update\n").unwrap_or_default();

    let (mut our_calls, mut runc_calls) = (Samples::default(), Samples::default());
    let container = ActorBuilder::new()
        .cgroup(sandbox.child_cgroup("runc"))
        .unshare(&[Ns::Mount, Ns::Cgroup, Ns::Pid])
        .fresh_cgroup2()
        .spawn();
    let bundle = bundle();
    let path = bundle.path().display().to_string();
    for run in 0..RUNS {
        let fresh = sandbox
            .child_cgroup(format!("ours-{run}"))
            .display()
            .to_string();
        let once = [exe.as_str(), "inside", "devicefilter", &fresh, "once"];
        our_calls.0.push(bpf_time(&host, &once));
        let id = format!("bench-{run}");
        let argv = [
            "runc",
            "--root",
            &format!("{path}/state"),
            "run",
            "-b",
            &path,
            &id,
        ];
        runc_calls.0.push(bpf_time(&container, &argv));
    }
    table(
        "Device filter of a container without device rules",
        "ms",
        &[
            ("runc: its bpf(2) calls under strace", &runc_calls),
            ("ours: bpf(2) calls of one install under strace", &our_calls),
            ("ours: install, by the clock", &Samples::read(install)),
            (
                "ours: update in place, by the clock",
                &Samples::read(update),
            ),
        ],
        0,
    );
}

/// Milliseconds that the bpf calls of a command took.
fn bpf_time(actor: &Actor, argv: &[&str]) -> f64 {
    let log = match tempfile::NamedTempFile::new() {
        Ok(log) => log,
        Err(error) => panic!("cannot keep strace's output: {error}"),
    };
    let out = log.path().display().to_string();
    let strace = ["strace", "-f", "-T", "-e", "trace=bpf", "-o", &out];
    actor.run(&[&strace[..], argv].concat()).success();
    let text = std::fs::read_to_string(log.path()).unwrap_or_default();
    let seconds: f64 = text
        .lines()
        .filter_map(|line| {
            line.rsplit_once('<')?
                .1
                .strip_suffix('>')?
                .parse::<f64>()
                .ok()
        })
        .sum();
    assert!(seconds > 0.0, "no bpf call was seen:\n{text}");
    seconds * 1000.0
}

/// A bundle that runs `true` and asks for no device.
fn bundle() -> tempfile::TempDir {
    let make = || -> std::io::Result<tempfile::TempDir> {
        let directory = tempfile::tempdir()?;
        std::fs::create_dir_all(directory.path().join("rootfs/bin"))?;
        std::fs::copy("/bin/busybox", directory.path().join("rootfs/bin/true"))?;
        std::fs::create_dir_all(directory.path().join("rootfs/proc"))?;
        let config = serde_json::json!({
            "ociVersion": "1.0.2",
            "process": {"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0},
                "capabilities": {}, "env": ["PATH=/bin"]},
            "root": {"path": "rootfs", "readonly": true},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"cgroupsPath": "/bench", "namespaces": [{"type": "mount"}, {"type": "pid"}],
                "resources": {}},
        });
        std::fs::write(directory.path().join("config.json"), config.to_string())?;
        Ok(directory)
    };
    match make() {
        Ok(directory) => directory,
        Err(error) => panic!("cannot make a bundle (busybox-static is needed): {error}"),
    }
}

/// Installs and updates, `runs` times, and prints the milliseconds: installs, `update`, updates.
/// `once` installs and leaves the program to its cgroup, as for a container.
pub fn inside(directory: &str, runs: &str) {
    let opened = File::open(Path::new(directory)).map_err(|error| error.to_string());
    let policy = Policy::for_container(&[], &Defaults::default()).map_err(|e| e.to_string());
    let (group, policy) = match (opened, policy) {
        (Ok(group), Ok(policy)) => (group, policy),
        (group, policy) => panic!("cannot begin: {group:?} {policy:?}"),
    };
    let program = Program::new(&policy, Style::Shared);
    let Ok(runs) = runs.parse::<usize>() else {
        let installed = install(group.as_fd(), &program, &mut None::<Owned>);
        assert!(installed.is_ok(), "{installed:?}");
        return;
    };
    let (mut installs, mut updates) = (Samples::default(), Samples::default());
    for _ in 0..runs {
        let mut record: Option<Owned> = None;
        installs.time(|| {
            let report = install(group.as_fd(), &program, &mut record);
            assert!(report.is_ok(), "{report:?}");
        });
        updates.time(|| {
            let report = update(group.as_fd(), &program, &mut record);
            assert!(report.is_ok(), "{report:?}");
        });
        let removed = remove(group.as_fd(), &mut record);
        assert!(removed.is_ok(), "{removed:?}");
    }
    for sample in installs.0 {
        println!("{sample}");
    }
    println!("update");
    for sample in updates.0 {
        println!("{sample}");
    }
}
