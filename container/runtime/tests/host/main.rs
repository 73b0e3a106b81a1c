//! Tests of the engine with the running kernel, as root.
//!
//! The engine wants a process of one thread, so this is its own test runner: each test runs in a
//! forked child, which is the container's keeper, and the runner looks for what is left afterwards.
//! The same executable is the init program of the containers, and with `bench` it tells how long
//! the life of one takes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports failure by panicking"
)]

mod bench;
mod cgroups;
mod init;
mod isolation;
mod own_root;
mod privileged;
mod process;
mod refused;
mod terminal;
mod users;
mod v1;
mod within;
mod world;

use std::panic::catch_unwind;
use std::process::ExitCode;

use rustix::process::{WaitOptions, waitpid};
use warren_sys_process::fork::{self, Fork};
use warren_tests_harness::Leaks;

/// A name and what to do.
type Test = (&'static str, fn());

/// Names tests by their paths.
#[macro_export]
macro_rules! tests {
    ($($name:path),* $(,)?) => {
        &[$((stringify!($name), $name as fn())),*]
    };
}

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    if program.ends_with("garden-init") {
        init::run();
    }
    let arguments: Vec<String> = arguments.collect();
    if arguments.first().is_some_and(|first| first == "bench") {
        bench::run();
        return ExitCode::SUCCESS;
    }
    if arguments.first().is_some_and(|first| first == "inner") {
        privileged::inner(arguments.get(1).is_some_and(|kind| kind == "privileged"));
        return ExitCode::SUCCESS;
    }
    if arguments.first().is_some_and(|first| first == "ids") {
        println!(
            "{} {}",
            rustix::process::getuid(),
            rustix::process::geteuid()
        );
        return ExitCode::SUCCESS;
    }
    // The usual runner's options mean nothing here.
    let mut filters = arguments;
    filters.retain(|each| !each.starts_with('-'));
    let chosen = |test: &&Test| {
        filters.is_empty() || filters.iter().any(|text| test.0.contains(text.as_str()))
    };
    let all = [
        isolation::TESTS,
        privileged::TESTS,
        cgroups::TESTS,
        v1::TESTS,
        process::TESTS,
        users::TESTS,
        terminal::TESTS,
        within::TESTS,
        own_root::TESTS,
        refused::TESTS,
    ];
    let mut failed = Vec::new();
    let mut passed = 0;
    for test in all.into_iter().flatten().filter(chosen) {
        match run(test) {
            Ok(()) => passed += 1,
            Err(why) => failed.push(format!("{}: {why}", test.0)),
        }
    }
    println!("{passed} passed, {} failed", failed.len());
    for line in &failed {
        println!("  {line}");
    }
    if failed.is_empty() && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one test in a child and looks for what it left.
fn run((name, test): &Test) -> Result<(), String> {
    let leaks = Leaks::snapshot();
    let pid = match fork::fork().map_err(|error| error.to_string())? {
        Fork::Child => {
            let ended = catch_unwind(test);
            fork::exit(if ended.is_ok() { 0 } else { 101 })
        }
        Fork::Parent(pid) => pid,
    };
    let (_, status) = waitpid(Some(pid), WaitOptions::empty())
        .map_err(|errno| errno.to_string())?
        .ok_or("no answer of the child")?;
    let mut left = leaks.difference(world::SOON);
    left.extend(world::v1_groups_of(pid));
    let outcome = match (status.exit_status(), left.is_empty()) {
        (Some(0), true) => Ok(()),
        (Some(0), false) => Err(format!("left behind:\n    {}", left.join("\n    "))),
        _ => Err("panicked or died, see above".to_owned()),
    };
    let word = if outcome.is_ok() { "ok" } else { "FAILED" };
    println!("test {name} ... {word}");
    outcome
}
