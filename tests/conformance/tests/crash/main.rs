//! A server that is killed 200 times, at any point, under load.
//!
//! ```text
//! 16 clients  create, run, run peas, stream in and out, NetIn, NetOut, properties,   ──┐
//!             grace times, bulk calls, destroy                                        ▼
//! this test   ── wait ─► kill -9 ─► all clients' calls have failed ─► start ─► compare ─┘ × 200
//!                                    (1 in 5: killed again as it starts)
//! ```
//!
//! What a client was answered has to hold after every start: containers are there with properties,
//! ports, rules, files and exit codes, or are gone. What was not answered may have happened or not, but not
//! by half. Containers that live through it all are never disturbed. In the end nothing is left.
//!
//! The seed is printed; `WARREN_SEED` repeats it, as far as threads let it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod caller;
mod load;
mod model;
mod random;
mod remains;
mod rules;
mod witness;

use std::sync::Arc;
use std::time::{Duration, Instant};

use warren_tests_conformance::garden::Server;
use warren_tests_harness::Leaks;

use load::Load;
use random::Random;
use remains::Remains;
use witness::Witness;

const KILLS: u32 = 200;
const CLIENTS: u64 = 16;
const WITNESSES: usize = 4;

#[test]
fn nothing_is_lost_and_nothing_is_left_however_often_the_server_is_killed() {
    let seed = random::seed();
    println!("WARREN_SEED={seed}");
    let began = Instant::now();
    let leaks = Leaks::snapshot();
    let mut random = Random::new(seed);
    let mut server = Server::new();
    // What a first container makes for good: the image's layers, where the next port is.
    let first = server.container();
    server.client().net_in(first.handle(), 0, 80).unwrap();
    drop(first);
    server.end("-TERM");
    server.start();
    let before = Remains::of(&server);
    let witnesses: Vec<Witness> = (0..WITNESSES)
        .map(|number| Witness::new(&server, number))
        .collect();
    let handles = witnesses.iter().map(|each| each.handle.clone()).collect();
    let load = Load::begin(&server, seed, CLIENTS, handles);
    let mut down = Duration::ZERO;
    for kill in 0..KILLS {
        std::thread::sleep(Duration::from_millis(random.below(300)));
        server.end("-KILL");
        let since = Instant::now();
        let pause = load.pause();
        while random.below(5) == 0 {
            // In the middle of what a start clears away.
            server.launch();
            std::thread::sleep(Duration::from_millis(random.below(60)));
            server.end("-KILL");
        }
        server.start();
        down += since.elapsed();
        load.check(&server, &format!("after kill {kill}"));
        for witness in &witnesses {
            witness.check(&server);
        }
        drop(pause);
    }
    let done = load.end();
    load.check(&server, "at the end");
    println!(
        "{KILLS} kills in {:?}, {down:?} of them down; {done}",
        began.elapsed()
    );
    load.destroy_all(&server);
    for witness in witnesses {
        witness.end(&server);
    }
    // What goes in the background is gone when the server has ended.
    server.end("-TERM");
    server.start();
    before.assert_same(&server);
    drop(Arc::into_inner(load));
    drop(server);
    leaks.assert_same();
}
