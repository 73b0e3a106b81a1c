//! What cannot be done is refused with the step and its object, and leaves nothing.

use crate::world::{Running, World, chain, destroy};
use crate::{Test, tests};
use warren_container_runtime::bundle::build;
use warren_container_runtime::engine::{Container, Error, Options};
use warren_container_runtime::host::Host;
use warren_container_runtime::oci::Spec;

pub const TESTS: &[Test] = tests![
    an_init_that_cannot_be_executed,
    a_mount_that_the_kernel_refuses,
    a_root_that_is_missing,
    a_name_that_is_in_use,
    what_a_dead_attempt_left_is_replaced,
    a_container_that_never_starts_is_destroyed,
    a_bundle_without_what_is_needed,
    a_file_in_the_way_of_a_mount_point,
];

fn create(world: &World, edit: impl FnOnce(&mut Spec)) -> Result<Container, Error> {
    let spec = world.spec("refused", false);
    let mut bundle = build(&spec, &Host::discover().unwrap());
    edit(&mut bundle);
    Container::create(&bundle, &Options::of(&spec))
}

/// The error's text; and a second attempt, which would meet what the first one left, works.
fn refused(edit: impl FnOnce(&mut Spec)) -> String {
    let world = World::new();
    let error = create(&world, edit).unwrap_err();
    let left = rustix::process::wait(rustix::process::WaitOptions::NOHANG);
    assert!(matches!(left, Err(rustix::io::Errno::CHILD)), "{left:?}");
    let mut container = create(&world, |_| {}).unwrap_or_else(|error| panic!("{}", chain(&error)));
    container.start().unwrap();
    let running = Running { container };
    running.says("true");
    chain(&error)
}

fn an_init_that_cannot_be_executed() {
    let world = World::new();
    let container = create(&world, |bundle| {
        bundle.process.args = vec!["/etc/passwd".to_owned()]
    });
    let mut container = container.unwrap();
    let error = container.start().unwrap_err();
    assert_eq!(
        chain(&error),
        "cannot set up the container: cannot execute /etc/passwd: Permission denied (os error 13)"
    );
    let again = container.start().unwrap_err();
    assert!(matches!(again, Error::Started), "{again}");
    destroy(&container);
}

fn a_mount_that_the_kernel_refuses() {
    let text = refused(|bundle| bundle.mounts[2].options.push("size=nonsense".to_owned()));
    assert!(text.contains("cannot mount /dev/shm: "), "{text}");
    assert!(text.contains("os error 22"), "{text}");
}

fn a_root_that_is_missing() {
    let text = refused(|bundle| bundle.root.path = "/nonexistent/root".into());
    assert!(
        text.ends_with("cannot bind /nonexistent/root: No such file or directory (os error 2)"),
        "{text}"
    );
}

fn a_name_that_is_in_use() {
    let world = World::new();
    let first = Running {
        container: create(&world, |_| {}).unwrap(),
    };
    let error = create(&world, |_| {}).unwrap_err();
    assert!(
        chain(&error).contains("the container's group refused exists and is in use"),
        "{}",
        chain(&error)
    );
    drop(first);
}

fn what_a_dead_attempt_left_is_replaced() {
    let world = World::new();
    let place = world.place.child("refused");
    drop(
        world
            .place
            .open()
            .unwrap()
            .create("refused")
            .unwrap()
            .create("init")
            .unwrap(),
    );
    let mut container = create(&world, |_| {}).unwrap();
    assert_eq!(*container.place(), place);
    container.start().unwrap();
    drop(Running { container });
}

fn a_container_that_never_starts_is_destroyed() {
    let world = World::new();
    let container = create(&world, |_| {}).unwrap();
    let stat = std::fs::read_to_string(format!(
        "/proc/{}/status",
        container.init().as_raw_nonzero()
    ));
    assert!(stat.unwrap().contains("NSpid"));
    destroy(&container);
}

fn a_bundle_without_what_is_needed() {
    let text = refused(|bundle| bundle.linux.namespaces.retain(|each| each.kind != "pid"));
    assert!(text.ends_with("there is no pid namespace"), "{text}");
    let text = refused(|bundle| bundle.linux.namespaces[0].kind = "time".to_owned());
    assert!(text.ends_with("no new namespace of type time"), "{text}");
    let text = refused(|bundle| {
        bundle.linux.seccomp.as_mut().unwrap().default_action = "SCMP_ACT_TRACE".to_owned();
    });
    assert!(text.contains("SCMP_ACT_TRACE"), "{text}");
}

fn a_file_in_the_way_of_a_mount_point() {
    let text = refused(|bundle| bundle.mounts[0].destination = "/etc/passwd".into());
    assert!(
        text.contains("make the mount point /etc/passwd: Not a directory"),
        "{text}"
    );
}
