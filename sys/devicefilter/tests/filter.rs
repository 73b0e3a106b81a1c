//! Filters on real cgroups: enforced, changed, removed, and others' programs left alone.
#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::{
    Cgroup, FULL, NULL, ZERO, attach_with, ids, link, policy, program, read, rules, try_below,
};
use proptest::prelude::*;
use rustix::io::Errno;
use warren_sys_devicefilter::attach::{AttachError, How, ProgramRef, Record, probe_replace};
use warren_sys_devicefilter::bpf;
use warren_sys_devicefilter::probe::{Ask, Nodes, Outcome, Scratch};
use warren_sys_devicefilter::{
    Access, Defaults, Device, DeviceKind, DeviceRule, Kind, Owned, Policy, Program, Request, Style,
    install, remove, update,
};

fn load(texts: &[&str]) -> bpf::Loaded {
    bpf::load(&program(texts)).unwrap()
}

const OPEN: &[&str] = &["+a"];
const NULL_ONLY: &[&str] = &["+c 1:3 rwm"];

#[test]
fn a_process_gets_what_the_rules_say() {
    let cgroup = Cgroup::v2("enforce");
    let mut record = None;
    let texts = ["+c 1:3 rw", "+c 1:5 r"];
    let report = install(cgroup.dir().as_fd(), &program(&texts), &mut record).unwrap();
    assert_eq!((report.how, report.foreign), (How::Added, vec![]));
    let shell = |script: &str| {
        let output = Command::new("sh")
            .args(["-c", "echo 0 > \"$0/cgroup.procs\" && eval \"$1\""])
            .args([cgroup.path.as_os_str(), script.as_ref()])
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(shell(": < /dev/null"), (true, String::new()));
    assert_eq!(
        shell(": > /dev/null && : < /dev/zero"),
        (true, String::new())
    );
    for denied in [": > /dev/zero", ": < /dev/full"] {
        let (passed, words) = shell(denied);
        assert!(
            !passed && words.contains("Operation not permitted"),
            "{denied}: {words}"
        );
    }
}

/// The kernel, our programs in both styles and the policy agree on every request, also for rules
/// with holes and for crossing wildcards.
#[test]
fn the_kernel_agrees_with_the_policy() {
    let lists: [&[&str]; 7] = [
        &[],
        &["+a"],
        &["+c 1:* rwm", "-c 1:3 w", "+b *:* m"],
        &["+a", "-c 1:3 w", "-b 7:* rwm", "+b 7:1 r"],
        &["+c 1:* r", "+c *:3 w", "-c 1:3 m"],
        &["+c *:* rwm", "-c 1:* rw", "+c 1:5 r"],
        &["+b 7:0 rw", "+c 1:3 m"],
    ];
    let nodes = Nodes::detached().unwrap();
    let cgroup = Cgroup::v2("agree");
    let mut record = None;
    for texts in lists {
        let policy = policy(texts);
        for style in [Style::Shared, Style::Compact] {
            update(
                cgroup.dir().as_fd(),
                &Program::new(&policy, style),
                &mut record,
            )
            .unwrap();
            let scratch = Scratch::below(&cgroup.path).unwrap();
            for (kind, major, minor) in [1, 7]
                .into_iter()
                .flat_map(|major| [0, 1, 3, 5].map(|minor| (major, minor)))
                .flat_map(|(major, minor)| DeviceKind::BOTH.map(|kind| (kind, major, minor)))
            {
                for bits in 0..8 {
                    let device = Device { kind, major, minor };
                    let request = Request {
                        device,
                        access: Access::from_bits(bits),
                    };
                    // mknod is a request of its own for the kernel.
                    let parts = [
                        request.access & Access::MKNOD,
                        request.access & Access::READ_WRITE,
                    ];
                    let expected = if bits == 0 {
                        policy.allows(request)
                    } else {
                        let parts = parts.into_iter().filter(|access| !access.is_empty());
                        parts
                            .into_iter()
                            .all(|access| policy.allows(Request { device, access }))
                    };
                    let outcome = nodes.try_in(scratch.procs(), request, Ask::Check).unwrap();
                    assert_eq!(
                        outcome.passes_filter(),
                        Some(expected),
                        "{request} {texts:?}"
                    );
                }
            }
            scratch.close().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_verifier_takes_every_program(
        seeds in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u32..4, 0_u32..4, 1_u32..8), 0..12),
        start in any::<bool>(),
    ) {
        let number = |n: u32| (n < 3).then_some(n);
        let mut rules = vec![DeviceRule::all(start)];
        rules.extend(seeds.into_iter().map(|(allow, char, major, minor, bits)| {
            let kind = if char { Kind::CHAR } else { Kind::BLOCK };
            let access = Access::from_bits(bits);
            DeviceRule::new(allow, kind, number(major), number(minor), access).unwrap()
        }));
        let policy = Policy::from_rules(&rules).unwrap();
        for style in [Style::Shared, Style::Compact] {
            let program = Program::new(&policy, style);
            let loaded = bpf::load(&program).unwrap();
            prop_assert_eq!(loaded.info().kind, 15);
        }
    }
}

#[test]
fn loaded_instructions_read_back_as_written() {
    let policy = Policy::for_container(&[], &Defaults::default()).unwrap();
    let program = Program::new(&policy, Style::Shared);
    let loaded = bpf::load(&program).unwrap();
    assert_eq!(loaded.info().insns.as_deref(), Some(program.insns()));
    assert_eq!(loaded.info().name, bpf::PROGRAM_NAME);
    assert!(bpf::all_ids().unwrap().contains(&loaded.info().id));
}

#[test]
fn an_update_replaces_only_our_program() {
    let cgroup = Cgroup::v2("update");
    let (first, last) = (load(OPEN), load(OPEN));
    bpf::attach(cgroup.dir().as_fd(), first.as_fd()).unwrap();
    let mut record = None;
    let installed = install(cgroup.dir().as_fd(), &program(NULL_ONLY), &mut record).unwrap();
    bpf::attach(cgroup.dir().as_fd(), last.as_fd()).unwrap();
    let ours = installed.owned.programs[0].id;
    assert_eq!(installed.foreign, [first.info().id]);

    let again = install(cgroup.dir().as_fd(), &program(NULL_ONLY), &mut record).unwrap_err();
    assert!(matches!(again, AttachError::AlreadyInstalled { ids } if ids == [ours]));

    let updated = update(cgroup.dir().as_fd(), &program(&["+c 1:5 r"]), &mut record).unwrap();
    assert_eq!(updated.how, How::Replaced(ours));
    let new = updated.owned.programs[0].id;
    assert_eq!(ids(&cgroup.path), [first.info().id, new, last.info().id]);
    assert_eq!(
        try_below(&cgroup.path, read(ZERO), Ask::Open),
        Outcome::Passes
    );
    assert_eq!(
        try_below(&cgroup.path, read(NULL), Ask::Open),
        Outcome::Denied
    );

    assert_eq!(
        remove(cgroup.dir().as_fd(), &mut record).unwrap(),
        (vec![new], vec![])
    );
    assert_eq!(ids(&cgroup.path), [first.info().id, last.info().id]);
    assert_eq!(record.unwrap().programs, []);
}

/// Others may detach us (runc detaches whatever it finds). The update puts a filter back, and
/// says that there was none.
#[test]
fn a_filter_taken_away_comes_back() {
    let cgroup = Cgroup::v2("lost");
    let mut record = None;
    let ours = install(cgroup.dir().as_fd(), &program(NULL_ONLY), &mut record).unwrap();
    let id = ours.owned.programs[0].id;
    let handle = bpf::by_id(id).unwrap().unwrap();
    assert!(bpf::detach(cgroup.dir().as_fd(), id, handle.as_fd()).unwrap());
    let report = update(cgroup.dir().as_fd(), &program(NULL_ONLY), &mut record).unwrap();
    assert_eq!(report.how, How::Added);
    assert_eq!(
        try_below(&cgroup.path, read(FULL), Ask::Open),
        Outcome::Denied
    );
}

/// A record from before a reboot, or of a cgroup made anew at the same path, owns nothing here.
#[test]
fn a_stale_record_owns_nothing() {
    let cgroup = Cgroup::v2("stale");
    let foreign = load(OPEN);
    bpf::attach(cgroup.dir().as_fd(), foreign.as_fd()).unwrap();
    let info = foreign.info();
    let claim = |cgroup_id, loaded_at_ns| Owned {
        cgroup_id,
        programs: vec![ProgramRef {
            id: info.id,
            tag: info.tag.clone(),
            loaded_at_ns,
        }],
    };
    let here = rustix::fs::stat(&cgroup.path).unwrap().st_ino;
    for owned in [
        claim(here + 1, info.loaded_at_ns),
        claim(here, info.loaded_at_ns + 1),
    ] {
        let mut record = Some(owned);
        remove(cgroup.dir().as_fd(), &mut record).unwrap();
        assert_eq!(ids(&cgroup.path), [info.id]);
    }
}

#[test]
fn lists_in_single_mode_are_named_and_left_alone() {
    let cgroup = Cgroup::v2("single");
    let below = cgroup.child("below");
    let holder = load(OPEN);
    attach_with(&cgroup.path, holder.as_fd(), 0);
    let id = holder.info().id;
    for (path, up) in [(&cgroup.path, 0), (&below, 1)] {
        let mut record = None;
        let dir = std::fs::File::open(path).unwrap();
        let error = install(dir.as_fd(), &program(NULL_ONLY), &mut record).unwrap_err();
        assert!(error.to_string().contains("ALLOW_MULTI"), "{error}");
        let AttachError::SingleMode {
            id: named,
            name,
            levels_up,
            ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(
            (named, name.as_str(), levels_up),
            (id, bpf::PROGRAM_NAME, up)
        );
        assert_eq!(record.unwrap().programs, []);
    }
    // The kernel ignores which program is to be detached from such a list, so we must not ask.
    let other = load(NULL_ONLY);
    assert!(!bpf::detach(cgroup.dir().as_fd(), other.info().id, other.as_fd()).unwrap());
    assert!(!bpf::detach(cgroup.dir().as_fd(), id, holder.as_fd()).unwrap());
    assert_eq!(ids(&cgroup.path), [id]);
}

#[test]
fn a_program_of_ours_held_by_a_link_is_reported() {
    let cgroup = Cgroup::v2("link");
    let linked = load(OPEN);
    let held = link(&cgroup.path, linked.as_fd());
    let info = linked.info();
    let here = rustix::fs::stat(&cgroup.path).unwrap().st_ino;
    let programs = vec![ProgramRef {
        id: info.id,
        tag: info.tag.clone(),
        loaded_at_ns: info.loaded_at_ns,
    }];
    let mut record = Some(Owned {
        cgroup_id: here,
        programs,
    });
    let report = update(cgroup.dir().as_fd(), &program(NULL_ONLY), &mut record).unwrap();
    assert_eq!(
        (report.how, report.leftover.as_slice()),
        (How::Added, [info.id].as_slice())
    );
    assert_eq!(report.owned.programs.len(), 2);
    let links = bpf::device_links().unwrap();
    assert!(
        links
            .iter()
            .any(|link| link.program == info.id && link.cgroup_id == here)
    );
    drop(held);
    let report = update(cgroup.dir().as_fd(), &program(NULL_ONLY), &mut record).unwrap();
    assert!(report.leftover.is_empty() && report.owned.programs.len() == 1);
}

#[test]
fn long_lists_are_read_whole_and_full_ones_named() {
    let cgroup = Cgroup::v2("long");
    let below = cgroup.child("below");
    let open = load(OPEN);
    let many: Vec<bpf::Loaded> = (0..64).map(|_| load(OPEN)).collect();
    for path in [&cgroup.path, &below] {
        let dir = std::fs::File::open(path).unwrap();
        for one in &many {
            bpf::attach(dir.as_fd(), one.as_fd()).unwrap();
        }
        assert_eq!(bpf::query(dir.as_fd()).unwrap().ids.len(), 64);
        assert_eq!(bpf::attach(dir.as_fd(), open.as_fd()), Err(Errno::TOOBIG));
        let error = install(dir.as_fd(), &program(OPEN), &mut None).unwrap_err();
        assert!(error.to_string().contains("64 programs"), "{error}");
    }
    let dir = std::fs::File::open(&below).unwrap();
    assert_eq!(bpf::query_effective(dir.as_fd()).unwrap().ids.len(), 128);
}

#[test]
fn other_file_systems_are_refused() {
    let dir = std::fs::File::open("/proc").unwrap();
    let error = install(dir.as_fd(), &program(OPEN), &mut None).unwrap_err();
    assert!(
        matches!(error, AttachError::NotCgroup2 { f_type: 0x9fa0 }),
        "{error:?}"
    );
    assert_eq!(bpf::query(dir.as_fd()).unwrap_err().errno, Errno::BADF);
}

#[test]
fn this_kernel_replaces() {
    let cgroup = Cgroup::v2("probe");
    assert!(probe_replace(cgroup.dir().as_fd()).unwrap());
    assert_eq!(
        std::fs::read_dir(&cgroup.path)
            .unwrap()
            .filter(|e| { e.as_ref().unwrap().file_type().unwrap().is_dir() })
            .count(),
        0
    );
}

struct Shared(Arc<Mutex<Option<Owned>>>);

impl Record for Shared {
    fn load(&mut self) -> std::io::Result<Option<Owned>> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&mut self, owned: &Owned) -> std::io::Result<()> {
        *self.0.lock().unwrap() = Some(owned.clone());
        Ok(())
    }
}

/// Racing updaters with one record leave one program; with a record each, one each. A process
/// inside never once gets what all of them deny.
#[test]
fn racing_updaters_leave_no_gap_and_nothing_behind() {
    for (common_record, expected) in [(true, 1), (false, 4)] {
        let cgroup = Cgroup::v2("race");
        let shared = Arc::new(Mutex::new(None));
        install(
            cgroup.dir().as_fd(),
            &program(NULL_ONLY),
            &mut Shared(shared.clone()),
        )
        .unwrap();
        if !common_record {
            remove(cgroup.dir().as_fd(), &mut Shared(shared.clone())).unwrap();
            let first = Arc::new(Mutex::new(None));
            install(
                cgroup.dir().as_fd(),
                &program(NULL_ONLY),
                &mut Shared(first),
            )
            .unwrap();
        }
        let expected = if common_record {
            expected
        } else {
            expected + 1
        };
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let scratch = Scratch::below(&cgroup.path).unwrap();
                let nodes = Nodes::detached().unwrap();
                let mut tries = 0;
                while !stop.load(Ordering::Relaxed) {
                    let outcome = nodes
                        .try_in(scratch.procs(), read(FULL), Ask::Check)
                        .unwrap();
                    assert_eq!(outcome, Outcome::Denied);
                    tries += 1;
                }
                scratch.close().unwrap();
                tries
            });
            let updaters: Vec<_> = (0..4)
                .map(|n| {
                    let own = Arc::new(Mutex::new(None));
                    let mut record = Shared(if common_record { shared.clone() } else { own });
                    let cgroup = &cgroup;
                    scope.spawn(move || {
                        for round in 0..25 {
                            let rule = format!("+c 1:{} r", 8 + (n + round) % 2);
                            let texts = [rule.as_str(), "+c 1:3 rwm"];
                            update(cgroup.dir().as_fd(), &program(&texts), &mut record).unwrap();
                        }
                    })
                })
                .collect();
            updaters
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
            stop.store(true, Ordering::Relaxed);
            assert!(watcher.join().unwrap() > 0);
        });
        assert_eq!(ids(&cgroup.path).len(), expected);
    }
}

