//! Who in a machine reaches monit and the bus, asked from inside it.

use std::fmt::Write as _;

/// A job's group as bpm makes it. The script that follows is in it.
const JOB: &str = "tree=$(grep -o ' /sys/fs/cgroup[^ ]* .* - cgroup2 ' /proc/self/mountinfo | head -n1 | cut -d' ' -f2)
mkdir -p $tree/bpm-job$$ && echo $$ >$tree/bpm-job$$/cgroup.procs || exit 7";
/// What a job that may talk to monit runs first.
const ASKS: &str = "/var/vcap/bosh/bin/bosh-enable-monit-access >/dev/null || exit 8";
/// `reach ADDRESS PORT` with what the machine's image has for it.
const REACH: &str = r#"reach() {
    if type nc; then nc -w 2 $1 $2; else timeout 2 bash -c "exec 3<>/dev/tcp/$1/$2"; fi
} </dev/null >/dev/null 2>&1"#;

/// Only agents reach both, and a job that asks for it monit, and not the bus. `inside` runs a script
/// in the machine as root and wants it to succeed; bus and blobstore are at `director`.
///
/// # Panics
/// If it is otherwise.
#[track_caller]
pub fn assert_only_agents_reach_monit_and_the_bus(inside: impl Fn(&str) -> String, director: &str) {
    let reached = |before: &str| {
        let mut script = format!("{REACH}\n{before}\n");
        for (name, address, port) in [
            ("monit", "127.0.0.1", 2822),
            ("bus", director, 4222),
            ("blobstore", director, 25250),
        ] {
            let _ = writeln!(script, "reach {address} {port} && echo {name}");
        }
        inside(&format!("{script}true"))
    };
    // The network is not what is in the way.
    assert_eq!(reached(""), "blobstore\n");
    assert_eq!(reached(JOB), "blobstore\n");
    let asked = reached(&format!("{JOB}\n{ASKS}"));
    assert_eq!(asked, "monit\nblobstore\n");
    // That lets nobody else.
    assert_eq!(reached(""), "blobstore\n");
}
