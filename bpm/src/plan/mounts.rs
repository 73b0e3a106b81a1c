//! What a process sees: kernel file systems, the system's programs, its job, its volumes.
//!
//! | source | flags |
//! |---|---|
//! | `/bin /etc /lib /lib64 /sbin /usr`, as far as there are | exec ro |
//! | `/run/resolvconf`, `/run/systemd/resolve`, if there are | noexec ro |
//! | `V/data/JOB/tmp`, also as `/tmp` and `/var/tmp` | noexec rw |
//! | `V/data/packages`, `V/packages`, `V/jobs/JOB` | exec ro |
//! | `V/sys/log/JOB` | noexec rw |
//! | `V/data/JOB`, `V/store/JOB`, if asked for | noexec rw |
//! | additional volumes, then unrestricted ones | as asked for |
//!
//! Of several for one place the first counts. An unrestricted volume at or below a place of the job's
//! own is left out. They are mounted by the depth of their places, so that one may lie in another.
//!
//! What the host mounts later below a source appears inside. Nothing that is mounted inside appears
//! outside, but below a shared volume: mounts of the host are not for a process to make. (The stock
//! tool lets all binds of shared mounts propagate both ways.)

use std::path::{Path, PathBuf};

use warren_container_runtime::oci::Mount;
use warren_wire_bpm::Volume;

use super::{INIT, Wanted};

/// The system's, with programs.
const SYSTEM: [&str; 6] = ["/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr"];
/// The system's, without.
const RESOLVERS: [&str; 2] = ["/run/resolvconf", "/run/systemd/resolve"];

/// Those of the above that not every machine has.
pub const OPTIONAL: [&str; 8] = [
    "/bin",
    "/etc",
    "/lib",
    "/lib64",
    "/sbin",
    "/usr",
    "/run/resolvconf",
    "/run/systemd/resolve",
];

/// What nobody inside may read.
pub const MASKED: [&str; 7] = [
    "/etc/sv",
    "/proc/kcore",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];

/// What nobody inside may write.
pub const READ_ONLY: [&str; 6] = [
    "/proc/asound",
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// A bind before it is one of the list.
#[derive(Debug, Clone)]
struct Bind {
    source: PathBuf,
    destination: PathBuf,
    recursive: bool,
    executable: bool,
    writable: bool,
    shared: bool,
}

/// The mounts, in order.
pub(super) fn list(wanted: &Wanted<'_>) -> Vec<Mount> {
    let mut mounts = kernel();
    let mut binds = vec![init(wanted)];
    binds.extend(system(wanted));
    let own = own(wanted);
    let reserved: Vec<PathBuf> = own.iter().map(|bind| bind.destination.clone()).collect();
    binds.extend(own);
    let volume = |volume: &Volume| bind_of(wanted, volume);
    binds.extend(wanted.process.additional_volumes.iter().map(volume));
    let free = |bind: &Bind| {
        !reserved
            .iter()
            .any(|path| bind.destination.starts_with(path))
    };
    binds.extend(wanted.unrestricted.iter().map(volume).filter(free));
    let mut chosen: Vec<Bind> = Vec::new();
    for bind in binds {
        if !chosen.iter().any(|one| one.destination == bind.destination) {
            chosen.push(bind);
        }
    }
    chosen.sort_by_key(|bind| bind.destination.components().count());
    mounts.extend(chosen.into_iter().map(Bind::mount));
    if wanted.process.unsafe_options.privileged {
        for mount in &mut mounts {
            mount.options.retain(|option| option != "nosuid");
        }
    }
    mounts
}

fn kernel() -> Vec<Mount> {
    let mount = |at: &str, kind: &str, source: &str, options: &[&str]| Mount {
        destination: at.into(),
        kind: Some(kind.to_owned()),
        source: Some(source.into()),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    let terminals = [
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        "gid=5",
    ];
    let plain = ["nosuid", "noexec", "nodev"];
    vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "noexec", "mode=755"]),
        mount("/dev/pts", "devpts", "devpts", &terminals),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777"],
        ),
        mount("/dev/mqueue", "mqueue", "mqueue", &plain),
        mount(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", "ro"],
        ),
    ]
}

/// The first process's program, which is our own.
fn init(wanted: &Wanted<'_>) -> Bind {
    Bind {
        source: wanted.program.to_owned(),
        destination: INIT.into(),
        recursive: false,
        executable: true,
        writable: false,
        shared: false,
    }
}

fn system<'a>(wanted: &'a Wanted<'_>) -> impl Iterator<Item = Bind> + use<'a> {
    let there = |path: &&&str| wanted.host.present.contains(**path);
    SYSTEM
        .iter()
        .chain(&RESOLVERS)
        .filter(there)
        .map(|path| Bind {
            source: path.into(),
            destination: path.into(),
            recursive: false,
            executable: SYSTEM.contains(path),
            writable: false,
            shared: false,
        })
}

/// The job's own.
fn own(wanted: &Wanted<'_>) -> Vec<Bind> {
    let (root, job) = (wanted.root, wanted.name.job());
    let bind = |inside: String, at: Option<&str>, executable: bool, writable: bool| Bind {
        source: root.on_host(Path::new(&inside)),
        destination: at.map_or_else(|| inside.into(), PathBuf::from),
        recursive: writable,
        executable,
        writable,
        shared: false,
    };
    let temporary = format!("/var/vcap/data/{job}/tmp");
    let mut binds = vec![
        bind(temporary.clone(), None, false, true),
        bind(temporary.clone(), Some("/tmp"), false, true),
        bind(temporary, Some("/var/tmp"), false, true),
        bind("/var/vcap/data/packages".into(), None, true, false),
        bind("/var/vcap/packages".into(), None, true, false),
        bind(format!("/var/vcap/jobs/{job}"), None, true, false),
        bind(format!("/var/vcap/sys/log/{job}"), None, false, true),
    ];
    if wanted.process.ephemeral_disk {
        binds.push(bind(format!("/var/vcap/data/{job}"), None, false, true));
    }
    if wanted.process.persistent_disk {
        binds.push(bind(format!("/var/vcap/store/{job}"), None, false, true));
    }
    binds
}

fn bind_of(wanted: &Wanted<'_>, volume: &Volume) -> Bind {
    Bind {
        source: wanted.root.on_host(Path::new(&volume.path)),
        destination: volume.path.clone().into(),
        recursive: true,
        executable: volume.allow_executions,
        writable: volume.writable,
        shared: volume.shared,
    }
}

impl Bind {
    fn mount(self) -> Mount {
        let (bind, slave) = match self.recursive {
            true => ("rbind", "rslave"),
            false => ("bind", "slave"),
        };
        let mut options = vec![
            bind,
            if self.executable { "exec" } else { "noexec" },
            "nosuid",
            "nodev",
            if self.writable { "rw" } else { "ro" },
        ];
        if !self.shared {
            options.push(slave);
        }
        Mount {
            destination: self.destination,
            kind: Some("bind".to_owned()),
            source: Some(self.source),
            options: options.into_iter().map(str::to_owned).collect(),
        }
    }
}
