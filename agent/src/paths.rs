//! Where everything is, below a root that is `/` but in tests.
//!
//! ```text
//! /var/vcap/bosh/      agent.json settings.json update_settings.json spec.json tasks.json
//!                      persistent_disk_hints.json managed_disk_settings.json etc/ log/ programs/
//! /var/vcap/data/      jobs packages sys/{log,run} blobs sensitive_blobs compile tmp dynamic_disks
//! /var/vcap/{jobs,packages}/NAME   symbolic links into data
//! /var/vcap/{sys,store,store_migration_target,monit,instance,bosh_ssh}
//! /etc/{hosts,resolv.conf,hostname,passwd,group}   /usr/local/share/ca-certificates
//! ```

use std::path::{Path, PathBuf};

/// The root and all that is below it.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
}

macro_rules! below {
    ($($(#[$doc:meta])* $name:ident = $path:literal),+ $(,)?) => {
        impl Paths {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> PathBuf {
                self.root.join($path)
            }
        )+}
    };
}

below! {
    /// All of BOSH.
    vcap = "var/vcap",
    /// The agent's own.
    bosh = "var/vcap/bosh",
    /// The settings as they were read last; mode 0600.
    settings = "var/vcap/bosh/settings.json",
    /// What the director sent; mode 0600.
    update_settings = "var/vcap/bosh/update_settings.json",
    /// What was applied last.
    spec = "var/vcap/bosh/spec.json",
    /// Tasks that are resumed; mode 0600.
    tasks = "var/vcap/bosh/tasks.json",
    /// Hints of disks that are not in the settings yet.
    disk_hints = "var/vcap/bosh/persistent_disk_hints.json",
    /// The disk that is mounted at each boot: a bare id.
    managed_disk = "var/vcap/bosh/managed_disk_settings.json",
    /// Records of programs whose end was not seen.
    programs = "var/vcap/bosh/programs",
    /// Ephemeral data.
    data = "var/vcap/data",
    /// Rendered jobs.
    data_jobs = "var/vcap/data/jobs",
    /// Packages.
    data_packages = "var/vcap/data/packages",
    /// Where packages are compiled.
    compile = "var/vcap/data/compile",
    /// For temporary files.
    tmp = "var/vcap/data/tmp",
    /// Blobs of directors of create-env.
    blobs = "var/vcap/data/blobs",
    /// Blobs that hold secrets.
    sensitive_blobs = "var/vcap/data/sensitive_blobs",
    /// Links to disks that jobs use as devices.
    dynamic_disks = "var/vcap/data/dynamic_disks",
    /// Logs and pid files: a link into data.
    sys = "var/vcap/sys",
    /// Logs of jobs.
    logs = "var/vcap/data/sys/log",
    /// Pid files of jobs.
    run = "var/vcap/data/sys/run",
    /// Links to installed jobs.
    jobs = "var/vcap/jobs",
    /// Links to installed packages.
    packages = "var/vcap/packages",
    /// The persistent disk.
    store = "var/vcap/store",
    /// The next persistent disk.
    migration_target = "var/vcap/store_migration_target",
    /// The supervisor's.
    monit = "var/vcap/monit",
    /// Its files, one for each job.
    monit_jobs = "var/vcap/monit/job",
    /// Its user and password.
    monit_user = "var/vcap/monit/monit.user",
    /// There if all was stopped on demand.
    stopped = "var/vcap/monit/stopped",
    /// What other jobs may read of the instance.
    instance = "var/vcap/instance",
    /// Names of disks.
    instance_disks = "var/vcap/instance/disks",
    /// DNS records as they came.
    records = "var/vcap/instance/dns/records.json",
    /// State of all jobs.
    health = "var/vcap/instance/health.json",
    /// Homes of users made by `ssh`.
    ssh_homes = "var/vcap/bosh_ssh",
    /// The agent's logs.
    agent_logs = "var/vcap/bosh/log",
    /// The system's logs.
    system_logs = "var/log",
    /// Executables of the stemcell, blobstore clients among them.
    bin = "var/vcap/bosh/bin",
    /// Configuration of those.
    etc_bosh = "var/vcap/bosh/etc",
    /// Names of hosts.
    hosts = "etc/hosts",
    /// Name servers.
    resolv_conf = "etc/resolv.conf",
    /// The host's name.
    hostname = "etc/hostname",
    /// Users.
    passwd = "etc/passwd",
    /// Groups.
    group = "etc/group",
    /// Rotation of logs.
    logrotate = "etc/logrotate.d/vcap",
    /// Certificates to trust.
    ca_certificates = "usr/local/share/ca-certificates",
    /// The host's key.
    host_key = "etc/ssh/ssh_host_rsa_key.pub",
}

impl Paths {
    /// Everything below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path that a message or a settings file names, below the root.
    #[must_use]
    pub fn within(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// As programs see a path: without the root. Links hold such paths.
    #[must_use]
    pub fn outside(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(rest) => Path::new("/").join(rest),
            Err(_) => path.to_owned(),
        }
    }

    /// What a symbolic link to this path holds: the path itself, which below another root has to
    /// name that root.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.root == Path::new("/")
    }
}
