//! Systemd as pid 1 of a container.
//!
//! The server is a service of the machine's, started with an init program as the stock job has it:
//! a script that executes the container's own `/sbin/init`. The container's root is the machine's,
//! with a writable layer over it that takes away what belongs to the machine alone.

use std::time::{Duration, Instant};

use warren_tests_harness::protocol::Program;
use warren_tests_vm::Vm;

use crate::turn;

const FOLDER: &str = "/var/tmp/warren-test-systemd";
const BOOT_MS: u64 = 140_000;

/// The machine's root with a layer over it, in `$F/root`.
const ROOT: &str = "mkdir -p $F/upper/etc/systemd/system $F/work $F/root
    : >$F/upper/etc/fstab
    ln -s /dev/null $F/upper/etc/systemd/system/warren-agent.service
    mount -t overlay overlay -o lowerdir=/,upperdir=$F/upper,workdir=$F/work $F/root";
const INIT: &str = "printf '#!/bin/sh\\nexec /sbin/init\\n' >$F/init && chmod 755 $F/init";
const SERVE: &str = "systemd-run --quiet --unit=garden.service -p Delegate=yes \\
    -p StandardError=append:$F/log /warren serve garden --bind-socket $F/sock --depot $F/depot \\
    --store $F/store --init-bin $F/init";

/// Boots such a container and wants systemd to come up in it.
#[track_caller]
fn boot(flags: &str, group: &str) {
    let vm = Vm::shared();
    let _turn = turn::take();
    let shell = |script: &str| {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        vm.actor().run_program(Program {
            argv,
            env: vec![
                ("F".to_owned(), FOLDER.to_owned()),
                ("WARREN_GARDEN".to_owned(), format!("{FOLDER}/sock")),
            ],
            stdin: String::new(),
            timeout_ms: BOOT_MS,
        })
    };
    shell(&format!("set -e; {ROOT}; {INIT}; {SERVE}")).success();
    let deadline = Instant::now() + Duration::from_secs(60);
    while shell("/warren container ping").code != 0 {
        assert!(Instant::now() < deadline, "{}", shell("cat $F/log").stdout);
    }
    let create =
        format!("/warren container create -n booted --privileged -r raw://$F/root {flags}");
    let created = shell(&create);
    assert_eq!(
        created.code,
        0,
        "{created:?} {}",
        shell("cat $F/log").stdout
    );
    let run = |command: &str| {
        shell(&format!(
            "/warren container run booted --attach -- {command}"
        ))
    };
    // The bus takes a moment to be there to be asked.
    let state = loop {
        let state = run("systemctl is-system-running --wait").stdout;
        if matches!(state.trim(), "running" | "degraded") {
            break state;
        }
        assert!(
            Instant::now() < deadline + Duration::from_millis(BOOT_MS),
            "{state} {:?}",
            run("systemctl list-jobs")
        );
    };
    let failed = run("systemctl --failed --no-legend --plain").stdout;
    println!("{}: failed units: {failed:?}", state.trim());
    assert_eq!(
        run("readlink /proc/1/exe").stdout.trim(),
        "/usr/lib/systemd/systemd"
    );
    assert_eq!(
        run("systemctl is-active multi-user.target").stdout,
        "active\n"
    );
    let groups = run("cat /proc/1/cgroup").stdout;
    assert_eq!(groups.trim(), format!("0::{group}/init.scope"));
    // A service of it gets a group and a limit.
    let service = "systemd-run --wait --pipe --quiet -p MemoryMax=33554432 sh -c \
                   'cat /sys/fs/cgroup$(cut -c4- /proc/self/cgroup)/memory.max'";
    assert_eq!(run(service).stdout, "33554432\n");
    shell("/warren container destroy booted").success();
    shell("systemctl stop garden.service; umount $F/root; rm -r $F").success();
}

#[test]
fn it_boots_with_groups_of_its_own() {
    boot("", "");
}

#[test]
fn it_boots_with_the_machines_groups_bound_in() {
    let path = "/system.slice/garden.service/garden/booted/init";
    boot("-m /sys/fs/cgroup:/sys/fs/cgroup", path);
}
