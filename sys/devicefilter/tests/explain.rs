//! Which ancestor denies: by reading programs back, by v1 lists, and by measuring.
#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use common::{Cgroup, FULL, NULL, attach_with, ids, program, read};
use warren_sys_devicefilter::bpf;
use warren_sys_devicefilter::explain::{Verdict, explain};
use warren_sys_devicefilter::probe::{Nodes, Outcome};
use warren_sys_devicefilter::{Device, Owned, install, v1};

fn put(path: &Path, texts: &[&str]) -> u32 {
    let mut record: Option<Owned> = None;
    let dir = File::open(path).unwrap();
    install(dir.as_fd(), &program(texts), &mut record)
        .unwrap()
        .owned
        .programs[0]
        .id
}

#[test]
fn the_stricter_parent_is_named() {
    let top = Cgroup::v2("explain");
    let middle = top.child("middle");
    let leaf = middle.join("leaf");
    std::fs::create_dir(&leaf).unwrap();
    put(&top.path, &["+c *:* rwm"]);
    let culprit = put(&middle, &["+c 1:3 rwm"]);
    put(&leaf, &["+c 1:3 rwm", "+c 1:7 rwm"]);

    for nodes in [None, Some(Nodes::detached().unwrap())] {
        let denied = explain(top.root(), &leaf, read(FULL), nodes.as_ref()).unwrap();
        assert_eq!(denied.allowed(), Some(false));
        let level = denied.denied_at().unwrap();
        assert_eq!(level.path, middle);
        let verdicts: Vec<_> = level
            .programs
            .iter()
            .map(|one| (one.id, &one.verdict))
            .collect();
        assert_eq!(verdicts, [(culprit, &Verdict::Denies)]);
        assert_eq!(level.programs[0].name, bpf::PROGRAM_NAME);
        if nodes.is_some() {
            let measured: Vec<_> = denied.levels.iter().map(|level| level.measured).collect();
            let (passes, denies) = (Some(Outcome::Passes), Some(Outcome::Denied));
            assert_eq!(measured, [passes, passes, denies, denies]);
        }
        let allowed = explain(top.root(), &leaf, read(NULL), nodes.as_ref()).unwrap();
        assert_eq!(allowed.allowed(), Some(true));
        assert!(allowed.denied_at().is_none() && allowed.hidden.is_empty());
    }
}

/// In a private cgroup namespace the outer levels cannot be seen; their programs still are.
#[test]
fn a_program_above_the_visible_root_is_found() {
    let top = Cgroup::v2("hidden");
    let root = top.child("root");
    let leaf = root.join("leaf");
    std::fs::create_dir(&leaf).unwrap();
    let hidden = put(&top.path, &["+c 1:3 rwm"]);
    put(&leaf, &["+a"]);
    let explained = explain(&root, &leaf, read(FULL), None).unwrap();
    assert!(explained.denied_above_root() && explained.denied_at().is_none());
    assert_eq!(explained.allowed(), Some(false));
    let found: Vec<u32> = explained.hidden.iter().map(|judged| judged.id).collect();
    assert_eq!(found, [hidden]);
}

/// An ancestor in override mode does not run where a level below has its own.
#[test]
fn an_overridden_program_does_not_count() {
    let top = Cgroup::v2("override");
    let leaf = top.child("leaf");
    let closed = bpf::load(&program(&[])).unwrap();
    attach_with(&top.path, closed.as_fd(), bpf::ALLOW_OVERRIDE);
    let before = explain(top.root(), &leaf, read(NULL), None).unwrap();
    assert_eq!(before.denied_at().unwrap().path, top.path);
    put(&leaf, &["+c 1:3 rwm"]);
    let nodes = Nodes::detached().unwrap();
    for nodes in [None, Some(&nodes)] {
        let after = explain(top.root(), &leaf, read(NULL), nodes).unwrap();
        assert_eq!(after.allowed(), Some(true));
        assert!(!after.levels[1].programs[0].in_force);
    }
    assert_eq!(ids(&top.path).len(), 1);
}

#[test]
fn v1_levels_are_read_and_measured() {
    let top = Cgroup::v1("explain");
    let leaf = top.child("leaf");
    v1::apply(&leaf, &common::policy(&["+c 1:3 rwm"])).unwrap();
    let nodes = Nodes::detached().unwrap();
    let denied = explain(top.root(), &leaf, read(FULL), Some(&nodes)).unwrap();
    assert_eq!(denied.denied_at().unwrap().path, leaf);
    assert_eq!(denied.levels[2].group, Some(Verdict::Denies));
    assert_eq!(denied.levels[0].group, Some(Verdict::HiddenExceptions));
    // Without measuring, "allow all" may have exceptions that nothing shows.
    assert_eq!(
        explain(top.root(), &top.path, read(FULL), None)
            .unwrap()
            .allowed(),
        None
    );
    let other = read(Device::char(1, 3));
    assert_eq!(
        explain(top.root(), &leaf, other, Some(&nodes))
            .unwrap()
            .allowed(),
        Some(true)
    );
}
