//! Archives made to do harm: nothing outside the destination is ever touched.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::io::Errno;
use tempfile::TempDir;
use warren_container_stream::{Error, Step};
use warren_lib_tar::{Entry, Kind};

use crate::tree::{archive_of, directory, entry, file, hard_link, symlink, tree, unpack};

/// A destination beside things that must stay as they are.
struct Scene {
    place: TempDir,
    before: std::collections::BTreeMap<String, String>,
}

impl Scene {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("outside")).unwrap();
        fs::write(place.path().join("outside/secret"), "secret").unwrap();
        fs::create_dir(place.path().join("in")).unwrap();
        let before = tree(&place.path().join("outside"));
        Self { place, before }
    }

    fn outside(&self, name: &str) -> String {
        let path = self.place.path().join("outside").join(name);
        path.to_str().unwrap().to_owned()
    }

    fn inside(&self, name: &str) -> std::path::PathBuf {
        self.place.path().join("in").join(name)
    }

    fn unpack(&self, entries: &[(Entry, String)]) -> Result<(), Error> {
        let outcome = unpack(&archive_of(entries), &self.inside(""));
        assert_eq!(tree(&self.place.path().join("outside")), self.before);
        outcome
    }
}

fn errno(outcome: Result<(), Error>) -> (Step, Errno) {
    match outcome {
        Err(Error::Entry { step, source, .. }) => (step, source),
        other => panic!("expected a refusal of the kernel: {other:?}"),
    }
}

#[test]
fn absolute_names_lose_their_slashes() {
    let scene = Scene::new();
    let name = scene.outside("secret");
    scene.unpack(&[file(&name, "overwritten")]).unwrap();
    let inside = scene.inside(name.trim_start_matches('/'));
    assert_eq!(fs::read_to_string(inside).unwrap(), "overwritten");
}

#[test]
fn names_with_two_dots_are_refused() {
    for name in ["../outside/secret", "a/../../outside/secret", "..", "a/.."] {
        let outcome = Scene::new().unpack(&[file(name, "x")]);
        assert!(
            matches!(outcome, Err(Error::ParentDirectory { .. })),
            "{name}: {outcome:?}"
        );
    }
    let outcome = Scene::new().unpack(&[hard_link("x", "../outside/secret")]);
    assert!(
        matches!(outcome, Err(Error::ParentDirectory { .. })),
        "{outcome:?}"
    );
    // Dots that are no such component are names.
    Scene::new().unpack(&[file("..a/b../...", "x")]).unwrap();
}

#[test]
fn nothing_is_written_through_a_symbolic_link() {
    let relative = "../outside".to_owned();
    for target in [relative, Scene::new().outside("")] {
        for last in [
            file("link/new", "x"),
            directory("link/new"),
            symlink("link/new", "x"),
            hard_link("link/new", "own"),
            (entry("link/new", Kind::Fifo), String::new()),
            hard_link("stolen", "link/secret"),
        ] {
            let scene = Scene::new();
            let target = target.replace("/outside/", "/outside");
            let entries = [file("own", "own"), symlink("link", &target), last.clone()];
            let (step, why) = errno(scene.unpack(&entries));
            assert!(
                matches!(step, Step::Resolve | Step::Link),
                "{step:?} {last:?}"
            );
            // The link into another test's directory may already lead nowhere.
            assert!(
                matches!(why, Errno::XDEV | Errno::NOENT),
                "{why:?} {last:?}"
            );
        }
    }
}

#[test]
fn a_file_takes_the_place_of_a_link_and_not_of_its_target() {
    let scene = Scene::new();
    let entries = [
        symlink("link", &scene.outside("secret")),
        file("link", "mine"),
        symlink("folder", &scene.outside("")),
        directory("folder"),
        file("folder/secret", "mine"),
    ];
    scene.unpack(&entries).unwrap();
    assert_eq!(fs::read_to_string(scene.inside("link")).unwrap(), "mine");
    assert_eq!(
        fs::read_to_string(scene.inside("folder/secret")).unwrap(),
        "mine"
    );
}

#[test]
fn other_names_of_a_replaced_file_keep_their_content() {
    let scene = Scene::new();
    let entries = [
        file("one", "first"),
        hard_link("two", "/one"),
        hard_link("two", "one"),
        file("one", "second"),
    ];
    scene.unpack(&entries).unwrap();
    assert_eq!(fs::read_to_string(scene.inside("two")).unwrap(), "first");
    assert_eq!(fs::read_to_string(scene.inside("one")).unwrap(), "second");
    assert_eq!(fs::metadata(scene.inside("two")).unwrap().nlink(), 1);
}

