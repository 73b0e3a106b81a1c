//! How long the life of a container takes: `cargo test --release --test host -- bench`.

use std::time::{Duration, Instant};

use warren_container_runtime::bundle;
use warren_container_runtime::engine::{Container, Options, Stdio};
use warren_container_runtime::groups;
use warren_container_runtime::host::Host;
use warren_container_runtime::spec::ProcessSpec;

use crate::world::{SOON, World, wait};

const ROUNDS: usize = 100;
const STEPS: [&str; 7] = ["facts", "create", "start", "exec", "wait", "destroy", "all"];

/// Measures and prints medians, for both kinds of container.
pub fn run() {
    for privileged in [false, true] {
        let world = World::new();
        let mut times: Vec<[Duration; 7]> = (0..ROUNDS).map(|_| one(&world, privileged)).collect();
        println!("privileged: {privileged}, medians of {ROUNDS} (10th to 90th percentile)");
        for (step, name) in STEPS.into_iter().enumerate() {
            times.sort_by_key(|each| each[step]);
            let at = |part: usize| times[ROUNDS * part / 100][step].as_secs_f64() * 1000.0;
            println!(
                "  {name:8} {:6.2} ms ({:.2} to {:.2})",
                at(50),
                at(10),
                at(90)
            );
        }
    }
}

fn one(world: &World, privileged: bool) -> [Duration; 7] {
    let spec = world.spec("bench", privileged);
    let begin = Instant::now();
    let mut last = begin;
    let mut lap = || {
        let now = Instant::now();
        now - std::mem::replace(&mut last, now)
    };
    let bundle = bundle::build(&spec, &Host::discover().unwrap());
    let facts = lap();
    let mut container = Container::create(&bundle, &Options::of(&spec)).unwrap();
    let create = lap();
    container.start().unwrap();
    let start = lap();
    let null = || {
        std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap()
            .into()
    };
    let process = ProcessSpec {
        path: "/bin/true".to_owned(),
        ..ProcessSpec::default()
    };
    let stdio = Stdio::Files {
        stdin: null(),
        stdout: null(),
        stderr: null(),
    };
    let pid = container.spawn(&process, stdio).unwrap();
    let exec = lap();
    assert_eq!(wait(pid), 0);
    let waited = lap();
    groups::destroy(container.place(), SOON).unwrap();
    wait(container.init());
    let destroy = lap();
    [facts, create, start, exec, waited, destroy, begin.elapsed()]
}
