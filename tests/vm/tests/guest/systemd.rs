//! Systemd as pid 1 of a container.
//!
//! The server is a service of the machine's, started with an init program as the stock job has it:
//! a script that executes the container's own `/sbin/init`. The container's root is the machine's,
//! with a writable layer over it that takes away what belongs to the machine alone.

use std::time::{Duration, Instant};

use warren_tests_harness::protocol::Program;
use warren_tests_vm::Turn;

use crate::cpi::Cpi;
use crate::scene::RETRY;

const FOLDER: &str = "/var/tmp/warren-test-systemd";
const BOOT_MS: u64 = 600_000;
/// Units that may fail, since a container is no machine: none that the machine's root has.
const MAY_FAIL: [&str; 0] = [];

/// The machine's root with a layer over it, in `$F/root`.
///
/// What an earlier container left when its test failed goes first, so that one failure is not two.
const ROOT: &str = "systemctl stop garden.service 2>/dev/null || true
    systemctl reset-failed garden.service 2>/dev/null || true
    ! mountpoint -q $F/root || umount -l $F/root
    rm -rf $F
    mkdir -p $F/upper/etc/systemd/system $F/work $F/root
    : >$F/upper/etc/fstab
    ln -s /dev/null $F/upper/etc/systemd/system/warren-agent.service
    mount -t overlay overlay -o lowerdir=/,upperdir=$F/upper,workdir=$F/work $F/root";
const INIT: &str = "printf '#!/bin/sh\\nexec /sbin/init\\n' >$F/init && chmod 755 $F/init";
const SERVE: &str = "systemd-run --quiet --unit=garden.service $UNIT \\
    -p StandardError=append:$F/log /warren serve garden --bind-socket $F/sock --depot $F/depot \\
    --store $F/store --init-bin $F/init";
const DELEGATED: &str = "UNIT='-p Delegate=yes'";

/// A server in the container, as a service there, whose containers are below a unit of the systemd
/// there.
const INNER: &str = r#"set -e
exec 2>&1
mkdir -p /inner/r/bin /inner/r/etc /inner/r/proc /inner/r/tmp
cp /bin/busybox /inner/r/bin/
ln -s busybox /inner/r/bin/cat
echo root:x:0:0::/: >/inner/r/etc/passwd
tar -C /inner/r -cf /inner/rootfs.tar .
systemd-run --quiet --unit=garden.service -p StandardError=append:/inner/log \
    /warren serve garden --cgroup-driver systemd --bind-socket /inner/sock --depot /inner/depot \
    --default-rootfs /inner/rootfs.tar
export WARREN_GARDEN=/inner/sock
tries=300
until /warren container ping >/dev/null 2>&1; do
    tries=$((tries-1)); [ $tries -gt 0 ] || { cat /inner/log; exit 1; }; sleep 0.2
done
/warren container create -n deep --limit-memory 33554432 --limit-pids 30 >/dev/null
systemctl daemon-reload
cd /sys/fs/cgroup$(systemctl show --value -p ControlGroup garden-containers.scope)/garden/deep
cat memory.max pids.max
/warren container run deep --attach -- cat /proc/self/cgroup
systemctl stop garden.service
"#;
const INNER_LATER: &str = r#"set -e
exec 2>&1
export WARREN_GARDEN=/inner/sock
systemd-run --quiet --unit=garden.service -p StandardError=append:/inner/log \
    /warren serve garden --cgroup-driver systemd --bind-socket /inner/sock --depot /inner/depot \
    --default-rootfs /inner/rootfs.tar
tries=300
until /warren container ping >/dev/null 2>&1; do
    tries=$((tries-1)); [ $tries -gt 0 ] || { cat /inner/log; exit 1; }; sleep 0.2
done
/warren container run deep --attach -- cat /proc/self/cgroup
/warren container destroy deep
systemctl stop garden.service
systemctl list-units --all --no-legend garden-containers.scope
"#;

/// The same once more in the container: its root with a layer over it, a server as a service, systemd.
const DEEPER: &str = r#"set -e
exec 2>&1
mkdir /inner && mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
printf '#!/bin/sh\nexec /sbin/init\n' >/inner/init && chmod 755 /inner/init
systemd-run --quiet --unit=garden.service -p Delegate=yes -p StandardError=append:/inner/log \
    /warren serve garden --bind-socket /inner/sock --depot /inner/depot --store /mnt/store \
    --init-bin /inner/init
export WARREN_GARDEN=/inner/sock
tries=300
until /warren container ping >/dev/null 2>&1; do
    tries=$((tries-1)); [ $tries -gt 0 ] || { cat /inner/log; exit 1; }; sleep 0.2
