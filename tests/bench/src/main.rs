//! Benchmarks of whole flows, each beside its peer in the same run.
//!
//! `scripts/bench` builds and runs this as root; results go to `docs/benchmarks.md`. The
//! measuring happens in processes that this one puts where they belong: it starts itself
//! with a subcommand inside a sandbox of the test harness. Figures are medians, with the
//! first and the ninth decile; figures of peers come from the same run, in turns.

mod connections;
mod devicefilter;
mod director;
mod figures;
mod firewall;
mod garden;
mod rootfs;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            firewall::bench();
            connections::bench();
            devicefilter::bench();
            rootfs::bench();
            garden::bench(None);
        }
        ["firewall"] => firewall::bench(),
        ["connections"] => connections::bench(),
        ["devicefilter"] => devicefilter::bench(),
        ["rootfs"] => rootfs::bench(),
        ["garden"] => garden::bench(None),
        ["garden", part @ ("cycle" | "engines" | "alive" | "streams")] => garden::bench(Some(part)),
        ["director", flags @ ..] => match director::Options::read(flags) {
            Ok(options) => director::bench(&options),
            Err(wrong) => {
                eprintln!("warren-bench director: {wrong}");
                return ExitCode::from(2);
            }
        },
        ["inside", "firewall", runs] => firewall::inside(runs),
        ["inside", "connections", load, place, seconds] => {
            connections::inside(load, place, seconds)
        }
        ["inside", "devicefilter", directory, runs] => devicefilter::inside(directory, runs),
        // One of the harness's actors is this executable, too.
        ["serve", ..] => return warren_tests_harness::serve::main(),
        _ => {
            eprintln!(
                "usage: warren-bench [firewall|connections|devicefilter|rootfs|garden [cycle|engines|alive|streams]|director [FLAG...]]"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