#[test]
fn a_link_to_itself_keeps_the_file() {
    let scene = Scene::new();
    scene
        .unpack(&[file("one", "first"), hard_link("one", "one")])
        .unwrap();
    assert_eq!(fs::read_to_string(scene.inside("one")).unwrap(), "first");
}

#[test]
fn links_to_what_is_not_there_are_refused() {
    for target in ["missing", "missing/deep", "folder"] {
        let scene = Scene::new();
        let outcome = scene.unpack(&[directory("folder"), hard_link("x", target)]);
        assert_eq!(errno(outcome).0, Step::Link, "{target}");
    }
}

#[test]
fn a_directory_with_something_in_it_is_not_removed() {
    let scene = Scene::new();
    let outcome = scene.unpack(&[file("folder/kept", "kept"), file("folder", "x")]);
    assert_eq!(errno(outcome), (Step::Remove, Errno::NOTEMPTY));
    assert_eq!(
        fs::read_to_string(scene.inside("folder/kept")).unwrap(),
        "kept"
    );
    // An empty one is, as with tar.
    scene
        .unpack(&[directory("empty"), file("empty", "x")])
        .unwrap();
    assert!(scene.inside("empty").is_file());
}

#[test]
fn what_was_there_keeps_its_mode() {
    let scene = Scene::new();
    fs::create_dir(scene.inside("tmp")).unwrap();
    let sticky = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(scene.inside("tmp"), sticky).unwrap();
    let before = tree(&scene.inside(""));
    scene.unpack(&[directory("./"), directory("tmp/")]).unwrap();
    assert_eq!(tree(&scene.inside("")), before);
}

#[test]
fn a_directory_is_closed_only_in_the_end() {
    let scene = Scene::new();
    let (mut closed, none) = directory("implied/closed");
    closed.mode = 0;
    let entries = [
        (closed, none),
        file("implied/closed/in", "in"),
        directory("implied"),
    ];
    scene.unpack(&entries).unwrap();
    let seen = |name| fs::metadata(scene.inside(name)).unwrap();
    assert_eq!(seen("implied/closed").mode() & 0o7777, 0);
    assert_eq!(seen("implied/closed").mtime(), 1_500_000_000);
    assert_eq!(seen("implied").mtime_nsec(), 250_000_000);
}

#[test]
fn after_a_failure_modes_are_as_they_should_be() {
    let scene = Scene::new();
    let outcome = scene.unpack(&[directory("folder"), file("implied/x", "x"), file("..", "x")]);
    assert!(outcome.is_err());
    for name in ["folder", "implied"] {
        let mode = fs::metadata(scene.inside(name)).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o755, "{name}");
    }
}

#[test]
fn a_root_that_is_no_directory_is_refused() {
    for root in [file(".", "x"), symlink("/", "/etc")] {
        let outcome = Scene::new().unpack(&[root]);
        assert!(matches!(outcome, Err(Error::Root)), "{outcome:?}");
    }
}

#[test]
fn names_that_no_file_system_takes_are_errors() {
    let long = "x".repeat(300);
    let outcome = Scene::new().unpack(&[file(&long, "x")]);
    assert_eq!(errno(outcome), (Step::Create, Errno::NAMETOOLONG));
    let deep = "d/".repeat(2500) + "x";
    let outcome = Scene::new().unpack(&[file(&deep, "x")]);
    assert_eq!(errno(outcome), (Step::Resolve, Errno::NAMETOOLONG));
}

#[test]
fn a_huge_claim_takes_neither_memory_nor_disk() {
    let scene = Scene::new();
    let mut huge = entry("huge", Kind::File);
    huge.stored = i64::MAX as u64;
    let mut bytes = Vec::new();
    let mut writer = warren_lib_tar::Writer::new(&mut bytes);
    writer.start(&huge).unwrap();
    writer.data(b"little").unwrap();
    let outcome = unpack(&bytes, &scene.inside(""));
    assert!(matches!(outcome, Err(Error::Archive(_))), "{outcome:?}");
    assert_eq!(fs::metadata(scene.inside("huge")).unwrap().len(), 6);
}

#[test]
fn what_is_no_archive_is_refused() {
    let gzip = [0x1f, 0x8b, 8, 0].repeat(300);
    let outcome = unpack(&gzip, &Scene::new().inside(""));
    let expected = warren_lib_tar::Error::Checksum { offset: 0 };
    assert!(
        matches!(&outcome, Err(Error::Archive(error)) if error.to_string() == expected.to_string()),
        "{outcome:?}"
    );
}
