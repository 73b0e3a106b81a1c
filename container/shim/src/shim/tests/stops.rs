//! Stopping and killing.

use super::*;
use crate::exit::Exit;
use crate::wire::Phase;

#[test]
fn stopping_asks_first_and_ends_children_too() {
    let world = World::new();
    let polite = world.shell("trap 'exit 42' TERM; echo up; while :; do sleep 0.01; done");
    let parent = world.shell("sleep 600 & echo up; wait");
    read_until(&polite, "up\n");
    read_until(&parent, "up\n");
    let begun = Instant::now();
    world.depot.stop(HANDLE, false).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert_eq!(polite.wait().unwrap().exit, Exit::Status(42));
    assert_eq!(parent.wait().unwrap().exit.code(), 143);
    let state = world.depot.state(HANDLE).unwrap();
    assert_eq!((state.phase, state.stopped), (Phase::Running, true));
    assert!(state.init > 0);
    // More may be run afterwards.
    assert_eq!(world.shell("exit 1").wait().unwrap().exit, Exit::Status(1));
}

#[test]
fn a_stubborn_process_is_killed_after_some_time_and_the_loop_goes_on_meanwhile() {
    // Ten seconds, where nobody says anything else.
    let stopping = Duration::from_secs(2);
    let world = World::with(Times {
        stopping,
        ..Times::default()
    });
    let stubborn = world.shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
    read_until(&stubborn, "up\n");
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| world.depot.stop(HANDLE, false));
        eventually("stopping", || world.depot.state(HANDLE).unwrap().stopped);
        // And so is the answer, long before that stop is over.
        assert!(!stop.is_finished());
        stop.join().unwrap().unwrap();
    });
    assert!(begun.elapsed() >= stopping);
    assert_eq!(stubborn.wait().unwrap().exit, Exit::Signal(9));
}

#[test]
fn killing_does_not_ask() {
    let world = World::new();
    let stubborn = world.shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
    read_until(&stubborn, "up\n");
    let begun = Instant::now();
    world.depot.stop(HANDLE, true).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert_eq!(stubborn.wait().unwrap().exit, Exit::Signal(9));
}

#[test]
fn an_impatient_second_stop_hurries_the_first() {
    let world = World::new();
    let stubborn = world.shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
    read_until(&stubborn, "up\n");
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| world.depot.stop(HANDLE, false));
        eventually("stopping", || world.depot.state(HANDLE).unwrap().stopped);
        world.depot.stop(HANDLE, true).unwrap();
        first.join().unwrap().unwrap();
    });
    assert!(begun.elapsed() < Duration::from_secs(9));
}

#[test]
fn when_init_ends_the_container_is_dead_but_still_tells_what_it_knows() {
    let world = World::new();
    let before = world.shell("exit 5");
    let id = before.id.clone();
    before.wait().unwrap();
    let init = world.depot.state(HANDLE).unwrap().init;
    let pid = rustix::process::Pid::from_raw(init).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    eventually("dead", || {
        world.depot.state(HANDLE).unwrap().phase == Phase::Dead
    });
    let state = world.depot.state(HANDLE).unwrap();
    assert_eq!((state.init, state.exit), (0, Some(Exit::Signal(9))));
    let error = world.depot.run(HANDLE, &shell("true")).unwrap_err();
    assert!(matches!(error, crate::Error::NotRunning { .. }), "{error}");
    assert_eq!(world.attach(&id).wait().unwrap().exit, Exit::Status(5));
    world.depot.stop(HANDLE, false).unwrap();
    // There is nothing left whose end could be waited for.
    let begun = Instant::now();
    drop(world);
    assert!(begun.elapsed() < Duration::from_secs(9));
}
