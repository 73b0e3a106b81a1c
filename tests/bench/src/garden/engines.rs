//! The built-in engine beside runc and crun as external runtimes, each in a server of its own.

use std::time::Duration;

use warren_tests_conformance::garden::Server;

use super::cycle::Steps;
use crate::figures::{Samples, table};

const RUNS: usize = 40;
const PAUSE: Duration = Duration::from_millis(150);

/// Turns of all three.
pub fn bench() {
    let with = |arguments: &[&str]| {
        let server = Server::builder().run_in_memory();
        server.arguments(arguments).start()
    };
    let servers = [
        with(&[]),
        with(&["--runtime", "crun"]),
        with(&["--runtime", "runc"]),
    ];
    let clients = servers.each_ref().map(Server::client);
    let mut whole: [Samples; 3] = Default::default();
    let mut steps: [[Samples; 3]; 3] = Default::default();
    for round in 0..RUNS + 3 {
        let is_warm = round >= 3;
        for (index, (server, client)) in servers.iter().zip(&clients).enumerate() {
            let spec = server.spec(&format!("cycle-{round}"));
            // What the one before left to the kernel is no cost of this one.
            std::thread::sleep(PAUSE);
            let cycle = Steps {
                client,
                spec: &spec,
                steps: is_warm.then_some(&mut steps[index]),
            };
            if is_warm {
                whole[index].time(|| cycle.cycle());
            } else {
                cycle.cycle();
            }
        }
    }
    let names = [
        "the built-in engine",
        "`--runtime crun`",
        "`--runtime runc`",
    ];
    table(
        "A container by each engine: create, run /bin/true, destroy",
        "ms",
        &[
            (names[0], &whole[0]),
            (names[1], &whole[1]),
            (names[2], &whole[2]),
        ],
        0,
    );
    for (step, title) in ["create", "run, to its exit status", "destroy"]
        .into_iter()
        .enumerate()
    {
        table(
            &format!("Of that: {title}"),
            "ms",
            &[
                (names[0], &steps[0][step]),
                (names[1], &steps[1][step]),
                (names[2], &steps[2][step]),
            ],
            0,
        );
    }
}
