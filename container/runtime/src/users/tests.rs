//! Users of every form, and files that are not what they should be.

use std::os::fd::AsFd;

use proptest::prelude::*;

use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    # a comment\n\
    vcap:x:1000:1001::/home/vcap:/bin/bash\n\
    nohome:x:1002:1002:::\n\
    1005:x:7:8::/seven:\n\
    broken:x:notanumber:0::/:\n";
const GROUP: &str =
    "root:x:0:\nvcap:x:1001:\nadm:x:4:root,vcap\nsudo:x:27:vcap\nvcap2:x:1001:vcap\n";

fn found(text: &str) -> (u32, u32, Vec<u32>, String, String) {
    let user = resolve(text, PASSWD, GROUP).unwrap();
    let home = user.home.display().to_string();
    (user.uid, user.gid, user.groups, home, user.name)
}

#[test]
fn names_and_numbers() {
    let row = |uid, gid, groups: &[u32], home: &str, name: &str| {
        (uid, gid, groups.to_vec(), home.to_owned(), name.to_owned())
    };
    assert_eq!(found(""), row(0, 0, &[4], "/root", "root"));
    assert_eq!(found("root"), row(0, 0, &[4], "/root", "root"));
    assert_eq!(
        found("vcap"),
        row(1000, 1001, &[4, 27], "/home/vcap", "vcap")
    );
    assert_eq!(
        found("1000"),
        row(1000, 1001, &[4, 27], "/home/vcap", "1000")
    );
    assert_eq!(found("nohome"), row(1002, 1002, &[], "/", "nohome"));
    // Somebody whose name is a number.
    assert_eq!(found("1005"), row(7, 8, &[], "/seven", "1005"));
    // No entry.
    assert_eq!(
        found("1000000000"),
        row(1_000_000_000, 0, &[], "/", "1000000000")
    );
}

#[test]
fn with_a_group_there_are_no_others() {
    for text in ["vcap:4", "vcap:adm", "1000:4"] {
        let user = resolve(text, PASSWD, GROUP).unwrap();
        assert_eq!(
            (user.uid, user.gid, user.groups.len()),
            (1000, 4, 0),
            "{text}"
        );
    }
    let user = resolve("1:99", PASSWD, GROUP).unwrap();
    assert_eq!((user.uid, user.gid), (1, 99));
    // An empty part is none.
    assert_eq!(resolve("vcap:", PASSWD, GROUP).unwrap().gid, 1001);
}

#[test]
fn who_is_not_there() {
    let error = resolve("alice", PASSWD, GROUP).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unable to find user alice: no matching entries in passwd file"
    );
    let error = resolve("vcap:wheel", PASSWD, GROUP).unwrap_err();
    assert_eq!(error, LookupError::NoGroup("wheel".into()));
    assert!(resolve("4294967295", PASSWD, GROUP).is_err());
    assert!(resolve("-1", PASSWD, GROUP).is_err());
    assert!(resolve("broken", PASSWD, GROUP).is_err());
}

#[test]
fn root_needs_no_files() {
    let root = resolve("root", "", "").unwrap();
    assert_eq!((root.uid, root.gid, root.home), (0, 0, "/".into()));
    let directory = tempfile::tempdir().unwrap();
    let opened = std::fs::File::open(directory.path()).unwrap();
    assert_eq!(lookup(opened.as_fd(), "root").unwrap().uid, 0);
    assert!(lookup(opened.as_fd(), "x").is_err());
}

#[test]
fn files_are_read_beneath_the_root_and_only_if_ordinary() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    std::fs::create_dir(root.join("etc")).unwrap();
    std::fs::write(root.join("inside"), "me:x:5:6::/me:\n").unwrap();
    // An absolute link means the container's root, and `..` stops there.
    std::os::unix::fs::symlink("/../../inside", root.join("etc/passwd")).unwrap();
    let opened = std::fs::File::open(root).unwrap();
    assert_eq!(lookup(opened.as_fd(), "me").unwrap().uid, 5);
    // A pipe would block for ever.
    std::fs::remove_file(root.join("etc/passwd")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(&opened, "etc/passwd", FileType::Fifo, mode, 0).unwrap();
    let error = lookup(opened.as_fd(), "me").unwrap_err();
    assert!(matches!(error, LookupError::File { .. }), "{error}");
}

#[test]
fn an_id_that_means_none_to_the_kernel_is_nobodys() {
    let passwd = "odd:x:4294967295:1::/:\nworse:x:1:4294967295::/:\nok:x:5:6::/:\n";
    let group = "odd:x:4294967295:ok\nadm:x:4:ok\n";
    for user in ["odd", "worse", "4294967295"] {
        let refused = resolve(user, passwd, group).unwrap_err();
        assert!(matches!(refused, LookupError::NoUser(_)), "{user}");
    }
    assert!(resolve("ok:odd", passwd, group).is_err());
    assert_eq!(resolve("ok", passwd, group).unwrap().groups, [4]);
}

proptest! {
    #[test]
    fn junk_gives_an_answer(text in ".{0,20}", passwd in "(.{0,30}\n){0,5}", group in "(.{0,30}\n){0,5}") {
        let _ = resolve(&text, &passwd, &group);
    }
}
