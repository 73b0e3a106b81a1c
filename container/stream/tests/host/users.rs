//! As somebody else than root: the kernel decides, and says so.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use warren_container_stream::{Error, Step, archive, extract};
use warren_lib_tar::{Kind, Reader};

use crate::tree::{CAPABILITY, archive_of, entry, file};

const USER: u32 = 4711;

/// Runs in a thread that has the user's ids and no capabilities.
fn as_user<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            set_thread_groups(&[]).unwrap();
            set_thread_gid(Gid::from_raw(USER)).unwrap();
            set_thread_uid(Uid::from_raw(USER)).unwrap();
            work()
        });
        thread.join().unwrap()
    })
}

fn unpack(archive: &[u8], to: &Path) -> Result<(), Error> {
    let to = File::open(to).unwrap();
    as_user(|| extract(archive, to.as_fd(), 0o022))
}

#[test]
fn files_belong_to_the_user_and_what_it_may_not_set_is_left_out() {
    let place = tempfile::tempdir().unwrap();
    chown(place.path(), Some(USER), Some(USER)).unwrap();
    let (mut capable, data) = file("folder/capable", "x");
    capable.xattrs = vec![
        (b"security.capability".to_vec(), CAPABILITY.to_vec()),
        (b"user.kept".to_vec(), b"kept".to_vec()),
    ];
    // Whose mode alone would forbid the attribute.
    capable.mode = 0o400;
    unpack(&archive_of(&[(capable, data)]), place.path()).unwrap();
    let path = place.path().join("folder/capable");
    let stat = fs::metadata(&path).unwrap();
    assert_eq!(
        (stat.uid(), stat.gid(), stat.mode() & 0o7777),
        (USER, USER, 0o400)
    );
    let mut value = [0u8; 64];
    assert_eq!(rustix::fs::getxattr(&path, "user.kept", &mut value), Ok(4));
    let capability = rustix::fs::getxattr(&path, "security.capability", &mut value);
    assert_eq!(capability, Err(Errno::NODATA));
}

#[test]
fn no_permission_is_said_so() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = unpack(&archive_of(&[file("x", "x")]), place.path());
    let Err(Error::Entry {
        step: Step::Create,
        source: Errno::ACCESS,
        path,
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(path, "x");
}

#[test]
fn what_may_not_be_replaced_stays_and_nothing_else_does() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(place.path().join("x"), "root's").unwrap();
    let outcome = unpack(&archive_of(&[file("x", "x")]), place.path());
    assert!(
        matches!(
            outcome,
            Err(Error::Entry {
                step: Step::Remove,
                source: Errno::PERM,
                ..
            })
        ),
        "{outcome:?}"
    );
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    assert_eq!(
        fs::read_to_string(place.path().join("x")).unwrap(),
        "root's"
    );
}

#[test]
fn devices_need_privileges() {
    let place = tempfile::tempdir().unwrap();
    chown(place.path(), Some(USER), Some(USER)).unwrap();
    let null = entry("null", Kind::CharDevice { major: 1, minor: 3 });
    let outcome = unpack(&archive_of(&[(null, String::new())]), place.path());
    assert!(
        matches!(
            outcome,
            Err(Error::Entry {
                step: Step::Create,
                source: Errno::PERM,
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[test]
fn what_cannot_be_read_is_told_after_the_rest_is_archived() {
    let place = tempfile::tempdir().unwrap();
    chown(place.path(), Some(USER), Some(USER)).unwrap();
    for (name, mode) in [("a-secret", 0o600), ("readable", 0o644)] {
        fs::write(place.path().join(name), name).unwrap();
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path().join(name), mode).unwrap();
    }
    let mut source = place.path().as_os_str().to_owned();
    source.push("/");
    let mut bytes = Vec::new();
    let outcome = as_user(|| archive(&mut bytes, Path::new(&source)));
    let Err(Error::Entry {
        step: Step::Read,
        source: Errno::ACCESS,
        path,
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(path, "./a-secret");
    let mut reader = Reader::new(bytes.as_slice());
    let mut names = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        names.push(String::from_utf8(entry.path).unwrap());
    }
    assert_eq!(names, ["./", "./readable"]);
}
