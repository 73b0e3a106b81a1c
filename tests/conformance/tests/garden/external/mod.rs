//! Containers made by runc and by crun, as Debian has them.
//!
//! What is asked here is what an external runtime could get wrong. All the rest of this executable
//! can be asked of one too: `WARREN_TEST_RUNTIME=/usr/sbin/runc cargo test -p
//! warren-tests-conformance --test garden`.

mod inside;
mod life;
mod usage;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use warren_tests_conformance::garden::{Container, Server};

/// Runs each test, a function of the runtime's path, with both.
macro_rules! with_each {
    ($($test:ident),* $(,)?) => {
        mod runc { $(#[test] fn $test() { super::$test(&super::super::installed("runc")); })* }
        mod crun { $(#[test] fn $test() { super::$test(&super::super::installed("crun")); })* }
    };
}
use with_each;

#[track_caller]
fn installed(name: &str) -> String {
    let directories = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
    let mut paths = directories.iter().map(|each| Path::new(each).join(name));
    match paths.find(|path| path.is_file()) {
        Some(path) => path.display().to_string(),
        None => panic!("{name} is missing: apt-get install {name}"),
    }
}

#[track_caller]
fn server(runtime: &str) -> Server {
    Server::builder().arguments(&["--runtime", runtime]).start()
}

#[track_caller]
fn privileged(server: &Server) -> Container {
    let mut spec = server.spec("");
    spec.privileged = true;
    server.create(&spec)
}

/// Where the depot keeps what is the runtime's.
fn state_of(server: &Server, handle: &str) -> PathBuf {
    let depot = server.directory().join("depot");
    depot.join(handle).join("runtime/state/container")
}

fn mask(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

fn bounding() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    mask(&status, "CapBnd:")
}

#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
