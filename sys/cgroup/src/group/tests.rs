//! Units of groups: names, states, files.

use proptest::prelude::*;

use super::*;

#[test]
fn events_are_read_by_key() {
    let both = State {
        populated: true,
        frozen: true,
    };
    assert_eq!(State::parse("populated 1\nfrozen 1\n"), both);
    assert_eq!(
        State::parse("frozen 0\npopulated 1\nlater 1\n"),
        State {
            frozen: false,
            ..both
        }
    );
    assert_eq!(
        State::parse(""),
        State {
            populated: false,
            frozen: false
        }
    );
}

#[test]
fn only_single_names_make_children() {
    for name in ["", ".", "..", "a/b", "/", "a\nb"] {
        assert!(crate::dir::plain(name).is_err(), "{name:?}");
    }
    assert!(crate::dir::plain("job.scope").is_ok());
}

#[test]
fn a_plain_directory_is_no_group() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        Cgroup::open(dir.path()),
        Err(Error::WrongFileSystem { .. })
    ));
    let absent = Cgroup::open(&dir.path().join("absent")).unwrap_err();
    assert!(absent.is_gone());
}

#[test]
fn one_who_may_not_be_killed_spares_nobody() {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    const OTHER: u32 = 47_110;
    let sleep = |uid| Command::new("sleep").arg("60").uid(uid).spawn().unwrap();
    let (mut ours, mut theirs) = (sleep(0), sleep(OTHER));
    let pids = [&ours, &theirs].map(|child| child.id().cast_signed());
    // As the other user, to whom the first belongs not.
    let outcome = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            rustix::thread::set_thread_uid(rustix::fs::Uid::from_raw(OTHER)).unwrap();
            kill_each(Ok(pids.to_vec()), Path::new("/group"))
        });
        other.join().unwrap()
    });
    assert_eq!(outcome.unwrap_err().errno(), Some(Errno::PERM));
    assert_eq!(theirs.wait().unwrap().code(), None);
    assert_eq!(ours.try_wait().unwrap(), None);
    ours.kill().unwrap();
    ours.wait().unwrap();
}

proptest! {
    #[test]
    fn junk_never_panics(text in ".{0,80}") {
        let _ = State::parse(&text);
    }
}
