//! `warren doctor` here, in poorer places, and what it leaves behind: nothing.
//!
//! Needs root, and `setpriv` and `unshare` (Debian: util-linux).
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end at the first surprise too"
)]

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Ran, WARREN, shell, warren};
use warren_sys_cgroup::{Cgroup, Layout};
use warren_sys_mount::MountTable;
use warren_sys_nft::Nft;
use warren_sys_process::namespaces::{Kind, in_new};

fn checks(ran: &Ran) -> Vec<Value> {
    ran.json()["checks"].as_array().unwrap().clone()
}

fn finding(ran: &Ran, name: &str) -> Value {
    let found = checks(ran).into_iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {ran:#?}"))
}

fn evidence(finding: &Value) -> String {
    let lines = finding["evidence"].as_array().unwrap();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    lines.join("\n")
}

fn names(ran: &Ran) -> Vec<String> {
    let name = |check: &Value| check["name"].as_str().unwrap().to_owned();
    checks(ran).iter().map(name).collect()
}

/// The code that the statuses stand for.
fn due_code(ran: &Ran) -> i32 {
    let has = |status| checks(ran).iter().any(|check| check["status"] == status);
    match (has("fail"), has("unknown")) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    }
}

#[test]
fn every_check_listed_is_done_once_and_the_exit_code_fits() {
    let listed = warren(&["doctor", "--list", "--json"]);
    assert_eq!(listed.code, 0);
    let ran = warren(&["doctor", "--json"]);
    assert_eq!(names(&ran), names(&listed));
    assert_eq!(ran.code, due_code(&ran), "{ran:#?}");
    for check in checks(&ran) {
        assert!(!evidence(&check).is_empty(), "{check}");
        let is_good = check["status"] == "pass";
        assert_eq!(check["remedy"].is_null(), is_good, "{check}");
    }
}

