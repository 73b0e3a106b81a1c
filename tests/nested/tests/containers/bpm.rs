//! Processes of jobs in a container in a container: they start and stop as on a machine, the outer
//! containers' device filters stay as they are, and nothing is said about them. With `inherited` they are
//! all that there is, and hold.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use warren_sys_devicefilter::bpf;
use warren_tests_conformance::garden::Server;
use warren_tests_harness::{Leaks, cgroup};

use crate::tower::Tower;

/// A `/var/vcap` with one job, and the user that it runs as.
const JOB: &str = r#"
    grep -q vcap /etc/passwd || echo vcap:x:1000:1000::/:/bin/sh >>/etc/passwd
    grep -q vcap /etc/group || echo vcap:x:1000: >>/etc/group
    cd /var; mkdir -p vcap/jobs/web/config vcap/jobs/bpm/bin vcap/packages vcap/data/packages \
        vcap/sys/run vcap/sys/log vcap/store
    ln -sf /bin/warren vcap/jobs/bpm/bin/bpm
    cat >vcap/jobs/web/config/bpm.yml <<EOF
processes:
- name: web
  executable: /bin/sh
  args: [-c, 'trap "echo bye; exit" TERM; id -u; cat /proc/1/comm; head -c 4 /dev/zero | wc -c;
    echo ready; while :; do sleep 0.05; done']
  limits: {memory: 64M, processes: 50, open_files: 200}
  ephemeral_disk: true
  persistent_disk: true
EOF
"#;

/// Starts, looks, stops. Says nothing but what it is asked for.
const LIFE: &str = r#"
    bpm=/var/vcap/jobs/bpm/bin/bpm
    $bpm start web <&- 5</etc/passwd 9</ || exit 1
    until grep -qs ready /var/vcap/sys/log/web/web.stdout.log; do sleep 0.05; done
    cat /var/vcap/sys/log/web/web.stdout.log
    pid=$(cat /var/vcap/sys/run/bpm/web/web.pid)
    [ "$($bpm pid web)" = "$pid" ] && kill -0 $pid && echo watched
    $bpm list | tail -1 | tr -s ' ' | cut -d' ' -f1,3
    if grep -q warren-bpm /proc/$pid/cgroup; then echo grouped; fi
"#;

/// What the process has open, and the one that it was started by.
const OPEN: &str = r#"
    pid=$(/var/vcap/jobs/bpm/bin/bpm pid web)
    for each in $pid $(cat /proc/$pid/task/$pid/children); do
        # 5 and 9 are what bpm was started with.
        for fd in 0 1 2 5 9; do
            [ ! -e /proc/$each/fd/$fd ] || echo $fd $(readlink /proc/$each/fd/$fd)
        done
    done
"#;

const OPENED: &str = "0 /dev/null\n1 /var/vcap/sys/log/web/web.stdout.log\n2 \
    /var/vcap/sys/log/web/web.stderr.log\n";

/// Tries a device that no container here has, as a process with all capabilities.
const PROBE: &str = r#"
    mkdir -p /var/vcap/jobs/probe/config
    cat >/var/vcap/jobs/probe/config/bpm.yml <<EOF
processes:
- name: probe
  executable: /bin/sh
  args: [-c, 'busybox mknod /dev/probe b 7 0; (: </dev/probe) 2>&1; (: </dev/null) && echo null opens']
  unsafe: {privileged: true}
EOF
    /var/vcap/jobs/bpm/bin/bpm run probe
"#;

const STOP: &str = r#"
    bpm=/var/vcap/jobs/bpm/bin/bpm
    pid=$($bpm pid web); $bpm stop web || exit 1
    tail -n 1 /var/vcap/sys/log/web/web.stdout.log
    [ -e /var/vcap/sys/run/bpm/web/web.pid ] && echo a pid file is left
    cat /var/vcap/sys/log/web/web.stderr.log; grep -v '"level":"info"' /var/vcap/sys/log/web/bpm.log
    rm -r /var/vcap
"#;

/// The device programs on every group of the server and its containers. Those of the machine's
/// other groups are nobody's business here, and theirs to change.
fn programs(server: &Server) -> BTreeMap<PathBuf, Vec<u32>> {
    let unified = cgroup::root();
    let groups = server.groups();
    let root = groups.iter().find(|group| group.starts_with(&unified));
    let groups = std::iter::once(PathBuf::new()).chain(cgroup::below(root.unwrap()));
    groups
        .filter_map(|path| {
            let directory = File::open(root.unwrap().join(&path)).ok()?;
            Some((path, bpf::query(directory.as_fd()).ok()?.ids))
        })
        .collect()
}

#[test]
fn jobs_run_at_every_level_and_leave_the_outer_filters_alone() {
    let leaks = Leaks::snapshot();
    let mut tower = Tower::on(Server::new());
    for level in 1..=2 {
        let image = format!("--rootfs {}/rootfs.tar", tower.seen_files());
        tower.nest(&image);
        for (whose, filters) in [("own", 1), ("inherited", 0)] {
            starts_and_stops(&tower, level, whose, filters);
        }
        if level < 2 {
            tower.serve();
        }
    }
    while tower.depth() > 0 {
        tower.destroy();
        if tower.depth() > 0 {
            tower.leave();
        }
    }
    drop(tower);
    leaks.assert_same();
}

/// A job at a level, whose process has as many device filters of its own.
#[track_caller]
fn starts_and_stops(tower: &Tower, level: usize, whose: &str, filters: usize) {
    let chosen = format!("export WARREN_BPM_DEVICES={whose}");
    tower.says(level, JOB);
    let before = programs(&tower.server);
    let life = tower.run(level, &format!("{chosen}\n{LIFE}"));
    let expected = "1000\nbpm-init\n4\nready\nwatched\nweb running\ngrouped\n";
    assert_eq!(
        (life.code, life.stdout.as_str()),
        (0, expected),
        "L{level}: {life:#?}"
    );
    assert_eq!(life.stderr, "", "L{level}: nothing is said about filters");
    let during = programs(&tower.server);
    for (group, ids) in &before {
        assert_eq!(during.get(group), Some(ids), "{}", group.display());
    }
    let new: Vec<_> = during
        .iter()
        .filter(|(group, _)| !before.contains_key(*group))
        .collect();
    let filtered = new.iter().filter(|(_, ids)| !ids.is_empty()).count();
    assert!(!new.is_empty());
    assert_eq!(filtered, filters, "{whose}: {new:?}");
    let open = tower.says(level, OPEN);
    assert_eq!(format!("{open}\n"), OPENED.repeat(2), "L{level} {whose}");
    let probe = tower.says(level, &format!("{chosen}\n{PROBE}"));
    assert!(
        probe.contains("Operation not permitted") && probe.ends_with("null opens"),
        "L{level} {whose}: {probe}"
    );
    let stop = tower.run(level, STOP);
    assert_eq!(
        (stop.code, stop.stdout.as_str(), stop.stderr.as_str()),
        (0, "bye\n", ""),
        "L{level}"
    );
    // The group that a process's are in is gone as well.
    assert_eq!(programs(&tower.server), before, "L{level}");
}

#[test]
fn without_a_container_of_its_own_a_job_runs_where_nothing_may_be_mounted() {
    let leaks = Leaks::snapshot();
    let mut tower = Tower::on(Server::new());
    let files = tower.seen_files();
    tower.nest(&format!("--rootfs {files}/rootfs.tar"));
    tower.serve();
    // An unprivileged container, whose root may make groups but no device filter.
    let make = format!(
        "warren container create -n plain --rootfs {0}/rootfs.tar -m {0}/warren:/bin/warren:ro",
        tower.seen_files()
    );
    assert_eq!(tower.says(1, &make), "plain");
    tower.adopt("plain");
    tower.says(2, JOB);
    tower.says(2, "sed -i /limits/d /var/vcap/jobs/web/config/bpm.yml");
    let refused = tower.run(2, "/var/vcap/jobs/bpm/bin/bpm start web");
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(
        refused
            .stderr
            .starts_with("Error: failed to start job-process: "),
        "{refused:#?}"
    );
    let life = tower.run(2, &format!("export WARREN_BPM_ISOLATION=direct\n{LIFE}"));
    assert_eq!((life.code, life.stderr.as_str()), (0, ""), "{life:#?}");
    for line in ["1000", "ready", "watched", "web running"] {
        assert!(
            life.stdout.lines().any(|each| each == line),
            "{line}: {life:#?}"
        );
    }
    let stop = tower.run(2, STOP);
    assert!(stop.stdout.starts_with("bye\n"), "{stop:#?}");
    tower.destroy();
    tower.leave();
    tower.destroy();
    drop(tower);
    leaks.assert_same();
}
