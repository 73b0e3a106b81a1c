//! Mount tables as hosts and containers show them, and junk.

use std::path::Path;

use proptest::prelude::*;

use super::*;

const BASE: &str = "\
1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
2 1 0:5 / /proc rw,nosuid shared:2 - proc proc rw
3 1 0:6 / /sys rw shared:3 - sysfs sysfs rw
4 3 0:7 / /sys/fs/cgroup ro,nosuid shared:4 - tmpfs tmpfs ro,mode=755,size=4k
5 4 0:8 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw,nsdelegate
";

fn table(text: &str) -> MountTable {
    MountTable::parse(text.as_bytes()).unwrap()
}

fn covering(table: &MountTable, path: &str) -> Option<u32> {
    table.covering(Path::new(path)).map(|m| m.id)
}

#[test]
fn every_field_is_taken() {
    let t = table(
        "36 35 98:7 /a\\040b /c\\134d\\043 rw,noatime shared:3 master:1 propagate_from:2 \
         unbindable later:x - fuse.ssh\\011fs  rw,a=b c,d",
    );
    let m = t.iter().next().unwrap();
    assert_eq!((m.id, m.parent), (36, 35));
    assert_eq!(
        m.device,
        Device {
            major: 98,
            minor: 7
        }
    );
    assert_eq!(m.root, Path::new("/a b"));
    assert_eq!(m.mount_point, Path::new("/c\\d#"));
    assert!(m.options.has("noatime") && !m.options.has("atime"));
    assert_eq!(m.propagation.shared, Some(3));
    assert_eq!(m.propagation.master, Some(1));
    assert_eq!(m.propagation.propagate_from, Some(2));
    assert!(m.propagation.unbindable && !m.propagation.is_private());
    assert_eq!(m.propagation.unknown, ["later:x"]);
    assert_eq!(m.fs_type, "fuse.ssh\tfs");
    assert_eq!(m.source, "");
    assert_eq!(m.super_options.value("a").unwrap(), "b c");
    assert_eq!(m.super_options.value("d"), None);
}

#[test]
fn roots_outside_the_namespace_are_kept() {
    let t = table("9 1 0:8 /../.. /mnt rw - cgroup2 cgroup2 rw");
    assert_eq!(t.iter().next().unwrap().root.as_os_str(), "/../..");
}

#[test]
fn a_bad_line_is_named() {
    let error = MountTable::parse(b"1 0 8:1 / / rw - ext4 x rw\n1 0 8 / / rw - t s o").unwrap_err();
    assert_eq!(
        error,
        ParseError {
            line: 2,
            kind: ParseErrorKind::NotANumber("device")
        }
    );
    let error = MountTable::parse(b"1 0 8:1 / / rw shared:1").unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::Missing("separator"));
    assert!(MountTable::parse(b"+1 0 8:1 / / rw - t s o").is_err());
}

#[test]
fn super_options_may_be_missing() {
    assert_eq!(
        table("1 0 8:1 / / rw - t s")
            .iter()
            .next()
            .unwrap()
            .super_options
            .iter()
            .count(),
        0
    );
}

#[test]
fn the_nearest_mount_covers() {
    let t = table(BASE);
    assert_eq!(covering(&t, "/"), Some(1));
    assert_eq!(covering(&t, "/etc/passwd"), Some(1));
    assert_eq!(covering(&t, "/sys/fs/cgroupx"), Some(3));
    assert_eq!(covering(&t, "/sys/fs/cgroup"), Some(4));
    assert_eq!(covering(&t, "/sys/fs/cgroup/unified/a"), Some(5));
    assert_eq!(covering(&t, "relative"), None);
    assert_eq!(covering(&t, "/a/../b"), None);
    assert!(t.iter().all(|m| t.is_reachable(m)));
    assert!(
        t.covering(Path::new("/sys/fs/cgroup"))
            .unwrap()
            .is_read_only()
    );
}

#[test]
fn the_topmost_of_a_stack_covers() {
    let t = table(&format!(
        "{BASE}6 5 0:9 / /sys/fs/cgroup/unified rw - tmpfs tmpfs rw\n\
         7 6 0:8 /x /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    ));
    let top = t.covering(Path::new("/sys/fs/cgroup/unified/a")).unwrap();
    assert_eq!(top.id, 7);
    assert_eq!(t.stacked_below(top), 2);
    let reachable: Vec<u32> = t
        .of_type("cgroup2")
        .filter(|m| t.is_reachable(m))
        .map(|m| m.id)
        .collect();
    assert_eq!(reachable, [7]);
}

#[test]
fn a_mount_over_a_parent_directory_buries() {
    // Listed last, but on /sys itself: everything below the old /sys is out of reach, and the
    // longest prefix would still say mount 5.
    let t = table(&format!("{BASE}8 3 0:10 / /sys rw - tmpfs tmpfs rw\n"));
    assert_eq!(covering(&t, "/sys/fs/cgroup/unified/a"), Some(8));
    assert!(!t.is_reachable(t.iter().find(|m| m.id == 5).unwrap()));
}

#[test]
fn a_second_root_mount_covers_the_first() {
    let t = table(
        "1 0 0:1 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 d rw\n3 2 0:5 / /p rw - proc p rw\n",
    );
    assert_eq!(covering(&t, "/p/1"), Some(3));
    assert_eq!(covering(&t, "/"), Some(2));
}

#[test]
fn a_chroot_without_a_root_mount_still_resolves() {
    let t = table("3 77 0:5 / /proc rw - proc p rw\n");
    assert_eq!(covering(&t, "/proc/1"), Some(3));
    assert_eq!(covering(&t, "/"), None);
}

fn a_mount() -> impl Strategy<Value = String> {
    (
        0_u32..8,
        0_u32..8,
        "(/[ab]){0,3}",
        "(/\\.\\.){0,2}(/[ab\\\\0-7]{1,4}){0,2}",
    )
        .prop_map(|(id, parent, point, root)| {
            let or_root = |s: &str| {
                if s.is_empty() {
                    "/".to_owned()
                } else {
                    s.to_owned()
                }
            };
            format!(
                "{id} {parent} 0:1 {} {} rw - t s rw",
                or_root(&root),
                or_root(&point)
            )
        })
}

proptest! {
    #[test]
    fn junk_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(t) = MountTable::parse(&bytes) {
            let _ = t.covering(Path::new("/a/b"));
        }
    }

    // Repeated ids, cycles and orphans must not hang or panic, and whatever covers a path is a
    // prefix of it.
    #[test]
    fn any_tree_can_be_walked(lines in proptest::collection::vec(a_mount(), 0..12), path in "(/[ab]){1,4}") {
        let t = table(&lines.join("\n"));
        if let Some(m) = t.covering(Path::new(&path)) {
            prop_assert!(Path::new(&path).starts_with(&m.mount_point));
        }
        for m in t.iter() { let _ = t.is_reachable(m); }
    }

    #[test]
    fn escapes_round_trip(name in proptest::collection::vec(any::<u8>(), 1..20)) {
        use std::os::unix::ffi::OsStrExt;
        let mut escaped = Vec::from(&b"1 0 0:1 / /"[..]);
        for b in &name {
            match b {
                b' ' | b'\t' | b'\n' | b'\\' | b'#' => escaped.extend(format!("\\{b:03o}").bytes()),
                _ => escaped.push(*b),
            }
        }
        escaped.extend(b" rw - t s rw");
        let t = MountTable::parse(&escaped).unwrap();
        prop_assert_eq!(t.iter().next().unwrap().mount_point.as_os_str().as_bytes(), [b"/".as_slice(), &name].concat());
    }
}
