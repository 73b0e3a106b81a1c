//! Modes and owners below `/var/vcap`: lines of a recording of a stock VM, in which a job ran and was
//! stopped, with this test's names of jobs. What is not here is not made, or has another mode on purpose
//! (files with secrets are 0600, disks and the stemcell's own files are none of the agent's).

use std::os::unix::fs::MetadataExt;

/// `mode owner path`, as recorded.
const RECORDED: &str = "\
drwxr-xr-x root:root /var/vcap/bosh
-rw-r--r-- root:root /var/vcap/bosh/agent.json
drwxr-xr-x root:root /var/vcap/bosh/etc
drwxr-xr-x root:root /var/vcap/bosh/log
drwxr-xr-x root:root /var/vcap/bosh_ssh
drwxr-xr-x root:root /var/vcap/data
drwx------ root:vcap /var/vcap/data/blobs
drwx------ root:vcap /var/vcap/data/dynamic_disks
drwxr-x--- root:vcap /var/vcap/data/jobs
drwxr-x--- root:vcap /var/vcap/data/jobs/web
drwxr-xr-x root:vcap /var/vcap/data/packages
drwx------ root:vcap /var/vcap/data/sensitive_blobs
drwxr-xr-x root:vcap /var/vcap/data/sys
drwxr-x--- root:vcap /var/vcap/data/sys/log
drwxrwxrwt root:vcap /var/vcap/data/sys/run
drwxr-xr-x root:root /var/vcap/data/tmp
drwxrwx--- root:vcap /var/vcap/data/web
drwxr-xr-x root:root /var/vcap/instance
-rw-r--r-- root:root /var/vcap/instance/az
-rw-r--r-- root:root /var/vcap/instance/deployment
drwxr-xr-x root:root /var/vcap/instance/dns
-rw-r--r-- root:root /var/vcap/instance/health.json
-rw-r--r-- root:root /var/vcap/instance/id
-rw-r--r-- root:root /var/vcap/instance/name
drwxr-x--- root:vcap /var/vcap/jobs
lrwxrwxrwx root:root /var/vcap/jobs/web
drwxr-xr-x root:root /var/vcap/monit
-rw-r--r-- root:root /var/vcap/monit/empty.monitrc
-rw-r--r-- root:root /var/vcap/monit/stopped
drwxr-xr-x root:vcap /var/vcap/packages
lrwxrwxrwx root:root /var/vcap/sys
";
/// The mount for pid files, as recorded.
const RUN: &str = "tmpfs /var/vcap/data/sys/run tmpfs rw,relatime,size=16384k";

/// As `ls -l` writes it.
fn mode(bits: u32) -> String {
    let kind = match bits & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        _ => '-',
    };
    let letter = |at: usize| match (bits >> (8 - at)) & 1 {
        1 if at == 8 && bits & 0o1000 != 0 => 't',
        1 => ['r', 'w', 'x'][at % 3],
        _ => '-',
    };
    std::iter::once(kind).chain((0..9).map(letter)).collect()
}

/// Compares all that is recorded.
pub fn as_recorded() {
    let name = |id: u32| match id {
        0 => "root".to_owned(),
        1000 => "vcap".to_owned(),
        other => other.to_string(),
    };
    let mut found = String::new();
    for line in RECORDED.lines() {
        let path = line.rsplit_once(' ').unwrap().1;
        let about =
            std::fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let owner = format!("{}:{}", name(about.uid()), name(about.gid()));
        found += &format!("{} {owner} {path}\n", mode(about.mode()));
    }
    assert_eq!(found, RECORDED);
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    assert!(mounts.lines().any(|line| line.starts_with(RUN)), "{mounts}");
    // What jobs had of secrets is installed, and nowhere else.
    let blobs = std::fs::read_dir("/var/vcap/data/sensitive_blobs").unwrap();
    assert_eq!(blobs.count(), 0);
}