#[test]
fn people_get_a_table_with_a_sum() {
    let ran = warren(&["doctor", "--only", "kernel,epoll"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("Check   Status"), "{}", ran.out);
    assert!(
        ran.out
            .ends_with("2 passed, 0 with warnings, 0 failed, 0 unknown\n")
    );
}

/// Debian's of both make containers here; one that does not is named, with what it said.
#[test]
fn runtimes_are_tried() {
    let only = "exec $WARREN doctor --json --only container-runtimes";
    let found = finding(&shell(&["env"], only), "container-runtimes");
    assert_eq!(found["status"], "pass", "{found}");
    for name in ["runc (runc version ", "crun (crun version "] {
        assert!(evidence(&found).contains(name), "{found}");
    }
    let none = shell(&["env"], &format!("PATH=/nowhere; {only}"));
    let none = finding(&none, "container-runtimes");
    assert!(evidence(&none).contains("neither runc nor crun"), "{none}");
    let broken = "D=$(mktemp -d) && printf '#!/bin/sh\\necho odd machine >&2; exit 3\\n' >$D/crun && \
                  chmod 755 $D/crun && PATH=$D:$PATH $WARREN doctor --json --only container-runtimes; \
                  code=$?; rm -r $D; exit $code";
    let ran = shell(&["env"], broken);
    assert_eq!(ran.code, 0, "a warning: {ran:#?}");
    let found = finding(&ran, "container-runtimes");
    assert_eq!(found["status"], "warn", "{found}");
    let text = evidence(&found);
    assert!(
        text.contains("/crun: ") && text.contains("odd machine"),
        "{text}"
    );
    assert!(text.contains("runc (runc version "), "{text}");
    assert!(found["remedy"].as_str().unwrap().contains("--runtime"));
}

#[test]
fn an_unknown_check_is_refused() {
    let ran = warren(&["doctor", "--only", "nonsense"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("there is no check 'nonsense'"),
        "{}",
        ran.err
    );
}

/// How long it takes by the clock depends on what else the machine does; this does not.
#[test]
fn it_takes_little_of_the_processor() {
    let ran = shell(&["env"], "$WARREN doctor >/dev/null 2>&1 || true; times");
    let children = ran.out.lines().nth(1).unwrap();
    // Minutes and seconds, of the user and of the system.
    let seconds = |time: &str| -> Option<f64> {
        let (minutes, seconds) = time.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let sum: Option<f64> = children.split_whitespace().map(seconds).sum();
    let sum = sum.unwrap();
    assert!(sum > 0.0 && sum < 2.0, "{children}");
}

#[test]
fn nothing_is_left_behind() {
    let state = || {
        let mounts = MountTable::read("/proc".as_ref(), "thread-self").unwrap();
        let mounts: Vec<_> = mounts.iter().cloned().collect();
        let tables = Nft::open().unwrap().list_tables().unwrap();
        let tables: Vec<String> = tables.iter().map(|t| format!("{t:?}")).collect();
        (mounts, tables)
    };
    // Of our own, so that nobody else changes them meanwhile; children are made in them.
    let (before, pid, after) = in_new(&[Kind::Net, Kind::Mount], || {
        let before = state();
        let child = std::process::Command::new(WARREN)
            .arg("doctor")
            .stdout(std::process::Stdio::null())
            .spawn();
        let mut child = child.unwrap();
        let pid = child.id();
        child.wait().unwrap();
        (before, pid, state())
    })
    .expect("needs root");
    assert_eq!(after, before);
    let leftover = |name: &str| {
        let ours = [
            format!("warren-doctor-{pid}"),
            format!(".warren-doctor-{pid}"),
            format!("warren-probe-{pid}-"),
        ];
        ours.iter().any(|prefix| name.starts_with(prefix.as_str()))
    };
    let mut places: Vec<std::path::PathBuf> = vec!["/tmp".into()];
    let mounts = MountTable::read("/proc".as_ref(), "self").unwrap();
    for kind in ["cgroup", "cgroup2"] {
        places.extend(mounts.of_type(kind).map(|mount| mount.mount_point.clone()));
    }
    for place in places {
        let below = |dir: &std::path::Path| -> Vec<std::path::PathBuf> {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let mut open = vec![place.clone()];
        while let Some(dir) = open.pop() {
            for path in below(&dir) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                assert!(!leftover(&name), "{} was left", path.display());
                let is_tree = place.as_os_str() != "/tmp";
                if is_tree && path.is_dir() && !path.is_symlink() {
                    open.push(path);
                }
            }
        }
    }
}

#[test]
fn a_new_network_namespace_is_told_to_have_no_loopback() {
    let ran = shell(
        &["unshare", "-n"],
        "exec $WARREN doctor --json --only loopback,nftables",
    );
    assert_eq!(ran.code, 1, "{ran:#?}");
    let loopback = finding(&ran, "loopback");
    assert_eq!(loopback["status"], "fail");
    assert_eq!(loopback["remedy"], "ip link set lo up");
    assert_eq!(finding(&ran, "nftables")["status"], "pass");
}

#[test]
fn without_net_admin_the_firewall_fails_with_a_remedy() {
    let ran = shell(
        &["setpriv", "--bounding-set", "-net_admin"],
        "exec $WARREN doctor --json",
    );
    assert_eq!(ran.code, 1, "{ran:#?}");
    for name in ["capabilities", "bounding-set", "nftables"] {
        let found = finding(&ran, name);
        assert_eq!(found["status"], "fail", "{found}");
    }
    let capabilities = finding(&ran, "capabilities");
    assert!(evidence(&capabilities).contains("CAP_NET_ADMIN is not in force"));
    let nftables = finding(&ran, "nftables");
    assert!(
        nftables["remedy"]
            .as_str()
            .unwrap()
            .contains("CAP_NET_ADMIN")
    );
    assert_eq!(finding(&ran, "nft-socket")["status"], "unknown");
    // Who we are does not depend on it.
    assert_eq!(finding(&ran, "cgroup-identity")["status"], "pass");
}

#[test]
fn without_any_capability_all_checks_still_answer() {
    let ran = shell(
        &["setpriv", "--bounding-set", "-all"],
        "exec $WARREN doctor --json",
    );
    assert_eq!(ran.code, 1, "{ran:#?}");
    let listed = warren(&["doctor", "--list", "--json"]);
    assert_eq!(names(&ran), names(&listed));
    assert_eq!(finding(&ran, "capabilities")["status"], "fail");
}

#[test]
fn without_a_cgroup_mount_the_id_is_known_nevertheless() {
    let outside = warren(&["cgroup", "show", "--json"]).json()["identity"]["id"].clone();
    let ran = shell(
        &["unshare", "-m", "-C"],
        "umount -R /sys/fs/cgroup; exec $WARREN doctor --json --only \
         cgroup-mount,cgroup-versions,cgroup-identity,cgroup-namespace",
    );
    assert_eq!(ran.code, 0, "{ran:#?}");
    let mount = finding(&ran, "cgroup-mount");
    assert_eq!(mount["status"], "pass");
    let text = evidence(&mount);
    assert!(text.contains("no cgroup mount is visible"), "{text}");
    assert!(text.contains(&format!("id {outside} by")), "{text}");
    let identity = evidence(&finding(&ran, "cgroup-identity"));
    assert!(
        identity.contains("visible mount: no cgroup2 mount"),
        "{identity}"
    );
    assert!(evidence(&finding(&ran, "cgroup-versions")).contains("a mount of our own"));
    assert!(evidence(&finding(&ran, "cgroup-namespace")).contains("private"));
}

#[test]
fn an_inherited_descriptor_is_told() {
    let ran = shell(
        &["env"],
        "exec $WARREN doctor --json --only descriptors 9</etc/passwd",
    );
    assert_eq!(ran.code, 0);
    let found = finding(&ran, "descriptors");
    assert_eq!(found["status"], "warn", "{found}");
    assert!(evidence(&found).contains("9 is /etc/passwd"), "{found}");
}

/// A cgroup of our own for a test; it goes with the value.
struct Group(Option<Cgroup>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            group.remove(Duration::from_secs(2)).unwrap();
        }
    }
}

#[test]
fn in_a_deeper_cgroup_levels_are_measured_and_their_meaning_told() {
    let layout = Layout::discover().unwrap();
    let mount = layout
        .unified()
        .expect("no cgroup2 mount: mount -t cgroup2 none /sys/fs/cgroup/unified");
    let root = Cgroup::open(&mount.mount_point).unwrap();
    let name = format!("warren-test-level-{}", std::process::id());
    let group = Group(Some(root.create(&name).unwrap()));
    let id = group.0.as_ref().unwrap().id();
    let line = format!(
        "echo $$ > {}/cgroup.procs; exec $WARREN doctor --json --only \
         cgroup-identity,cgroup-own-processes,cgroup-level,cgroup-level-meaning,cgroup-child",
        mount.mount_point.join(&name).display()
    );
    let ran = shell(&["env"], &line);
    assert!(evidence(&finding(&ran, "cgroup-identity")).contains(&format!("id {id}; ")));
    let processes = evidence(&finding(&ran, "cgroup-own-processes"));
    assert!(
        processes.starts_with("1 processes in our cgroup"),
        "{processes}"
    );
    let level = evidence(&finding(&ran, "cgroup-level"));
    assert!(
        level.contains(&format!("cgroup id {id} is at level ")),
        "{level}"
    );
    let meaning = evidence(&finding(&ran, "cgroup-level-meaning"));
    assert!(
        meaning.starts_with("levels count from the root of the"),
        "{meaning}"
    );
    assert_ne!(finding(&ran, "cgroup-child")["status"], "fail", "{ran:#?}");
}

/// What containers need, as far as this machine has it.
const CONTAINERS: &str = "container-namespaces,container-ids,container-mounts,container-rootfs,\
                          container-seccomp,container-capabilities,container-links,container-nat,\
                          ip-forward,foreign-drops,network-pool,headroom,garden-server";

#[test]
fn all_that_containers_need_is_here() {
    let ran = shell(
        &["unshare", "-n"],
        &format!("exec $WARREN doctor --json --only {CONTAINERS}"),
    );
    for found in checks(&ran) {
        let status = found["status"].as_str().unwrap();
        assert!(matches!(status, "pass" | "warn"), "{found}");
        if found["name"] != "container-capabilities" {
            assert_eq!(status, "pass", "{found}");
        }
    }
    let nat = evidence(&finding(&ran, "container-nat"));
    assert!(nat.contains("forwarded and masqueraded"), "{nat}");
}

#[test]
fn a_hidden_proc_and_a_missing_capability_cost_what_is_told() {
    // As outer runtimes hide parts of it.
    let hidden = shell(
        &["unshare", "-m"],
        "mount -t tmpfs none /proc/acpi || mount -t tmpfs none /proc/scsi || \
         mount -t tmpfs none /proc/fs; exec $WARREN doctor --json --only \
         container-mounts",
    );
    let mounts = finding(&hidden, "container-mounts");
    assert_eq!(mounts["status"], "warn", "{mounts}");
    assert!(evidence(&mounts).contains("proc for /proc"), "{mounts}");
    let poor = shell(
        &["setpriv", "--bounding-set", "-net_raw"],
        "exec $WARREN doctor --json --only container-capabilities",
    );
    let found = finding(&poor, "container-capabilities");
    assert_eq!(found["status"], "warn");
    assert!(
        evidence(&found).contains("lacks CAP_NET_RAW: no ping"),
        "{found}"
    );
}

#[test]
fn a_pool_in_use_is_passed_over_and_a_closed_forward_chain_told() {
    let ran = shell(
        &["unshare", "-n"],
        "ip link add there type veth peer name here && ip addr add 10.254.1.1/24 dev here && \
         nft 'add table ip theirs; add chain ip theirs FORWARD { type filter hook forward priority \
         0; policy drop; }' && exec $WARREN doctor --json --only network-pool,foreign-drops",
    );
    assert_eq!(ran.code, 0, "{ran:#?}");
    let pool = finding(&ran, "network-pool");
    // Another one is taken.
    assert_eq!(pool["status"], "pass", "{pool}");
    let text = evidence(&pool);
    assert!(text.contains("takes 10.254.4.0/22"), "{text}");
    assert!(text.contains("10.254.1.0/24 is in use here"), "{text}");
    let drops = finding(&ran, "foreign-drops");
    assert_eq!(drops["status"], "warn", "{drops}");
    assert!(
        drops["remedy"]
            .as_str()
            .unwrap()
            .contains("iptables -I FORWARD")
    );
}

#[test]
fn a_route_over_all_pools_is_in_the_way() {
    let ran = shell(
        &["unshare", "-n"],
        "ip link set lo up && ip route add 10.0.0.0/8 dev lo && exec $WARREN doctor --json --only \
         network-pool",
    );
    let pool = finding(&ran, "network-pool");
    assert_eq!(pool["status"], "warn", "{pool}");
    assert!(evidence(&pool).contains("10.0.0.0/8 is in use"), "{pool}");
}

#[test]
fn the_store_that_is_asked_about_is_tried_and_left_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("not/there/yet");
    let ran = warren(&[
        "doctor",
        "--json",
        "--only",
        "container-rootfs",
        "--store",
        store.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let text = evidence(&finding(&ran, "container-rootfs"));
    assert!(text.starts_with(store.to_str().unwrap()), "{text}");
    assert!(text.contains("\ncopy: works"), "{text}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

/// Most machines' disks are not mounted with project quotas; tests/vm has file systems that are.
#[test]
fn disk_limits_are_tried_and_it_is_told_what_they_lack() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("store");
    let at = store.to_str().unwrap();
    let ran = warren(&["doctor", "--json", "--only", "disk-limits", "--store", at]);
    let found = finding(&ran, "disk-limits");
    let text = evidence(&found);
    assert!(text.starts_with(at), "{text}");
    match found["status"].as_str().unwrap() {
        "pass" => assert!(text.contains("kept by project quotas"), "{text}"),
        "warn" => {
            assert!(text.contains("nothing stops a writer"), "{text}");
            assert!(text.contains("asking for project quotas"), "{text}");
            let remedy = found["remedy"].as_str().unwrap();
            assert!(remedy.contains("prjquota"), "{remedy}");
        }
        other => panic!("{other}: {found}"),
    }
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn what_listens_at_the_usual_place_is_asked() {
    let ask = |target: &str| {
        let line =
            format!("WARREN_GARDEN={target} exec $WARREN doctor --json --only garden-server");
        finding(
            &shell(&["env", "-u", "GAOL_TARGET"], &line),
            "garden-server",
        )
    };
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let hangs = free.local_addr().unwrap().to_string();
    let found = ask(&hangs);
    assert_eq!(found["status"], "warn", "{found}");
    assert!(evidence(&found).contains("does not answer"), "{found}");
    let nobodys = warren_tests_harness::Port::of_loopback();
    let found = ask(&format!("127.0.0.1:{}", nobodys.number()));
    assert_eq!(found["status"], "pass", "{found}");
    assert!(evidence(&found).starts_with("no server at"), "{found}");
}
