//! Code of the keeper's, run inside.

use std::io::Write;
use std::path::Path;

use crate::world::{World, pipe, read, wait};
use crate::{Test, tests};
use warren_container_runtime::engine::{Inside, SpawnError};

pub const TESTS: &[Test] = tests![
    code_runs_inside_as_the_user,
    root_inside_may_what_root_there_may,
    a_directory_is_made_for_the_user,
    a_panic_stays_in_the_child,
    an_unknown_user_is_told,
];

fn code_runs_inside_as_the_user() {
    let world = World::new();
    let container = world.unprivileged();
    let (from, to) = pipe();
    let work = |inside: &Inside| {
        let mut to = std::fs::File::from(to);
        let name = std::fs::read_link("/proc/self/ns/mnt").unwrap();
        let cwd = std::env::current_dir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let comm = std::fs::read_to_string("/proc/1/comm").unwrap();
        let all = (
            name,
            cwd,
            uid,
            inside.uid,
            inside.gid,
            inside.home.clone(),
            comm,
        );
        write!(to, "{all:?}").unwrap();
        std::fs::write("made", "x").unwrap();
        7
    };
    let pid = container.container.within("alice", work).unwrap();
    let text = read(from);
    assert_eq!(wait(pid), 7);
    let mount = container.says("readlink /proc/self/ns/mnt");
    let expected = format!(
        "({mount:?}, \"/home/alice\", 1000, 1000, 1000, \"/home/alice\", \"garden-init\\n\")"
    );
    assert_eq!(text, expected);
    assert_eq!(
        container.says("stat -c '%u %a' /home/alice/made"),
        "1000 644"
    );
}

fn root_inside_may_what_root_there_may() {
    let world = World::new();
    let container = world.unprivileged();
    let set = warren_sys_process::capabilities::effective;
    let work = |_: &Inside| {
        let file = std::fs::File::create("/root/file").unwrap();
        rustix::fs::chownat(
            &file,
            "",
            Some(rustix::fs::Uid::from_raw(1000)),
            None,
            rustix::fs::AtFlags::EMPTY_PATH,
        )
        .unwrap();
        i32::from(set().unwrap().bits() == 0xa804_25fb)
    };
    let pid = container.container.within("", work).unwrap();
    assert_eq!(wait(pid), 1);
    let pid = container
        .container
        .within("alice", |_| i32::from(set().unwrap().is_empty()))
        .unwrap();
    assert_eq!(wait(pid), 1);
}

fn a_directory_is_made_for_the_user() {
    let world = World::new();
    let container = world.unprivileged();
    let here = |_: &Inside| {
        std::fs::write("file", "x").unwrap();
        0
    };
    let run = |directory: &str| {
        let pid = container
            .container
            .within_directory("alice", Path::new(directory), here)
            .unwrap();
        assert_eq!(wait(pid), 0, "{directory}");
    };
    run("relative/to/home");
    run("/absolute/new");
    let stat = |path: &str| container.says(&format!("stat -c %u:%g {path}"));
    assert_eq!(stat("/home/alice/relative/to/home/file"), "1000:1000");
    assert_eq!(stat("/absolute"), "1000:1000");
    let pid = container
        .container
        .within_directory("", Path::new("/"), here)
        .unwrap();
    assert_eq!(wait(pid), 0);
    assert_eq!(stat("/file"), "0:0");
}

fn a_panic_stays_in_the_child() {
    let world = World::new();
    let container = world.unprivileged();
    let pid = container
        .container
        .within("", |_| panic!("on purpose"))
        .unwrap();
    // As the profile has it: unwound and caught, or aborted.
    assert!([101, 134].contains(&wait(pid)));
    container.says("true");
}

fn an_unknown_user_is_told() {
    let world = World::new();
    let container = world.unprivileged();
    let error = container.container.within("bob", |_| 0).unwrap_err();
    assert!(matches!(error, SpawnError::User(_)), "{error}");
}
