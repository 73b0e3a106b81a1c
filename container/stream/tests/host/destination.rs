//! Making the directory that a stream goes into.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::fstat;
use rustix::io::Errno;
use warren_container_stream::{Error, Owner, Step, prepare_destination};

const OWNER: Owner = Owner {
    uid: 4711,
    gid: 4712,
};

#[test]
fn missing_directories_are_made_and_others_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let (home, mode) = (place.path().join("home"), 0o1700);
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(mode)).unwrap();
    let opened = prepare_destination(&home, Path::new("new/./er"), OWNER).unwrap();
    let seen = |path: &str| {
        let stat = fs::metadata(home.join(path)).unwrap();
        (stat.uid(), stat.gid(), stat.mode() & 0o7777)
    };
    assert_eq!(seen("new"), (4711, 4712, 0o755));
    assert_eq!(seen("new/er"), (4711, 4712, 0o755));
    assert_eq!(seen(""), (0, 0, mode));
    let inode = fs::metadata(home.join("new/er")).unwrap().ino();
    assert_eq!(fstat(&opened).unwrap().st_ino, inode);
    // Again, by its whole path, through a link, by way of its parent.
    symlink("new", home.join("link")).unwrap();
    let absolute = home.join("new/er");
    for path in [
        absolute.as_path(),
        Path::new("link/er"),
        Path::new("new/er/../er/"),
    ] {
        let again = prepare_destination(&home, path, Owner { uid: 1, gid: 1 }).unwrap();
        assert_eq!(fstat(&again).unwrap().st_ino, inode, "{path:?}");
    }
    assert_eq!(seen("new/er"), (4711, 4712, 0o755));
}

#[test]
fn no_destination_is_the_home() {
    let home = tempfile::tempdir().unwrap();
    let opened = prepare_destination(home.path(), Path::new(""), OWNER).unwrap();
    let inode = fs::metadata(home.path()).unwrap().ino();
    assert_eq!(fstat(&opened).unwrap().st_ino, inode);
}

#[test]
fn what_is_in_the_way_is_named() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "x").unwrap();
    symlink("nowhere", home.path().join("dangling")).unwrap();
    let refused = |path: &str| match prepare_destination(home.path(), Path::new(path), OWNER) {
        Err(Error::Entry { step, path, source }) => (step, path, source),
        other => panic!("{path}: {other:?}"),
    };
    let (step, path, errno) = refused("file/below");
    assert_eq!((step, errno), (Step::Resolve, Errno::NOTDIR));
    assert!(path.ends_with("/file"), "{path}");
    assert_eq!(refused("dangling/x").2, Errno::EXIST);
    let missing = Path::new("/warren-no-such-home");
    assert!(matches!(
        prepare_destination(missing, Path::new("x"), OWNER),
        Err(Error::Entry {
            step: Step::Resolve,
            source: Errno::NOENT,
            ..
        })
    ));
}
