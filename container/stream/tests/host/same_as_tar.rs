//! The same archive, unpacked by GNU tar and here, gives the same files; and the other way round.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use warren_container_stream::archive;

use crate::tree::{CAPABILITY, tar, tree, unpack};

/// One of everything.
fn scene(at: &Path) {
    let set = |name: &str, mode| {
        fs::set_permissions(at.join(name), Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir_all(at.join("deep/er")).unwrap();
    fs::write(at.join("deep/er/file"), "x".repeat(100_000)).unwrap();
    fs::write(at.join("deep/empty"), "").unwrap();
    fs::write(at.join("set-id"), "s").unwrap();
    set("set-id", 0o6777);
    set("deep/er", 0o1777);
    fs::create_dir(at.join("closed")).unwrap();
    fs::write(at.join("closed/in"), "in").unwrap();
    set("closed", 0o500);
    fs::hard_link(at.join("set-id"), at.join("second-name")).unwrap();
    symlink("deep/er", at.join("to-directory")).unwrap();
    symlink("/nowhere/at/all", at.join("dangling")).unwrap();
    fs::write(at.join("x".repeat(180)), "long").unwrap();
    mknodat(
        CWD,
        at.join("null"),
        FileType::CharacterDevice,
        Mode::from(0o666),
        makedev(1, 3),
    )
    .unwrap();
    mknodat(
        CWD,
        at.join("disk"),
        FileType::BlockDevice,
        Mode::from(0o660),
        makedev(7, 200),
    )
    .unwrap();
    mknodat(CWD, at.join("pipe"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    fs::write(at.join("attributes"), "a").unwrap();
    for (name, value) in [
        ("user.one", b"1\0\n=".as_slice()),
        ("security.capability", &CAPABILITY),
        ("trusted.x", b"t"),
    ] {
        setxattr(at.join("attributes"), name, value, XattrFlags::empty()).unwrap();
    }
    setxattr(
        at.join("deep"),
        "user.of-a-directory",
        b"d",
        XattrFlags::empty(),
    )
    .unwrap();
    let holes = File::create(at.join("holes")).unwrap();
    holes.set_len(1 << 20).unwrap();
    holes.write_all_at(b"in the middle", 512 * 1024).unwrap();
    let touched = Command::new("touch")
        .args(["-h", "-d", "2021-02-03 04:05:06.789012345"])
        .args(["holes", "null", "dangling", "closed/in", "attributes"])
        .current_dir(at)
        .status();
    assert!(touched.unwrap().success());
}

const AS_STOCK: [&str; 4] = [
    "--no-same-permissions",
    "--no-same-owner",
    "--xattrs",
    "--xattrs-include=*",
];

/// The files of both, without the destination itself, which tar changes and we leave alone.
fn assert_same(theirs: &Path, ours: &Path) {
    let (mut theirs, mut ours) = (tree(theirs), tree(ours));
    theirs.remove("");
    ours.remove("");
    assert_eq!(ours, theirs);
}

#[test]
fn unpacking_what_tar_packed_in_every_format() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source");
    fs::create_dir(&source).unwrap();
    scene(&source);
    for (format, more) in [
        (
            "posix",
            ["--sparse", "--xattrs", "--xattrs-include=*"].as_slice(),
        ),
        (
            "posix",
            &[
                "--xattrs",
                "--xattrs-include=*",
                "--sparse-version=0.1",
                "--sparse",
            ],
        ),
        ("gnu", &["--sparse"]),
        ("oldgnu", &[]),
    ] {
        let packed = place.path().join("packed.tar");
        let mut words = vec!["--format", format, "-cf", packed.to_str().unwrap()];
        words.extend(more);
        words.push(".");
        tar(&words, &source);
        for umask in [0o022, 0o077] {
            let (theirs, ours) = (place.path().join("theirs"), place.path().join("ours"));
            fs::create_dir(&theirs).unwrap();
            fs::create_dir(&ours).unwrap();
            let line = format!(
                "umask {umask:o}; tar {} -xf ../packed.tar",
                AS_STOCK.join(" ").replace('*', "'*'")
            );
            let status = Command::new("sh")
                .args(["-ec", &line])
                .current_dir(&theirs)
                .status();
            assert!(status.unwrap().success());
            let destination = File::open(&ours).unwrap();
            let destination = std::os::fd::AsFd::as_fd(&destination);
            let archive = File::open(&packed).unwrap();
            warren_container_stream::extract(archive, destination, umask).unwrap();
            assert_same(&theirs, &ours);
            fs::remove_dir_all(&theirs).unwrap();
            fs::remove_dir_all(&ours).unwrap();
        }
    }
}

#[test]
fn tar_unpacks_what_was_packed_here() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source");
    fs::create_dir(&source).unwrap();
    scene(&source);
    let packed = place.path().join("packed.tar");
    archive(File::create(&packed).unwrap(), &source).unwrap();
    let (theirs, ours) = (place.path().join("theirs"), place.path().join("ours"));
    fs::create_dir(&theirs).unwrap();
    fs::create_dir(&ours).unwrap();
    let same = [
        "-xpf",
        "../packed.tar",
        "--xattrs",
        "--xattrs-include=*",
        "--same-owner",
    ];
    tar(&same, &theirs);
    // All is as it was, but that holes are filled.
    let solid = |tree: std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
        let line = |line: String| line.replace("holes=true", "holes=false");
        tree.into_iter()
            .map(|(path, text)| (path, line(text)))
            .collect()
    };
    assert_eq!(solid(tree(&theirs.join("source"))), solid(tree(&source)));
    unpack(&fs::read(&packed).unwrap(), &ours).unwrap();
    let second = place.path().join("second");
    fs::create_dir(&second).unwrap();
    let words = [["-xf", "../packed.tar"].as_slice(), &AS_STOCK].concat();
    let line = format!("umask 022; tar {}", words.join(" ").replace('*', "'*'"));
    let status = Command::new("sh")
        .args(["-ec", &line])
        .current_dir(&second)
        .status();
    assert!(status.unwrap().success());
    assert_same(&second, &ours);
}