#[test]
fn a_record_that_cannot_be_written_changes_nothing() {
    struct Broken(Option<Owned>);
    impl Record for Broken {
        fn load(&mut self) -> std::io::Result<Option<Owned>> {
            Ok(self.0.clone())
        }
        fn save(&mut self, _: &Owned) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    let cgroup = Cgroup::v2("disk");
    let mut record = None;
    install(cgroup.dir().as_fd(), &program(NULL_ONLY), &mut record).unwrap();
    let before = ids(&cgroup.path);
    let error = update(cgroup.dir().as_fd(), &program(OPEN), &mut Broken(record)).unwrap_err();
    assert!(matches!(error, AttachError::Record { step: "save", .. }));
    assert_eq!(ids(&cgroup.path), before);
}

/// From our own, unfiltered cgroup: what opens, what has no driver.
#[test]
fn what_really_opens_here() {
    let nodes = Nodes::detached().unwrap();
    let nobody = Device::char(240, 4_000);
    let usable = nodes.usable_here(&[read(NULL), read(nobody)], Ask::Open);
    assert_eq!(usable[0], (read(NULL), Outcome::Passes));
    assert_eq!(usable[1], (read(nobody), Outcome::Driver(Errno::NXIO)));
    assert!(
        usable
            .iter()
            .all(|(_, outcome)| outcome.passes_filter() == Some(true))
    );
}

/// Where no node can be made, the one that exists is tried.
#[test]
fn an_existing_node_serves_where_none_can_be_made() {
    let nodes = || Nodes::in_dir("/proc".as_ref()).unwrap();
    assert!(matches!(
        nodes().try_here(read(NULL), Ask::Open),
        Outcome::Unknown(_)
    ));
    let nodes = nodes().or_existing("/sys".as_ref(), "/dev".as_ref());
    assert_eq!(nodes.try_here(read(NULL), Ask::Open), Outcome::Passes);
    assert!(matches!(
        nodes.try_here(read(Device::char(240, 4_000)), Ask::Open),
        Outcome::Unknown(_)
    ));
}

/// A container's own filter with an inner one below: the inner can only be narrower.
#[test]
fn an_inner_filter_cannot_widen_the_outer() {
    let outer = Cgroup::v2("outer");
    let inner = outer.child("inner");
    let container =
        |user: &[&str]| Policy::for_container(&rules(user), &Defaults::default()).unwrap();
    let outer_program = Program::new(&container(&["-a"]), Style::Shared);
    let put = install(outer.dir().as_fd(), &outer_program, &mut None).unwrap();
    let inner_program = Program::new(
        &container(&["-a", "+b 7:* rwm", "+c 10:229 rw"]),
        Style::Shared,
    );
    let dir = std::fs::File::open(&inner).unwrap();
    let mut record = None;
    let report = install(dir.as_fd(), &inner_program, &mut record).unwrap();
    assert_eq!(report.foreign, []);
    update(dir.as_fd(), &inner_program, &mut record).unwrap();
    assert_eq!(ids(&outer.path), [put.owned.programs[0].id]);
    let loop0 = Request {
        device: Device::block(7, 0),
        access: Access::READ,
    };
    assert_eq!(try_below(&inner, loop0, Ask::Check), Outcome::Denied);
    assert_eq!(try_below(&inner, read(NULL), Ask::Open), Outcome::Passes);
    let mknod = Request {
        device: Device::block(7, 0),
        access: Access::MKNOD,
    };
    assert_eq!(try_below(&inner, mknod, Ask::Check), Outcome::Passes);
}
