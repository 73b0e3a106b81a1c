//! Where everything is. Below `V`, which is `/var/vcap` unless `BPM_BOSH_ROOT` says otherwise; in
//! containers it is always `/var/vcap`.
//!
//! ```text
//! V/jobs/JOB/config/bpm.yml                what is wanted
//! V/sys/run/bpm/JOB/PROCESS.pid            public: the process's pid, as its starter sees it
//! V/sys/log/JOB/PROCESS.stdout.log, .stderr.log, bpm.log
//! V/data/JOB, V/data/JOB/tmp, V/store/JOB  the job's own
//! V/data/bpm/bundles/JOB/PROCESS/          config.json, rootfs
//! V/data/bpm/locks/job-NAME.lock, vol-SHA256.lock, groups.lock
//! V/sys/run/bpm-warren/CONTAINER.json      see `state`
//! ```

use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};
use warren_wire_bpm::check::BOSH;
use warren_wire_bpm::id;

use crate::Error;

/// The variable that moves everything.
pub const VARIABLE: &str = "BPM_BOSH_ROOT";

/// The directory that is `/var/vcap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

/// One process of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    job: String,
    process: String,
}

impl Name {
    /// The process of this name, or the one that is called like the job.
    ///
    /// # Errors
    /// [`Error::NoJob`], [`Error::Name`].
    pub fn new(job: &str, process: Option<&str>) -> Result<Self, Error> {
        if job.is_empty() {
            return Err(Error::NoJob);
        }
        let process = process.filter(|name| !name.is_empty()).unwrap_or(job);
        for (what, name) in [("job", job), ("process", process)] {
            let mut parts = Path::new(name).components();
            let one = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
            if !one || name.contains('/') || name.contains('\0') || name.len() > 200 {
                let name = name.to_owned();
                return Err(Error::Name { what, name });
            }
        }
        Ok(Self {
            job: job.to_owned(),
            process: process.to_owned(),
        })
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.job
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Among all jobs' processes.
    #[must_use]
    pub fn full(&self) -> String {
        id::name(&self.job, &self.process)
    }

    /// Of its container.
    #[must_use]
    pub fn container(&self) -> String {
        id::container(&self.job, &self.process)
    }
}

impl Root {
    /// As the environment says.
    #[must_use]
    pub fn from_environment() -> Self {
        let given = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        Self::at(given.map_or_else(|| BOSH.into(), PathBuf::from))
    }

    /// This directory.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a path of the container's `/var/vcap` is on the host; other paths are the same.
    #[must_use]
    pub fn on_host(&self, inside: &Path) -> PathBuf {
        match inside.strip_prefix(BOSH) {
            Ok(below) if below.as_os_str().is_empty() => self.0.clone(),
            Ok(below) => self.0.join(below),
            Err(_) => inside.to_owned(),
        }
    }

    /// Where jobs are.
    #[must_use]
    pub fn jobs(&self) -> PathBuf {
        self.0.join("jobs")
    }

    /// A job's configuration.
    #[must_use]
    pub fn configuration(&self, job: &str) -> PathBuf {
        self.jobs().join(job).join("config/bpm.yml")
    }

    /// The pid file.
    #[must_use]
    pub fn pid_file(&self, name: &Name) -> PathBuf {
        let file = format!("{}.pid", name.process);
        self.0.join("sys/run/bpm").join(&name.job).join(file)
    }

    /// A job's logs.
    #[must_use]
    pub fn logs(&self, job: &str) -> PathBuf {
        self.0.join("sys/log").join(job)
    }

    /// What the process prints.
    #[must_use]
    pub fn stdout(&self, name: &Name) -> PathBuf {
        let file = format!("{}.stdout.log", name.process);
        self.logs(&name.job).join(file)
    }

    /// What it complains about.
    #[must_use]
    pub fn stderr(&self, name: &Name) -> PathBuf {
        let file = format!("{}.stderr.log", name.process);
        self.logs(&name.job).join(file)
    }

    /// The process's bundle.
    #[must_use]
    pub fn bundle(&self, name: &Name) -> PathBuf {
        let bundles = self.0.join("data/bpm/bundles");
        bundles.join(&name.job).join(&name.process)
    }

    /// What is kept of running processes.
    #[must_use]
    pub fn states(&self) -> PathBuf {
        self.0.join("sys/run/bpm-warren")
    }

    /// Locks.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.0.join("data/bpm/locks")
    }

    /// The lock of a process.
    #[must_use]
    pub fn process_lock(&self, name: &Name) -> PathBuf {
        let both = format!("{}.{}", name.job, name.process);
        self.locks().join(format!("job-{}.lock", id::encode(&both)))
    }

    /// The lock of a shared volume.
    #[must_use]
    pub fn volume_lock(&self, volume: &Path) -> PathBuf {
        let sum = Sha256::digest(volume.as_os_str().as_encoded_bytes());
        let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        self.locks().join(format!("vol-{hex}.lock"))
    }

    /// The lock of the group that all processes' groups are in.
    #[must_use]
    pub fn groups_lock(&self) -> PathBuf {
        self.locks().join("groups.lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_where_others_look_for_them() {
        let root = Root::at("/v");
        let name = Name::new("nats", Some("bosh_nats_sync")).unwrap();
        assert_eq!(
            root.pid_file(&name),
            Path::new("/v/sys/run/bpm/nats/bosh_nats_sync.pid")
        );
        assert_eq!(
            root.stdout(&name),
            Path::new("/v/sys/log/nats/bosh_nats_sync.stdout.log")
        );
        let same = Name::new("nats", None).unwrap();
        let lock = root.process_lock(&same);
        assert_eq!(lock, Path::new("/v/data/bpm/locks/job-nats.2enats.lock"));
        assert_eq!(same.container(), "bpm-nats");
        assert_eq!(
            root.on_host(Path::new("/var/vcap/a/b")),
            Path::new("/v/a/b")
        );
        assert_eq!(root.on_host(Path::new("/var/vcap")), Path::new("/v"));
        assert_eq!(root.on_host(Path::new("/etc")), Path::new("/etc"));
    }

    #[test]
    fn names_stay_in_their_directories() {
        for bad in ["..", ".", "a/b", "/a", "a/", "a\0"] {
            assert!(
                matches!(Name::new(bad, None), Err(Error::Name { .. })),
                "{bad:?}"
            );
            assert!(
                matches!(Name::new("j", Some(bad)), Err(Error::Name { .. })),
                "{bad:?}"
            );
        }
        assert!(matches!(Name::new("", None), Err(Error::NoJob)));
        assert_eq!(Name::new("j", Some("")).unwrap().process(), "j");
    }
}