done
/warren container create -n deep --privileged -r raw:///mnt/root >/dev/null
run() { /warren container run deep --attach -- "$@" 2>/dev/null; }
state=
until [ "$state" = running ] || [ "$state" = degraded ]; do
    tries=$((tries-1)); [ $tries -gt 0 ] || { run systemctl list-jobs; exit 1; }; sleep 0.2
    state=$(run systemctl is-system-running --wait) || true
done
run systemctl --failed --no-legend --plain
run systemctl is-active multi-user.target
run cat /proc/1/comm /proc/1/cgroup
/warren container destroy deep
systemctl stop garden.service
until umount /mnt/root && umount /mnt; do
    tries=$((tries-1)); [ $tries -gt 0 ] || exit 1; sleep 0.2
done 2>/dev/null
"#;

/// Who makes the container.
enum Made<'a> {
    /// A client of the server's, with these flags.
    ByHand(&'a str),
    /// The CPI, of a stemcell.
    ByCpi,
}

/// Boots such a container and wants systemd to come up in it; then `further` is asked inside.
#[track_caller]
fn boot(serve: (&str, &str), made: &Made<'_>, group: &str, further: &[(&str, &str)]) {
    let turn = Turn::take();
    let vm = turn.vm();
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
    let (unit, server_flags) = serve;
    let start = format!("{unit}; {SERVE} {server_flags}");
    shell(&format!("set -e; {ROOT}; {INIT}; {start}")).success();
    let deadline = Instant::now() + Duration::from_secs(600);
    while shell("/warren container ping").code != 0 {
        assert!(Instant::now() < deadline, "{}", shell("cat $F/log").stdout);
    }
    let (handle, cpi) = match made {
        Made::ByCpi => {
            let cpi = Cpi::new(&shell, FOLDER);
            (cpi.create(FOLDER), Some(cpi))
        }
        Made::ByHand(flags) => {
            let create = "/warren container create -n booted --privileged -r raw://$F/root";
            let created = shell(&format!("{create} {flags}"));
            let log = || shell("cat $F/log").stdout;
            assert_eq!(created.code, 0, "{created:?} {}", log());
            ("booted".to_owned(), None)
        }
    };
    let group = group.replace("HANDLE", &handle);
    let run = |command: &str| {
        shell(&format!(
            "/warren container run {handle} --attach -- {command}"
        ))
    };
    // The bus takes a moment to be there to be asked. What is degraded has units that failed.
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
    let failed = run("systemctl --failed --no-legend --plain");
    let units = failed
        .stdout
        .lines()
        .filter_map(|line| line.split(' ').next());
    let unexpected: Vec<&str> = units.filter(|unit| !MAY_FAIL.contains(unit)).collect();
    assert!(
        failed.code == 0 && unexpected.is_empty(),
        "{}: {failed:?}",
        state.trim()
    );
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
    let limit = run(service);
    assert_eq!(
        limit.stdout,
        "33554432\n",
        "{limit:?} {:?}",
        run(
            "sh -c 'cd /sys/fs/cgroup && find . -name cgroup.subtree_control | xargs grep -H .; \
             cat cgroup.controllers; journalctl -b --no-pager | grep -i cgroup'"
        )
    );
    for (script, answer) in further {
        shell(&format!("cat >$F/root/script <<'EOF'\n{script}\nEOF")).success();
        let output = run("sh /script");
        assert_eq!(
            (output.stdout.as_str(), output.code),
            (*answer, 0),
            "{output:?}"
        );
    }
    match &cpi {
        Some(cpi) => cpi.assert_whole(&handle, FOLDER, &run),
        None => drop(shell("/warren container destroy booted").success()),
    }
    // What was in it ends in its own time.
    let close =
        format!("{RETRY} systemctl stop garden.service && retry umount $F/root && rm -r $F");
    shell(&close).success();
}

#[test]
fn it_boots_with_groups_of_its_own_and_in_it_another() {
    let further = [(DEEPER, "active\nsystemd\n0::/init.scope\n")];
    let made = Made::ByHand("-m /host:/host:ro");
    boot((DELEGATED, ""), &made, "", &further);
}

#[test]
fn it_boots_with_the_machines_groups_bound_in_by_the_cpi() {
    let path = "/system.slice/garden.service/garden/HANDLE/init";
    boot((DELEGATED, ""), &Made::ByCpi, path, &[]);
}

#[test]
fn servers_at_both_levels_keep_their_containers_in_units() {
    let driver = ("UNIT=", "--cgroup-driver systemd");
    let further = [(INNER, "33554432\n30\n0::/\n"), (INNER_LATER, "0::/\n")];
    let made = Made::ByHand("-m /host:/host:ro");
    boot(driver, &made, "", &further);
}
