//! Jobs without bpm and the supervisor's port: closed to all, open to the one that asks, as jobs do
//! with `bosh-enable-monit-access` in their control scripts.

use crate::support::until;

/// Two jobs that tell again and again whether they reach the supervisor; one asks to be let in.
pub(super) const FILES: [(&str, &str); 4] = [
    ("./asks/monit", ASKS),
    ("./asks/bin/ctl", ASKS_CTL),
    ("./other/monit", OTHER),
    ("./other/bin/ctl", OTHER_CTL),
];

const ASKS: &str = "check process asks\n  with pidfile /var/vcap/sys/run/asks/pid\n\
    start program \"/var/vcap/jobs/asks/bin/ctl start\"\n\
    stop program \"/var/vcap/jobs/asks/bin/ctl stop\"\n  group vcap\n";
const OTHER: &str = "check process other\n  with pidfile /var/vcap/sys/run/other/pid\n\
    start program \"/var/vcap/jobs/other/bin/ctl start\"\n\
    stop program \"/var/vcap/jobs/other/bin/ctl stop\"\n  group vcap\n";
const ASKS_CTL: &str = "#!/bin/bash\ncd /var/vcap/sys/run/asks\n\
    probe() { (exec 3<>/dev/tcp/127.0.0.1/2822) 2>/dev/null && echo reached || echo refused; }\n\
    case $1 in\n\
    start)\n  probe >before\n\
      /var/vcap/bosh/bin/bosh-enable-monit-access >asked 2>&1; echo $? >>asked\n\
      probe >after\n  setsid sleep 1000 >/dev/null 2>&1 & echo $! >pid;;\n\
    stop) kill $(cat pid); rm pid;;\nesac\n";
const OTHER_CTL: &str = "#!/bin/bash\ncd /var/vcap/sys/run/other\n\
    loop() { while :; do\n\
      (exec 3<>/dev/tcp/127.0.0.1/2822) 2>/dev/null && echo reached || echo refused; sleep 0.1\n\
    done; }\n\
    case $1 in\n\
    start) loop >told 2>/dev/null & echo $! >pid;;\n\
    stop) kill $(cat pid); rm pid;;\nesac\n";

fn told(path: &str) -> String {
    std::fs::read_to_string(format!("/var/vcap/sys/run/{path}")).unwrap_or_default()
}

/// The group of the process that a pidfile names, from the namespace's root.
fn group(path: &str) -> String {
    let pid = told(path);
    let text = std::fs::read_to_string(format!("/proc/{}/cgroup", pid.trim())).unwrap();
    let line = text.lines().find(|line| line.starts_with("0::"));
    line.unwrap().to_owned()
}

/// The jobs run.
pub(super) fn only_who_asked() {
    assert_eq!(told("asks/before"), "refused\n");
    let asked = told("asks/asked");
    assert!(asked.ends_with("\n0\n"), "{asked}");
    assert!(asked.contains("Job 'asks' may now reach monit"), "{asked}");
    assert_eq!(told("asks/after"), "reached\n");
    // The other one is asked after that, and is no better off.
    let before = told("other/told").lines().count();
    until("the other job has tried again", || {
        told("other/told").lines().count() > before + 1
    });
    assert!(!told("other/told").contains("reached"));
    assert!(group("asks/pid").ends_with("/warren-job-asks"));
    assert!(group("other/pid").ends_with("/warren-job-other"));
}
