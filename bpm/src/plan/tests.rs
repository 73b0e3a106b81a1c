//! Plans of files as releases write them, against what they are known to become.
//!
//! `tests/corpus/JOB.yml` holds the file, `tests/corpus/JOB.json` the plans of its processes. After a
//! change of rules: `WARREN_UPDATE=1 cargo test -p warren-bpm plan`, and read the difference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::thread::CapabilitySet;
use warren_wire_bpm::{Config, Process, Volume};

use super::*;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// A machine that is always the same.
fn host() -> Host {
    let present = [
        "/bin",
        "/etc",
        "/lib",
        "/lib64",
        "/sbin",
        "/usr",
        "/run/systemd/resolve",
    ];
    Host {
        bounding: CapabilitySet::all() - CapabilitySet::SYS_RESOURCE,
        devices: vec![("null".into(), 1, 3), ("tty".into(), 5, 0)],
        hostname: "machine".into(),
        present: present.map(str::to_owned).into(),
        rosetta: false,
        open_files: Some(65_536),
        core_file_size: None,
    }
}

/// As if `*` had matched `a` and `b` alone.
fn expanded(process: &Process) -> Vec<Volume> {
    let volumes = process.unsafe_options.unrestricted_volumes.iter();
    let one = |volume: &Volume| match volume.path.contains('*') {
        false => vec![volume.clone()],
        true => ["a", "b"]
            .map(|name| Volume {
                path: volume.path.replace('*', name),
                ..volume.clone()
            })
            .to_vec(),
    };
    volumes.flat_map(one).collect()
}

fn plan_of(job: &str, process: &Process, isolation: Isolation) -> Plan {
    let root = Root::at("/var/vcap");
    let name = Name::new(job, Some(&process.name)).unwrap();
    let (user, host, unrestricted) = (
        User {
            uid: 1000,
            gid: 1001,
        },
        host(),
        expanded(process),
    );
    let wanted = Wanted {
        root: &root,
        name: &name,
        process,
        unrestricted: &unrestricted,
        user,
        host: &host,
        isolation,
        program: Path::new("/sbin/warren"),
    };
    plan(&wanted).unwrap()
}

fn read(job: &str) -> Config {
    let bytes = std::fs::read(corpus().join(format!("{job}.yml"))).unwrap();
    let config = Config::parse(&bytes).unwrap();
    config.check(job).unwrap();
    config
}

/// The plan without the filter of system calls, which is always the same one.
fn shown(mut plan: Plan) -> serde_json::Value {
    if let Some(seccomp) = &mut plan.bundle.linux.seccomp {
        assert_eq!(*seccomp, seccomp::filter());
        seccomp.syscalls.clear();
    }
    serde_json::to_value(plan).unwrap()
}

#[test]
fn files_of_releases_become_what_they_always_have() {
    let mut jobs: Vec<String> = std::fs::read_dir(corpus())
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".yml")?
                    .to_owned(),
            )
        })
        .collect();
    jobs.sort();
    assert!(jobs.len() >= 6, "{jobs:?}");
    for job in jobs {
        let config = read(&job);
        let plans: BTreeMap<&str, serde_json::Value> = config
            .processes
            .iter()
            .map(|each| {
                (
                    each.name.as_str(),
                    shown(plan_of(&job, each, Isolation::Container)),
                )
            })
            .collect();
        let text = serde_json::to_string_pretty(&plans).unwrap() + "\n";
        let kept = corpus().join(format!("{job}.json"));
        if std::env::var_os("WARREN_UPDATE").is_some() {
            std::fs::write(&kept, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&kept).unwrap_or_default();
        assert!(
            expected == text,
            "{} is not what {job}.yml becomes:\n{text}",
            kept.display()
        );
    }
}

#[test]
fn directly_it_is_a_plain_process_of_the_host() {
    let config = read("web_in_json");
    let plan = plan_of("web_in_json", &config.processes[0], Isolation::Direct);
    let linux = &plan.bundle.linux;
    assert!(plan.bundle.mounts.is_empty() && linux.namespaces.is_empty());
    assert!(linux.seccomp.is_none() && linux.masked_paths.is_empty());
    assert_eq!(plan.bundle.root.path, Path::new("/"));
    assert_eq!(
        plan.bundle.process.args[..5],
        [
            "/proc/self/exe",
            "bpm-init",
            "--",
            "/var/vcap/packages/ruby/bin/bundle",
            "exec"
        ]
    );
    // Limits, user and capabilities are as in a container.
    assert_eq!(linux.resources.memory.unwrap().limit, Some(1 << 30));
    assert_eq!(plan.bundle.process.user.uid, 1000);
    let ambient = plan.bundle.process.capabilities.unwrap().ambient;
    assert_eq!(ambient, ["CAP_NET_BIND_SERVICE"]);
}

#[test]
fn places_are_mounted_once_and_before_what_lies_in_them() {
    for job in ["device_user", "volume_driver", "database"] {
        for process in &read(job).processes {
            let mounts = plan_of(job, process, Isolation::Container).bundle.mounts;
            let binds: Vec<&Path> = mounts[6..]
                .iter()
                .map(|m| m.destination.as_path())
                .collect();
            for (at, path) in binds.iter().enumerate() {
                let before = &binds[..at];
                assert!(
                    before.iter().all(|one| !one.starts_with(path)),
                    "{}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn nothing_but_shared_volumes_reaches_the_host() {
    let process = &read("volume_driver").processes[0];
    let plan = plan_of("volume_driver", process, Isolation::Container);
    let is_slave = |mount: &&warren_container_runtime::oci::Mount| {
        mount.options.iter().any(|option| option.ends_with("slave"))
    };
    let peers: Vec<&Path> = plan.bundle.mounts[6..]
        .iter()
        .filter(|mount| !is_slave(mount))
        .map(|mount| mount.destination.as_path())
        .collect();
    assert_eq!(peers, [Path::new("/var/vcap/data/volumes")]);
    assert_eq!(plan.shared, peers);
}

#[test]
fn what_cannot_be_had_is_told() {
    let process = &read("volume_driver").processes[0];
    let plan = plan_of("volume_driver", process, Isolation::Container);
    assert_eq!(plan.remarks.len(), 2, "{:?}", plan.remarks);
    assert!(plan.remarks[0].starts_with("limit open_files is 65536 instead of 100000"));
    assert_eq!(plan.remarks[1], "capability WHATEVER is unknown");
    let mut process = process.clone();
    process.limits.memory = Some("lots".into());
    let name = Name::new("j", None).unwrap();
    let (root, host) = (Root::at("/var/vcap"), host());
    let refused = super::plan(&Wanted {
        root: &root,
        name: &name,
        process: &process,
        unrestricted: &[],
        user: User { uid: 1, gid: 1 },
        host: &host,
        isolation: Isolation::Container,
        program: Path::new("/warren"),
    });
    assert!(refused.is_err());
}
