//! A store that needs a loop device with XFS fails in a container; ours, beside it, does not.
//!
//! The steps are those of the stock server's image store, with the real util-linux and xfsprogs of
//! the machine bound into L1. Where the machine has a loop device for a file of the same path (a
//! stock server outside has: the path is a constant), libmount finds that device, cannot open it,
//! and says that the operation is "permitted for root only", to root. Otherwise the loop device
//! cannot be set up. With or without device nodes, it never works.

use warren_tests_conformance::garden::Server;

use crate::tower::Tower;

/// Programs of the machine in L1; its own are busybox.
const UTIL_LINUX: &str = "-m /usr:/usr:ro -m /lib:/lib:ro -m /lib64:/lib64:ro";

/// Makes the store as the stock server does; `$1` is the type, `$2` the mount's options, `$3` lets
/// mkfs go over what is there.
const INIT_STORE: &str = r#"
    mkdir -p "$S/unprivileged"
    truncate -s 512M "$S/unprivileged.backing-store"
    "/usr/sbin/mkfs.$1" $3 "$S/unprivileged.backing-store" >/dev/null 2>&1 || exit 90
    /usr/bin/mount -o "$2" -t "$1" "$S/unprivileged.backing-store" "$S/unprivileged" 2>&1
"#;
const NODES: &str = "mknod /dev/loop-control c 10 237
    for i in 0 1 2 3 4 5 6 7; do mknod /dev/loop$i b 7 $i; done";

#[test]
fn a_store_on_a_loop_device_fails_inside_and_ours_works() {
    assert!(
        std::path::Path::new("/usr/sbin/mkfs.xfs").exists(),
        "apt-get install xfsprogs"
    );
    let mut tower = Tower::on(Server::new());
    let store = tower.server.directory().join("data/grootfs/store");
    let store = store.display();
    let init = |tower: &Tower, level, kind: &str, options: &str| {
        let force = if kind == "xfs" { "-f" } else { "-F" };
        let script = format!("S={store}; set -- {kind} {options} {force}\n{INIT_STORE}");
        let output = tower.run(level, &script);
        (output.code, output.stdout.trim_end().to_owned())
    };
    let files = tower.seen_files();
    tower.nest(&format!("--rootfs {files}/rootfs.tar {UTIL_LINUX}"));

    let mounted = format!("mount: {store}/unprivileged");
    let refused = (
        1,
        format!("{mounted}: mount failed: Operation not permitted."),
    );
    for (kind, options) in [
        ("xfs", "loop,pquota,noatime"),
        ("xfs", "loop"),
        ("ext4", "loop"),
    ] {
        assert_eq!(init(&tower, 1, kind, options), refused, "{kind}");
    }
    tower.says(1, NODES);
    let no_device =
        format!("{mounted}: failed to setup loop device for {store}/unprivileged.backing-store.");
    let no_device = (32, no_device);
    for (kind, options) in [("xfs", "loop,pquota,noatime"), ("ext4", "loop")] {
        assert_eq!(init(&tower, 1, kind, options), no_device, "{kind}");
    }
    // On the machine the same steps work: it is the container that they fail in. (Of XFS and its
    // quota not every kernel knows.)
    assert_eq!(init(&tower, 0, "ext4", "loop"), (0, String::new()));
    let seed = (1, format!("{mounted}: operation permitted for root only."));
    assert_eq!(init(&tower, 1, "xfs", "loop,pquota,noatime"), seed);
    tower.says(0, &format!("umount {store}/unprivileged"));

    tower.serve();
    let ours = format!(
        "warren container create -n ours --rootfs {}/rootfs.tar >/dev/null
        warren container run ours --attach -- cat /proc/self/uid_map | tr -s ' '
        warren container destroy ours",
        tower.seen_files()
    );
    assert_eq!(tower.says(1, &ours), " 0 4294967294 1\n 1 1 4294967293");
    tower.leave();
    tower.destroy();
}
