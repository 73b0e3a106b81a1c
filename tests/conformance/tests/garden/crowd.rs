//! Two hundred containers alive at once: each works, what they take is bounded, and nothing of them
//! is left.
//!
//! Memory is the proportional set size: what is shared, such as the program's own pages, counts once
//! for all. The targets are those of a release build, `cargo test --release`. Without
//! optimization the program is several times as large, and so are the pages of it that each process
//! has to itself: there the bound only shows that nothing grows without one.

use std::fs;
use std::path::Path;

use warren_tests_conformance::garden::{Container, Server};
use warren_tests_harness::Leaks;
use warren_wire_garden::container::Properties;

const MANY: usize = 200;
/// How many are made at the same time.
const AT_ONCE: usize = 4;
/// KiB.
const SERVER: u64 = if cfg!(debug_assertions) { 32 } else { 20 } * 1024;
/// KiB, for the shim and init of one container.
const CONTAINER: u64 = if cfg!(debug_assertions) { 4096 } else { 1536 };

#[test]
fn two_hundred_at_once_are_small_and_leave_nothing() {
    let leaks = Leaks::snapshot();
    {
        let server = Server::new();
        let containers = crowd(&server);
        let mut handles = server.client().list(&Properties::new()).unwrap();
        handles.sort();
        let mut made: Vec<&str> = containers.iter().map(Container::handle).collect();
        made.sort_unstable();
        assert_eq!(handles, made);
        // The last one made was not made at the cost of the first.
        for container in [containers.first(), containers.last()]
            .into_iter()
            .flatten()
        {
            assert_eq!(container.says("echo alive"), "alive");
        }
        let served = memory(server.pid());
        assert!(served < SERVER, "the server takes {served} KiB");
        let (count, taken) = shims_and_inits(&server);
        assert_eq!(count, MANY);
        let each = taken / MANY as u64;
        assert!(each < CONTAINER, "an idle container takes {each} KiB");
        println!("server {served} KiB, idle container {each} KiB");
        std::thread::scope(|scope| {
            let mut left = containers;
            while !left.is_empty() {
                let part = left.split_off(left.len().saturating_sub(MANY / AT_ONCE));
                scope.spawn(move || drop(part));
            }
        });
        assert!(server.client().list(&Properties::new()).unwrap().is_empty());
    }
    leaks.assert_same();
}

fn crowd(server: &Server) -> Vec<Container> {
    std::thread::scope(|scope| {
        let makers = (0..AT_ONCE).map(|_| {
            scope.spawn(|| {
                let made = (0..MANY / AT_ONCE).map(|_| server.container());
                made.collect::<Vec<_>>()
            })
        });
        let makers: Vec<_> = makers.collect();
        let made = makers.into_iter().map(|maker| maker.join().unwrap());
        made.flatten().collect()
    })
}

/// Proportional set size in KiB.
#[track_caller]
fn memory(pid: &str) -> u64 {
    let path = Path::new("/proc").join(pid).join("smaps_rollup");
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many shims of the server there are, and what they and their inits take, in KiB.
fn shims_and_inits(server: &Server) -> (usize, u64) {
    let depot = server.directory().join("depot").display().to_string();
    let (mut count, mut taken) = (0, 0);
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        // What is no process, or no longer one, has no command line.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        if line.contains("\0shim\0") && line.contains(&depot) {
            let children = format!("/proc/{pid}/task/{pid}/children");
            let children = fs::read_to_string(children).unwrap();
            let inits = children.split_whitespace().map(memory);
            taken += memory(&pid) + inits.sum::<u64>();
            count += 1;
        }
    }
    (count, taken)
}
